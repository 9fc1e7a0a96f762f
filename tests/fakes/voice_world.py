"""A spoken conversation in virtual time: a caller with a script, and what they hear, when."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from libs.common.request_context import TenantId
from services.voice.audio import AudioForm, Samples
from services.voice.chunks import Chunk, Segment
from services.voice.conversing import ConverseEvent, Conversing, Opening
from services.voice.inbox import Interruption, Said
from services.voice.masking import Waits
from services.voice.phrases import PhraseMemory
from services.voice.reply_feed import SpokenTurn
from services.voice.speaking import TenantVoice
from services.voice.speech_stream import Finished
from services.voice.voices import Voices
from tests.fakes.scripted_router import ScriptedRouter
from tests.fakes.scripted_voice import ScriptedVoice

T = TypeVar("T")
TENANT = TenantId("rue-du-gros")


class VoiceWithLatency(ScriptedVoice):
    """Speaks twice as fast as it is heard, after `latency()` seconds."""

    def __init__(self, *, latency: Callable[[], float] = lambda: 0.0, name: str = "scripted") -> None:
        super().__init__(name)
        self.latency = latency
        self.stopped_at: list[float] = []

    async def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self.latency())
            pieces = super().stream(text, locale=locale, voice=voice, sample_rate_hz=sample_rate_hz)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
                    await asyncio.sleep(len(piece) / sample_rate_hz / 2)
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped_at.append(loop.time())
            raise


class OneTenant:
    def __init__(self, voice: TenantVoice) -> None:
        self.voice = voice

    async def of(self, tenant: TenantId) -> TenantVoice:
        return self.voice


@dataclass
class Call:
    """What a caller hears: each event with the second it came at."""

    events: list[tuple[float, ConverseEvent]] = field(default_factory=list)

    def of(self, kind: type[T]) -> list[T]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def finished(self) -> list[Finished]:
        return self.of(Finished)

    def chunks(self) -> list[tuple[float, Chunk]]:
        return [(at, event) for at, event in self.events if isinstance(event, Chunk)]

    def spans(self) -> list[tuple[str, Segment]]:
        return [(chunk.text_span, chunk.segment) for _, chunk in self.chunks() if chunk.text_span]

    def largest_silence_ms(self) -> float:
        """Returns the longest silence of a listener who plays every chunk when it comes, within one turn."""
        largest, ends = 0.0, None
        for at, event in self.events:
            if isinstance(event, Finished):
                ends = None
            elif isinstance(event, Chunk):
                largest = max(largest, (at - ends) * 1_000 if ends is not None else 0.0)
                ends = max(ends or at, at) + event.audio_ms / 1_000
        return largest


class VoiceWorld:
    """Conversations on a scripted voice and a scripted router; to be made on the loop that runs it."""

    def __init__(
        self,
        router: ScriptedRouter,
        *,
        voice: ScriptedVoice | None = None,
        phrases: dict[str, str] | None = None,
        waits: Waits | None = None,
        note: Callable[[Finished], None] = lambda _: None,
    ) -> None:
        self.router = router
        self.voice = voice or VoiceWithLatency()
        self.voices = Voices([self.voice])
        self.memory = PhraseMemory(self.voices)
        self.waits = waits or Waits()
        self.loop = asyncio.get_running_loop()
        self.conversing = Conversing(
            tenants=OneTenant(TenantVoice("fr-CI", phrases=phrases or {})),
            voices=self.voices,
            phrases=self.memory,
            router=router,
            waits=self.waits,
            note=note,
            now=self.loop.time,
        )

    async def call(self, *script: tuple[float, Said], until: Callable[[Call], bool] | None = None) -> Call:
        """Holds one conversation: each thing is said so many seconds after the one before; hangs up at `until`."""
        await self.memory.warm_up(["fr"])
        heard = Call()

        async def said() -> AsyncIterator[Said]:
            for seconds, item in script:
                await asyncio.sleep(seconds)
                yield item

        opening = Opening(AudioForm(), stream_id="s-1")
        async with aclosing(self.conversing.converse(TENANT, opening, said())) as events:
            async for event in events:
                heard.events.append((self.loop.time(), event))
                if until is not None and until(heard):
                    break
        return heard


def says(message: str, turn_id: str = "t1") -> SpokenTurn:
    return SpokenTurn(message, turn_id, None)


def barges_in(heard_ms: float = 0.0) -> Interruption:
    return Interruption(heard_ms)
