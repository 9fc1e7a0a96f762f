"""Speaks sentences one after the other with the first voice that can, going on with the next voice when one dies."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from libs.common.errors import Unavailable
from services.voice.audio import Samples
from services.voice.spoken_text import speakable
from services.voice.voices import Plan, Voices
from services.voice.watched_speech import is_billed

# A provider that is merely full, or too dear for this tenant, is worth asking again at once.
_PASSING_REASONS = frozenset({"ELEVENLABS_RATE_LIMITED", "ELEVENLABS_BUSY", "SPEECH_BUDGET_SPENT"})

_PIECES_AHEAD = 256


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples of one sentence, the one of that `index`; `begins` is its text on its first piece with a voice.

    `is_kept` is true for audio from memory.
    """

    samples: Samples
    begins: str
    voice: str
    index: int = 0
    is_kept: bool = False


@dataclass(slots=True)
class Narration:
    """What came of speaking so far: filled in by `narrate`."""

    reasons: list[str]
    spoken: list[str] = field(default_factory=list[str])
    billed_characters: int = 0
    complete: bool = True


async def narrate(
    sentences: Sequence[str] | AsyncIterable[str],
    *,
    plan: Plan,
    voices: Voices,
    sample_rate_hz: int,
    narration: Narration,
) -> AsyncGenerator[Piece, None]:
    """Yields the sentences as audio; of sentences that still come, each is asked for when the one before is made.

    A voice that dies amid a sentence is replaced by the next one, which says that sentence again from its beginning:
    nothing is lost. A sentence that no voice can say makes `complete` False, and with no voice left the narration ends.
    """
    candidates = list(plan.candidates)
    index = -1
    async for sentence in _each(sentences):
        index += 1
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
                        yield Piece(samples, begins, candidate.full_name, index)
                        begins, said = "", True
            except Unavailable as error:
                said = False
                candidates.remove(candidate)
                narration.reasons.append(error.reason)
                if candidate.provider.is_paid and not is_billed(error.reason):
                    narration.billed_characters -= len(text)
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


async def _each(sentences: Sequence[str] | AsyncIterable[str]) -> AsyncIterator[str]:
    if isinstance(sentences, AsyncIterable):
        async for sentence in sentences:
            yield sentence
        return
    for sentence in sentences:
        yield sentence


class Ahead:
    """Speech that is made before it is asked for, up to a limit; `on_change` is called when there is more."""

    def __init__(self, stream: AsyncGenerator[Piece, None], *, on_change: Callable[[], None] = lambda: None) -> None:
        self._stream = stream
        self._on_change = on_change
        self._room = asyncio.Semaphore(_PIECES_AHEAD)
        self._made: deque[Piece] = deque()

    async def produce(self) -> None:
        """Makes all of it."""
        async with aclosing(self._stream) as pieces:
            async for piece in pieces:
                await self._room.acquire()
                self._made.append(piece)
                self._on_change()

    def take(self) -> Piece | None:
        """Returns what is made and was not taken yet, or None."""
        if not self._made:
            return None
        self._room.release()
        return self._made.popleft()

    def close(self, _task: asyncio.Task[None]) -> None:
        """Says that nothing more comes."""
        self._on_change()
