"""Says a text, and says a text behind a phrase that plays at once."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from libs.common.errors import FieldViolation, InvalidRequest, NotFound, Unavailable
from libs.common.request_context import TenantId
from services.voice.audio import AudioForm
from services.voice.chunks import ChunkAssembler, Segment
from services.voice.kept_phrases import KeptPhrases
from services.voice.masked_wait import MaskedWait
from services.voice.masking import GREETINGS, UNKNOWN, Mask
from services.voice.narration import Ahead, Narration, Piece, narrate
from services.voice.phrases import PhraseAudio, PhraseMemory, default_phrases
from services.voice.sentences import split_sentences
from services.voice.speech_stream import Finished, SpeechEvent, SpeechStream, Started
from services.voice.voices import Plan, Voices

_LONGEST_TEXT_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class TenantVoice:
    """What a tenant's bundle says about speech: `voice` may be empty, `phrases` are its own wordings by key."""

    locale: str
    voice: str = ""
    phrases: Mapping[str, str] = field(default_factory=dict[str, str])

    def wording(self, locale: str = "") -> dict[str, str]:
        """Returns every phrase by key: the built-in ones, replaced by the tenant's own where its language is spoken."""
        spoken = locale or self.locale
        defaults = default_phrases(spoken)
        if spoken.partition("-")[0] == self.locale.partition("-")[0]:
            return {**defaults, **self.phrases}
        # The tenant's wordings are of its own language.
        return {**self.phrases, **defaults}


class TenantVoices(Protocol):
    """Where tenants are described."""

    async def of(self, tenant: TenantId) -> TenantVoice:
        """Returns the tenant's voice; raises NotFound (TENANT_NOT_FOUND)."""
        ...


@dataclass(frozen=True, slots=True)
class Utterance:
    """What to say; `locale` and `voice` are the tenant's when empty. `turn_id` comes back in the first event."""

    text: str
    form: AudioForm = field(default_factory=AudioForm)
    locale: str = ""
    voice: str = ""
    turn_id: str = ""


@dataclass(frozen=True, slots=True)
class ListedPhrase:
    """A phrase of a tenant; `audio_ms` is 0 when its audio is not kept."""

    key: str
    text: str
    audio_ms: int


