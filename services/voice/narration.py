"""Speaks sentences one after the other with the first voice that can, going on with the next voice when one dies."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from libs.common.errors import Unavailable
from services.voice.audio import Samples
from services.voice.numbers_fr import speakable_french
from services.voice.voices import Plan, Voices

# A provider that is merely full is worth asking again at once.
_PASSING_REASONS = frozenset({"ELEVENLABS_RATE_LIMITED", "ELEVENLABS_BUSY"})

_PIECES_AHEAD = 256


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
    nothing is lost. A sentence that no voice can say makes `complete` False, and with no voice left the narration ends.
    """
    candidates = list(plan.candidates)
    for sentence in sentences:
        text = speakable(sentence, plan.locale)
        said = False
        for candidate in tuple(candidates):
            begins = sentence
            narration.billed_characters += len(text) if candidate.provider.is_paid else 0
            stream = candidate.provider.stream(
                text, locale=plan.locale, voice=candidate.voice, sample_rate_hz=sample_rate_hz
            )
            try:
                async with aclosing(stream) as pieces:
                    async for samples in pieces:
                        yield Piece(samples, begins, candidate.full_name)
                        begins, said = "", True
            except Unavailable as error:
                said = False
                candidates.remove(candidate)
                narration.reasons.append(error.reason)
                if error.reason not in _PASSING_REASONS:
                    voices.set_aside(candidate.provider, error.reason)
                continue
            if said:
                narration.spoken.append(sentence)
                break
            # Not a failure: a local voice has no sound for another script.
            narration.reasons.append(f"{candidate.provider.name.upper()}_SILENT")
        narration.complete = narration.complete and said
        if not candidates:
            return


class Ahead:
    """Speech that is made before it is asked for, up to a limit."""

    def __init__(self, stream: AsyncGenerator[Piece, None]) -> None:
        self._stream = stream
        self._room = asyncio.Semaphore(_PIECES_AHEAD)
        self._made: asyncio.Queue[Piece | None] = asyncio.Queue()

    async def produce(self) -> None:
        """Makes all of it."""
        async with aclosing(self._stream) as pieces:
            async for piece in pieces:
                await self._room.acquire()
                self._made.put_nowait(piece)

    def close(self, _task: asyncio.Task[None]) -> None:
        """Says that nothing more comes."""
        self._made.put_nowait(None)

    async def pieces(self, task: asyncio.Task[None]) -> AsyncIterator[Piece]:
        """Yields what is made; raises what `task`, the making, raised."""
        while (piece := await self._made.get()) is not None:
            self._room.release()
            yield piece
        await task
