"""Says a text, and says a text behind a phrase that plays at once."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from libs.common.errors import FieldViolation, InvalidRequest, NotFound, Unavailable
from libs.common.request_context import TenantId
from services.voice.audio import AudioForm
from services.voice.chunks import Chunk, ChunkAssembler, Segment
from services.voice.narration import Narration, Piece, narrate
from services.voice.phrases import DEFAULT_PHRASES, PhraseAudio, PhraseMemory
from services.voice.sentences import split_sentences
from services.voice.voices import Plan, Voices

_LONGEST_TEXT_BYTES = 4_096
# A phrase goes out in one to five messages.
_PHRASE_CHUNK_MS = 1_000
_PHRASE_CHUNKS = 5
_PIECES_AHEAD = 256


@dataclass(frozen=True, slots=True)
class TenantVoice:
    """What a tenant's bundle says about speech: `voice` may be empty, `phrases` are its own wordings by key."""

    locale: str
    voice: str = ""
    phrases: Mapping[str, str] = field(default_factory=dict[str, str])

    def wording(self) -> dict[str, str]:
        """Returns every phrase by key: the built-in ones, then the tenant's own."""
        return {**DEFAULT_PHRASES, **self.phrases}


class TenantVoices(Protocol):
    """Where tenants are described."""

    async def of(self, tenant: TenantId) -> TenantVoice:
        """Returns the tenant's voice; raises NotFound (TENANT_NOT_FOUND)."""
        ...