class Speaking:
    """Speaks for tenants.

    Closing a stream stops the voice within one piece of audio. Events: Started, chunks, Finished. `note` is told of
    each text that was spoken.
    """

    def __init__(
        self,
        *,
        tenants: TenantVoices,
        voices: Voices,
        phrases: PhraseMemory,
        note: Callable[[Finished], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenants = tenants
        self._voices = voices
        self._phrases = phrases
        self._note = note
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
        if phrase_key not in voice.wording(utterance.locale):
            raise NotFound("PHRASE_UNKNOWN", f"There is no phrase {phrase_key!r}; ListPhrases names them.")
        async with aclosing(self._speak(utterance, voice, begun=begun, opening_key=phrase_key)) as events:
            async for event in events:
                yield event

    async def list_phrases(self, tenant: TenantId) -> tuple[ListedPhrase, ...]:
        """Returns the tenant's phrases by key; raises NotFound (TENANT_NOT_FOUND)."""
        voice = await self._tenants.of(tenant)
        plan = self._voices.plan_preferring(voice.voice, locale=voice.locale)
        listed: list[ListedPhrase] = []
        for key, text in sorted(voice.wording().items()):
            audio = self._phrases.peek(text, plan=plan, sample_rate_hz=AudioForm().sample_rate_hz)
            listed.append(ListedPhrase(key, text, audio.audio_ms if audio else 0))
        return tuple(listed)

    async def _speak(
        self, utterance: Utterance, tenant: TenantVoice, *, begun: float, opening_key: str = ""
    ) -> AsyncGenerator[SpeechEvent, None]:
        _check_length(utterance.text)
        form = utterance.form
        plan = self._plan(utterance, tenant)
        narration = Narration(list(plan.reasons))
        phrases = KeptPhrases(tenant.wording(plan.locale), self._phrases, plan, form)
        opening = phrases.wording.get(opening_key, "")
        changed = asyncio.Event()
        async with self._ahead(self._pieces(utterance.text, phrases, narration), changed) as (ahead, task):
            first_voice = plan.candidates[0].full_name
            stream = SpeechStream(ChunkAssembler(form, voice=first_voice), begun=begun, now=self._now)
            yield Started(form, first_voice, utterance.turn_id)
            opened = False
            if opening:
                # A greeting is content itself: it masks nothing.
                segment = Segment.CONTENT if opening_key in GREETINGS else Segment.FILLER
                is_kept = phrases.audio(opening_key) is not None
                phrase = await phrases.make(opening_key, narration)
                opened = phrase is not None
                for chunk in stream.phrase(phrase, segment, opening, is_kept=is_kept):
                    yield chunk
            mask = Mask(forecast=UNKNOWN, phase="", lengths=phrases.lengths(), last_filler=opening_key)
            waiting = MaskedWait(mask if opened else None, stream, phrases, begun=begun, now=self._now)
            async with aclosing(waiting.chunks(ahead, task, changed)) as chunks:
                async for chunk in chunks:
                    yield chunk
            if waiting.is_over:
                narration.complete = False
                narration.reasons.append("ANSWER_TOO_LATE")
            if not narration.complete and not narration.spoken and not opened:
                apology = phrases.wording["apology"]
                excuse = phrases.audio("apology")
                if excuse is None and not stream.sent_any:
                    raise Unavailable("NO_VOICE", f"No voice could speak: {', '.join(narration.reasons)}.")
                for chunk in stream.phrase(excuse, Segment.CONTENT, apology):
                    yield chunk
            for chunk in stream.end():
                yield chunk
            spoken = ([opening] if opened else []) + waiting.played + narration.spoken
            finished = stream.finished(narration, spoken, turn_id=utterance.turn_id)
            self._note(finished)
            yield finished

    def _plan(self, utterance: Utterance, tenant: TenantVoice) -> Plan:
        locale = utterance.locale or tenant.locale
        if utterance.voice:
            return self._voices.plan(locale=locale, asked=utterance.voice)
        return self._voices.plan_preferring(tenant.voice, locale=locale)

    @asynccontextmanager
    async def _ahead(
        self, pieces: AsyncGenerator[Piece, None], changed: asyncio.Event
    ) -> AsyncGenerator[tuple[Ahead, "asyncio.Task[None]"], None]:
        """Makes the speech in a task of its own, begun before the block is entered and ended with it."""
        ahead = Ahead(pieces, on_change=changed.set)
        task = asyncio.create_task(ahead.produce())
        task.add_done_callback(ahead.close)
        try:
            # Lets the work begin before anything else happens.
            await asyncio.sleep(0)
            yield ahead, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _pieces(self, text: str, phrases: KeptPhrases, narration: Narration) -> AsyncGenerator[Piece, None]:
        """Returns the text as audio: from memory where it is a phrase that is kept, made now where it is not."""
        plan, sample_rate_hz = phrases.plan, phrases.form.sample_rate_hz
        kept = self._phrases.peek(text, plan=plan, sample_rate_hz=sample_rate_hz) if phrases.is_phrase(text) else None
        if kept is not None:
            return _recall(text, kept, narration)
        return narrate(
            split_sentences(text), plan=plan, voices=self._voices, sample_rate_hz=sample_rate_hz, narration=narration
        )


async def _recall(text: str, audio: PhraseAudio, narration: Narration) -> AsyncGenerator[Piece, None]:
    yield Piece(audio.samples, text, audio.voice, is_kept=True)
    narration.spoken.append(text)


def _check_length(text: str) -> None:
    if len(text.encode()) > _LONGEST_TEXT_BYTES:
        raise InvalidRequest(
            "INVALID_FIELD",
            "A text to say has at most 4,096 bytes.",
            violations=[FieldViolation("text", "expected at most 4,096 bytes")],
        )
