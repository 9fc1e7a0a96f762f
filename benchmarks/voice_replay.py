"""Spoken turns as a caller hears them, replayed in virtual time: silences, first sounds, and when the answer begins.

`python -m benchmarks.voice_replay` holds one conversation of 2,000 turns with the service's own code. The router's
first words take half a second to a second, a voice 280 ms, and every tenth turn 1.3 to 3.3 s more; a sentence is made
twice as fast as it is heard. The clock jumps from event to event, so that no machine slows it.
"""

import asyncio
import random
import statistics
import sys
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from benchmarks.figure import Figure
from benchmarks.voice_masking import SEED, spoken_lengths
from services.voice.audio import Samples
from services.voice.chunks import Chunk, Segment
from services.voice.phrases import default_phrases
from services.voice.speech_stream import Finished
from tests.fakes.scripted_router import ScriptedRouter, streamed
from tests.fakes.scripted_voice import MS_PER_CHARACTER
from tests.fakes.virtual_time import run_in_virtual_time
from tests.fakes.voice_world import Call, VoiceWithLatency, VoiceWorld, says

TURNS = 2_000
VOICE_SECONDS = 0.28
# A turn and the pause before the next, so that none interrupts another.
_EVERY_SECONDS = 30.0
_TEXT = "Votre colis part demain."


@dataclass(frozen=True)
class Replayed:
    """All in milliseconds: per turn the largest silence, the first sound and the answer's; the waits they masked."""

    silences: list[float]
    first_sounds: list[float]
    answers: list[float]
    waits: list[float]


class _MeasuredVoice(VoiceWithLatency):
    """Takes as long for a phrase as the local voice does."""

    def __init__(self, lengths_ms: Mapping[str, float]) -> None:
        super().__init__(latency=lambda: VOICE_SECONDS)
        self._lengths_ms = lengths_ms

    def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        letters = round(self._lengths_ms.get(text, len(text) * MS_PER_CHARACTER) / MS_PER_CHARACTER)
        return super().stream("x" * letters, locale=locale, voice=voice, sample_rate_hz=sample_rate_hz)


def replay(turns: int = TURNS, seed: int = SEED) -> Replayed:
    """Returns what the caller heard."""
    random_source = random.Random(seed)
    router_seconds = [
        random_source.uniform(0.5, 1.0) + (random_source.uniform(1.3, 3.3) if random_source.random() < 0.1 else 0)
        for _ in range(turns)
    ]

    lengths, wording = spoken_lengths(), default_phrases("fr")

    async def hold() -> Call:
        router = ScriptedRouter(*(streamed(_TEXT, after=seconds, phase="diagnostic") for seconds in router_seconds))
        world = VoiceWorld(router, voice=_MeasuredVoice({wording[key]: length for key, length in lengths.items()}))
        return await world.call(*((_EVERY_SECONDS, says("Où en est mon colis ?", f"t{turn}")) for turn in range(turns)))

    call = run_in_virtual_time(hold())
    began = call.events[0][0]
    finished, answers = call.finished, list[float]()
    asked, heard_until, is_answered = began + _EVERY_SECONDS, 0.0, False
    for at, event in call.events[1:]:
        if isinstance(event, Finished):
            asked, is_answered = asked + _EVERY_SECONDS, False
        elif isinstance(event, Chunk):
            if event.segment is Segment.CONTENT and not is_answered:
                is_answered = True
                # Sent ahead of the ear, and heard when what was sent before is over.
                answers.append((max(at, heard_until) - asked) * 1_000)
            heard_until = max(at, heard_until) + event.audio_ms / 1_000
    return Replayed(
        [each.largest_gap_ms for each in finished],
        [each.first_audio_ms for each in finished],
        answers,
        [(seconds + VOICE_SECONDS) * 1_000 for seconds in router_seconds],
    )


def figures(turns: int = TURNS) -> list[Figure]:
    """Returns what a caller is promised, replayed now."""
    heard = replay(turns)
    first = sorted(heard.first_sounds)
    return [
        Figure("voice_replay_largest_gap", max(heard.silences), "ms", ("<=", 400.5)),
        Figure("voice_replay_first_sound_p99", first[len(first) * 99 // 100], "ms", ("<=", 20)),
        Figure(
            "voice_replay_answer_start",
            statistics.fmean(heard.answers) / statistics.fmean(heard.waits),
            "ratio",
            ("<=", 1.15),
        ),
    ]


async def measure() -> list[Figure]:
    """As `figures`, off the event loop, because it runs one of its own."""
    return await asyncio.to_thread(figures)


def main() -> int:
    """Prints the figures; returns 1 when one falls short."""
    found = figures()
    for each in found:
        print(each)
    return 0 if all(each.met for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
