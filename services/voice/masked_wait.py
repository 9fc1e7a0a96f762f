"""The wait behind a phrase that was played at once, for a stream that is sent as fast as it is made."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from services.voice.chunks import Chunk, Segment
from services.voice.kept_phrases import KeptPhrases
from services.voice.masking import Mask, StepKind
from services.voice.narration import Ahead
from services.voice.speech_stream import SpeechStream

# Before a listener has heard all that was sent, what was kept back for a join is sent too.
TAIL_SECONDS = 0.02


class MaskedWait:
    """Sends speech that is made meanwhile, and plays phrases while it is not; without a `mask` it only waits.

    `played` are the texts of what was played, `is_over` says that the speech is no longer waited for.
    """

    def __init__(
        self, mask: Mask | None, stream: SpeechStream, phrases: KeptPhrases, *, begun: float, now: Callable[[], float]
    ) -> None:
        self._mask = mask
        self._stream = stream
        self._phrases = phrases
        self._begun = begun
        self._now = now
        self.played: list[str] = []
        self.is_over = False

    async def chunks(
        self, ahead: Ahead, making: "asyncio.Task[None]", changed: asyncio.Event
    ) -> AsyncGenerator[Chunk, None]:
        """Yields all that is made; `changed` is set when there is more. Raises what `making` raised."""
        while not self.is_over:
            if (piece := ahead.take()) is not None:
                for chunk in self._stream.piece(piece):
                    yield chunk
                if self._mask is not None:
                    self._mask.answered(self._stream.playback.ends_ms)
            elif making.done():
                making.result()
                return
            else:
                for chunk in await self._wait(changed):
                    yield chunk

    async def _wait(self, changed: asyncio.Event) -> list[Chunk]:
        """Waits for `changed`, or until something must be heard, and returns that."""
        playback = self._stream.playback
        if self._mask is None or playback.ends_at is None:
            await changed.wait()
            changed.clear()
            return []
        tail_at = playback.ends_at - TAIL_SECONDS
        if self._now() < tail_at:
            await self._wait_until(tail_at, changed)
            return []
        if rest := self._stream.rest():
            return rest
        step = self._mask.next(silent_since_ms=playback.ends_ms)
        due = self._begun + step.at_ms / 1_000
        if self._now() < due:
            await self._wait_until(due, changed)
            return []
        self._mask.played(step)
        self.is_over = step.kind is StepKind.FALLBACK
        audio = self._phrases.audio(step.key)
        if audio is None:
            return []
        self.played.append(self._phrases.wording[step.key])
        return self._stream.phrase(audio, Segment.FILLER, self._phrases.wording[step.key])

    async def _wait_until(self, at: float, changed: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(changed.wait(), max(0.001, at - self._now()))
        except TimeoutError:
            return
        changed.clear()
