"""A voice that does what its script says: a tone per character, failures, hangs, and a record of what was asked."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from libs.common.errors import Unavailable
from services.voice.audio import Samples
from services.voice.voices import VoiceState

# A character lasts as long as in speech: about 15 a second.
MS_PER_CHARACTER = 66


class ScriptedVoice:
    """Speaks a 440 Hz tone in pieces of 50 ms. Each call consumes one of `fail_after_pieces`; None: to the end."""

    def __init__(
        self,
        name: str = "scripted",
        *,
        is_paid: bool = False,
        can_speak: bool = True,
        languages: tuple[str, ...] = ("fr", "en"),
    ) -> None:
        self.name = name
        self.is_paid = is_paid
        self.model = "scripted-1"
        self.can_speak = can_speak
        self.languages = languages
        self.fail_after_pieces: list[int | None] = []
        self.failure_reason = f"{name.upper()}_FAILED"
        # A text that holds this word gives no audio.
        self.silent_word = "🤫"
        self.asked: list[str] = []
        self.pieces_made = 0
        self.closed_early = asyncio.Event()
        # Cleared: the voice waits before every piece.
        self.may_speak = asyncio.Event()
        self.may_speak.set()

    def state(self) -> VoiceState:
        if self.can_speak:
            return VoiceState(True)
        return VoiceState(False, f"{self.name.upper()}_NOT_CONFIGURED", f"{self.name} is not configured.")

    def voice_for(self, locale: str, asked: str) -> str | None:
        if asked:
            return asked if asked in ("one", "two") else None
        return "one" if locale.partition("-")[0] in self.languages else None

    async def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        self.asked.append(text)
        limit = self.fail_after_pieces.pop(0) if self.fail_after_pieces else None
        if self.silent_word in text:
            return
        count = max(1, len(text) * MS_PER_CHARACTER // 50)
        size = sample_rate_hz * 50 // 1_000
        try:
            for piece in range(count):
                await self.may_speak.wait()
                if limit is not None and piece >= limit:
                    raise Unavailable(self.failure_reason, "Scripted failure.")
                time = (np.arange(size) + piece * size) / sample_rate_hz
                self.pieces_made += 1
                yield (8_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
        except (asyncio.CancelledError, GeneratorExit):
            self.closed_early.set()
            raise

    async def aclose(self) -> None:
        self.can_speak = False