@dataclass(frozen=True, slots=True)
class Utterance:
    """What to say; `locale` and `voice` are the tenant's when empty. `turn_id` comes back in the first event."""

    text: str
    form: AudioForm = AudioForm()
    locale: str = ""
    voice: str = ""
    turn_id: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """First event of every stream."""

    form: AudioForm
    voice: str
    turn_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Last event of every stream; `spoken_text` holds the sentences whose audio was sent to its end."""

    complete: bool
    spoken_text: str
    audio_ms: int
    billed_characters: int
    reasons: tuple[str, ...]
    first_audio_ms: float


SpeechEvent = Started | Chunk | Finished


class Speaking:
    """Speaks for tenants.

    Closing a stream stops the voice within one piece of audio. Events: Started, chunks, Finished.
    """

    def __init__(
        self,
        *,
        tenants: TenantVoices,
        voices: Voices,
        phrases: PhraseMemory,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenants = tenants
        self._voices = voices
        self._phrases = phrases
        self._now = now

    async def say(self, tenant: TenantId, utterance: Utterance) -> AsyncGenerator[SpeechEvent, None]:
        """Yields `utterance.text` as audio.

        Raises NotFound (TENANT_NOT_FOUND), InvalidRequest (VOICE_UNKNOWN, INVALID_FIELD) and Unavailable (NO_VOICE).
        """
        begun = self._now()
        voice = await self._tenants.of(tenant)
        async with aclosing(self._speak(utterance, voice, begun=begun)) as events:
            async for event in events:
                yield event

    async def say_hybrid(
        self, tenant: TenantId, phrase_key: str, utterance: Utterance
    ) -> AsyncGenerator[SpeechEvent, None]:
        """Yields the phrase from memory at once, then `utterance.text`, whose making has begun before the phrase.

        Raises as `say`, and NotFound (PHRASE_UNKNOWN).
        """
        begun = self._now()
        voice = await self._tenants.of(tenant)
        wording = voice.wording().get(phrase_key)
        if wording is None:
            raise NotFound("PHRASE_UNKNOWN", f"There is no phrase {phrase_key!r}; ListPhrases names them.")
        async with aclosing(self._speak(utterance, voice, begun=begun, opening=wording)) as events:
            async for event in events:
                yield event

    async def _speak(
        self, utterance: Utterance, tenant: TenantVoice, *, begun: float, opening: str = ""
    ) -> AsyncGenerator[SpeechEvent, None]:
        _check_length(utterance.text)
        form = utterance.form
        plan = self._voices.plan(locale=utterance.locale or tenant.locale, asked=utterance.voice or tenant.voice)
        narration = Narration(list(plan.reasons))
        sentences = split_sentences(utterance.text)
        async with self._ahead(sentences, plan, form, narration) as pieces:
            first_voice = plan.candidates[0].full_name
            stream = _Stream(ChunkAssembler(form, voice=first_voice), begun=begun, now=self._now)
            yield Started(form, first_voice, utterance.turn_id)
            opened = False
            if opening:
                phrase = await self._phrases.get(
                    opening, plan=plan, sample_rate_hz=form.sample_rate_hz, narration=narration
                )
                opened = phrase is not None
                for chunk in stream.phrase(phrase, Segment.FILLER, opening):
                    yield chunk
            async for piece in pieces:
                for chunk in stream.piece(piece):
                    yield chunk
            if not narration.complete and not narration.spoken and not opened:
                apology = tenant.wording()["apology"]
                excuse = self._phrases.peek(apology, plan=plan, sample_rate_hz=form.sample_rate_hz)
                if excuse is None and not stream.sent_any:
                    raise Unavailable("NO_VOICE", f"No voice could speak: {', '.join(narration.reasons)}.")
                for chunk in stream.phrase(excuse, Segment.CONTENT, apology):
                    yield chunk
            for chunk in stream.end():
                yield chunk
            spoken = ([opening] if opened else []) + narration.spoken
            yield stream.finished(narration, spoken)

    @asynccontextmanager
    async def _ahead(
        self, sentences: Sequence[str], plan: Plan, form: AudioForm, narration: Narration
    ) -> AsyncIterator[AsyncIterator[Piece]]:
        """Makes the speech in a task of its own, begun before the block is entered and ended with it."""
        stream = narrate(
            sentences, plan=plan, voices=self._voices, sample_rate_hz=form.sample_rate_hz, narration=narration
        )
        ahead = _Ahead(stream)
        task = asyncio.create_task(ahead.produce())
        task.add_done_callback(ahead.close)
        try:
            # Lets the work begin before anything else happens.
            await asyncio.sleep(0)
            yield ahead.pieces(task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class _Ahead:
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


class _Stream:
    """The chunks of one stream, and when the first of them went out."""

    def __init__(self, assembler: ChunkAssembler, *, begun: float, now: Callable[[], float]) -> None:
        self._assembler = assembler
        self._begun = begun
        self._now = now
        self._first_audio_ms = 0.0

    @property
    def sent_any(self) -> bool:
        """True once a chunk was handed out."""
        return self._first_audio_ms > 0

    def phrase(self, audio: PhraseAudio | None, segment: Segment, text: str) -> list[Chunk]:
        """Returns the chunks of a kept phrase; none when there is no audio of it."""
        if audio is None:
            return []
        chunks = self._assembler.begin(segment, text, voice=audio.voice)
        size_ms = max(_PHRASE_CHUNK_MS, audio.audio_ms // (_PHRASE_CHUNKS - 1))
        chunks += self._assembler.push(audio.samples, chunk_ms=size_ms)
        return self._noted(chunks + self._assembler.flush())

    def piece(self, piece: Piece) -> list[Chunk]:
        """Returns the chunks that a piece of speech completes."""
        chunks = self._assembler.begin(Segment.CONTENT, piece.begins, voice=piece.voice) if piece.begins else []
        return self._noted(chunks + self._assembler.push(piece.samples))

    def end(self) -> list[Chunk]:
        """Returns the last chunk."""
        return self._noted(self._assembler.finish())

    def finished(self, narration: Narration, spoken: Sequence[str]) -> Finished:
        """Returns the closing event."""
        return Finished(
            complete=narration.complete,
            spoken_text=" ".join(spoken),
            audio_ms=self._assembler.audio_ms,
            billed_characters=narration.billed_characters,
            reasons=tuple(narration.reasons),
            first_audio_ms=self._first_audio_ms,
        )

    def _noted(self, chunks: list[Chunk]) -> list[Chunk]:
        if chunks and not self._first_audio_ms:
            self._first_audio_ms = max((self._now() - self._begun) * 1_000, 0.001)
        return chunks


def _check_length(text: str) -> None:
    if len(text.encode()) > _LONGEST_TEXT_BYTES:
        raise InvalidRequest(
            "INVALID_FIELD",
            "A text to say has at most 4,096 bytes.",
            violations=[FieldViolation("text", "expected at most 4,096 bytes")],
        )
