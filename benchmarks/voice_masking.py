"""Masked waits on simulated turns: the first sound, the largest silence, the beginning of the answer.

`python -m benchmarks.voice_masking` prints a table of the policies, each on the same waits with a fixed seed: a model
of half a second to a second and a voice of 280 ms, every tenth turn 1.3 to 3.3 s slower.
"""

import asyncio
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from benchmarks.figure import Figure
from libs.common.request_context import TenantId
from services.voice.adapters.pico_speech import PicoSpeech
from services.voice.masking import Mask, StepKind, Waits
from services.voice.phrases import default_phrases

TURNS = 2_000
SEED = 20_251
TENANT, PHASE = TenantId("simulated"), "diagnostic"
# As the local voice speaks the built-in French phrases, without the silence at their ends: where it is not installed.
LENGTHS_MS: Mapping[str, float] = {
    "filler_hum": 1_690.0,
    "filler_ok": 1_187.0,
    "filler_one_moment": 1_485.0,
    "filler_let_me_see": 1_320.0,
    "apology_wait": 1_072.0,
    "apology_hold": 1_172.0,
}


def spoken_lengths() -> Mapping[str, float]:
    """Returns how long each phrase takes the local voice now, in milliseconds."""

    async def measured() -> dict[str, float]:
        pico, wording = PicoSpeech(), default_phrases("fr")
        try:
            if not pico.state().can_speak:
                return dict(LENGTHS_MS)
            return {key: await _spoken_ms(pico, wording[key]) for key in LENGTHS_MS}
        finally:
            await pico.aclose()

    return asyncio.run(measured())


async def _spoken_ms(pico: PicoSpeech, text: str) -> float:
    stream = pico.stream(text, locale="fr-FR", voice="fr-FR", sample_rate_hz=8_000)
    async with aclosing(stream) as pieces:
        return sum([len(piece) async for piece in pieces]) / 8.0


@dataclass(frozen=True)
class Heard:
    """One turn as a caller hears it, in milliseconds after it came in, and the largest silence within it."""

    first_sound: float
    largest_silence: float
    answer: float
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What a policy comes to, in milliseconds."""

    policy: str
    first_sound_p50: float
    first_sound_p99: float
    silence_mean: float
    silence_p95: float
    silence_max: float
    answer_mean: float


def waits(turns: int = TURNS, seed: int = SEED) -> list[float]:
    """Returns how long each answer takes to its first sound."""
    random_source = random.Random(seed)
    return [
        random_source.uniform(500, 1_000)
        + 280
        + (random_source.uniform(1_300, 3_300) if random_source.random() < 0.1 else 0)
        for _ in range(turns)
    ]


def hear(mask: Mask, wait: float, lengths: Mapping[str, float] = LENGTHS_MS) -> Heard:
    """Plays one turn with `mask`, whose answer is ready after `wait`."""
    step, first_sound, silent_since, largest, steps = mask.first(), None, 0.0, 0.0, list[str]()
    while step.at_ms < wait:
        if first_sound is None:
            first_sound = step.at_ms
        else:
            largest = max(largest, step.at_ms - silent_since)
        mask.played(step)
        steps.append(step.key)
        silent_since = step.at_ms + lengths.get(step.key, 3_000.0)
        if step.kind is StepKind.FALLBACK:
            return Heard(first_sound, largest, step.at_ms, tuple(steps))
        step = mask.next(silent_since_ms=silent_since)
    answer = max(wait, silent_since)
    if first_sound is None:
        return Heard(wait, 0.0, wait, ())
    return Heard(first_sound, max(largest, answer - silent_since), answer, tuple(steps))


def with_no_filler(all_waits: Sequence[float]) -> list[Heard]:
    """Returns the turns without a mask."""
    return [Heard(wait, 0.0, wait, ()) for wait in all_waits]


def with_a_random_filler(
    all_waits: Sequence[float], lengths: Mapping[str, float] = LENGTHS_MS, seed: int = SEED
) -> list[Heard]:
    """Returns the turns with one filler at once, whichever, and nothing after it."""
    random_source = random.Random(seed)
    fillers = [length for key, length in lengths.items() if key.startswith("filler")]
    ends = [random_source.choice(fillers) for _ in all_waits]
    return [
        Heard(1.0, max(0.0, wait - end), max(wait, end), ("filler",)) for wait, end in zip(all_waits, ends, strict=True)
    ]


def with_a_mask(
    all_waits: Sequence[float], lengths: Mapping[str, float] = LENGTHS_MS, *, gated: bool = False
) -> list[Heard]:
    """Returns the turns as the service masks them, learning from each; `gated` never begins at once."""
    learned, last, heard = Waits(), "", list[Heard]()
    for wait in all_waits:
        forecast = learned.forecast(TENANT, PHASE)
        if gated:
            forecast = replace(forecast, p50=0.0)
        mask = Mask(forecast=forecast, phase=PHASE, lengths=lengths, last_filler=last)
        heard.append(hear(mask, wait, lengths))
        last = mask.last_filler
        learned.observe(TENANT, PHASE, wait)
    return heard


def row(policy: str, heard: Sequence[Heard]) -> Row:
    """Returns the figures of a policy."""
    first = sorted(turn.first_sound for turn in heard)
    silence = sorted(turn.largest_silence for turn in heard)
    return Row(
        policy,
        first[len(first) // 2],
        first[len(first) * 99 // 100],
        statistics.fmean(silence),
        silence[len(silence) * 95 // 100],
        silence[-1],
        statistics.fmean(turn.answer for turn in heard),
    )


def table(lengths: Mapping[str, float] = LENGTHS_MS) -> list[Row]:
    """Returns the policies, each on the same waits and with phrases of these lengths."""
    all_waits = waits()
    return [
        row("none", with_no_filler(all_waits)),
        row("a random filler at once", with_a_random_filler(all_waits, lengths)),
        row("gate and chain", with_a_mask(all_waits, lengths, gated=True)),
        row("as served: at once, and chain", with_a_mask(all_waits, lengths)),
    ]


def figures() -> list[Figure]:
    """Returns what the policy promises, simulated now."""
    rows = table(spoken_lengths())
    bare, served = rows[0], rows[-1]
    return [
        Figure("voice_silence_p95", served.silence_p95, "ms", ("<=", 400)),
        Figure("voice_silence_max", served.silence_max, "ms", ("<=", 400)),
        Figure("voice_first_sound_p50", served.first_sound_p50, "ms", ("<=", 20)),
        Figure("voice_answer_start", served.answer_mean / bare.answer_mean, "ratio", ("<=", 1.15)),
    ]


async def measure() -> list[Figure]:
    """As `figures`, off the event loop, because it runs one of its own."""
    return await asyncio.to_thread(figures)


def main() -> int:
    """Prints the table, then the figures; returns 1 when one falls short."""
    print(f"{'policy':32} {'first p50':>9} {'p99':>7} {'silence mean':>12} {'p95':>7} {'max':>7} {'answer mean':>11}")
    for each in table(spoken_lengths()):
        print(
            f"{each.policy:32} {each.first_sound_p50:9.0f} {each.first_sound_p99:7.0f} {each.silence_mean:12.0f} "
            f"{each.silence_p95:7.0f} {each.silence_max:7.0f} {each.answer_mean:11.0f}"
        )
    found = figures()
    for each in found:
        print(each)
    return 0 if all(each.met for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
