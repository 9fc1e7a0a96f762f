"""Speaks sentences one after the other with the first voice that can, going on with the next voice when one dies."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from libs.common.errors import Unavailable
from services.voice.audio import Samples
from services.voice.numbers_fr import speakable_french
from services.voice.voices import Plan, Voices

# A provider that is merely full is worth asking again at once.
_PASSING_REASONS = frozenset({"ELEVENLABS_RATE_LIMITED", "ELEVENLABS_BUSY"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one sentence. `begins` is the sentence on its first piece with a voice, else empty."""

    samples: Samples
    begins: str
    voice: str


@dataclass(slots=True)
class Narration:
    """What came of speaking so far: filled in by `narrate`."""

    reasons: list[str]
    spoken: list[str] = field(default_factory=list[str])
    billed_characters: int = 0
    complete: bool = True


def speakable(text: str, locale: str) -> str:
    """Returns `text` with its figures written out where the language has rules for it (French)."""
    return speakable_french(text) if locale.partition("-")[0] == "fr" else text


async def narrate(
    sentences: Sequence[str], *, plan: Plan, voices: Voices, sample_rate_hz: int, narration: Narration
) -> AsyncGenerator[Piece, None]:
    """Yields the sentences as audio.

    A voice that dies amid a sentence is replaced by the next one, which says that sentence again from its beginning:
    nothing is lost. With no voice left the narration ends with `complete` False.
    """
    candidates = list(plan.candidates)
    for sentence in sentences:
        text = speakable(sentence, plan.locale)
        while candidates:
            candidate = candidates[0]
            begins = sentence
            narration.billed_characters += len(text) if candidate.provider.is_paid else 0
            stream = candidate.provider.stream(
                text, locale=plan.locale, voice=candidate.voice, sample_rate_hz=sample_rate_hz
            )
            try:
                async with aclosing(stream) as pieces:
                    async for samples in pieces:
                        yield Piece(samples, begins, candidate.full_name)
                        begins = ""
                break
            except Unavailable as error:
                narration.reasons.append(error.reason)
                if error.reason not in _PASSING_REASONS:
                    voices.set_aside(candidate.provider, error.reason)
                candidates.pop(0)
        if not candidates:
            narration.complete = False
            return
        narration.spoken.append(sentence)
