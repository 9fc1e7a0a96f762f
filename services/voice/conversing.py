"""A spoken conversation: turns in, replies spoken as they come, interrupted at will."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from libs.common.attributes import Names
from libs.common.errors import ReparteeError
from libs.common.request_context import TenantId
from libs.common.stages import begin_step
from services.voice.audio import AudioForm
from services.voice.chunks import ChunkAssembler
from services.voice.inbox import Inbox, Said
from services.voice.kept_phrases import KeptPhrases
from services.voice.masking import Waits, acknowledges
from services.voice.phrases import PhraseMemory
from services.voice.reply_feed import Replied, RouterEvent, RouterTurns, SpokenTurn
from services.voice.speaking import TenantVoices
from services.voice.speech_stream import Finished, Started
from services.voice.spoken_turn import Outlook, SpokenTurnRun, TurnEvent
from services.voice.voices import Voices

_log = logging.getLogger(__name__)

# The router ends a turn itself before this, with words of its own, so that they can still be spoken in time.
_TURN_SECONDS = 7.5
# How long a turn that was spoken over may take to be kept, before it is cancelled and never was.
_SETTLE_SECONDS = 3.0
_AMEND_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Opening:
    """How a conversation begins; `locale` is the tenant's when empty, `stream_id` comes back in the first event."""

    form: AudioForm = field(default_factory=AudioForm)
    locale: str = ""
    stream_id: str = ""


ConverseEvent = Started | TurnEvent


class Conversing:
    """Holds spoken conversations. `waits` learns from all of them, `note` is told of each turn that was spoken."""

    def __init__(
        self,
        *,
        tenants: TenantVoices,
        voices: Voices,
        phrases: PhraseMemory,
        router: RouterTurns,
        waits: Waits,
        note: Callable[[Finished], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenants = tenants
        self._voices = voices
        self._phrases = phrases
        self._router = router
        self._waits = waits
        self._note = note
        self._now = now

    async def converse(
        self, tenant: TenantId, opening: Opening, said: AsyncIterator[Said]
    ) -> AsyncGenerator[ConverseEvent, None]:
        """Yields `Started`, then for each turn its audio, its reply and `Finished`, until the caller ends.

        A turn that comes while another is spoken interrupts it. Raises NotFound (TENANT_NOT_FOUND), Unavailable
        (NO_VOICE), and what the router finds wrong with a turn.
        """
        voice = await self._tenants.of(tenant)
        plan = self._voices.plan_preferring(voice.voice, locale=opening.locale or voice.locale)
        phrases = KeptPhrases(voice.wording(plan.locale), self._phrases, plan, opening.form)
        first_voice = plan.candidates[0].full_name
        inbox = Inbox(now=self._now)
        talk = _Talk(tenant, phrases, ChunkAssembler(opening.form, voice=first_voice), inbox)
        async with _beside(inbox.read(said)), _beside(phrases.make_free()):
            yield Started(opening.form, first_voice, opening.stream_id)
            try:
                while True:
                    if talk.late_replies:
                        yield talk.late_replies.pop(0)
                    elif isinstance(item := inbox.peek(), SpokenTurn):
                        inbox.take()
                        async with aclosing(self._turn(talk, item)) as events:
                            async for event in events:
                                yield event
                    elif item is not None:
                        inbox.take()
                        if talk.last is not None:
                            run, reading = talk.last
                            run.cut_late(item.heard_ms)
                            talk.settling = asyncio.create_task(self._settle(talk, run, reading))
                    elif inbox.is_over and (talk.settling is None or talk.settling.done()):
                        return
                    else:
                        await inbox.wait_until(None)
            finally:
                if talk.settling is not None:
                    await asyncio.wait((talk.settling,))

    async def _turn(self, talk: "_Talk", turn: SpokenTurn) -> AsyncGenerator[TurnEvent, None]:
        phase = talk.phase
        step = begin_step("spoken-turn")
        run = SpokenTurnRun(
            turn,
            step=step,
            phrases=talk.phrases,
            voices=self._voices,
            assembler=talk.assembler,
            inbox=talk.inbox,
            outlook=Outlook(
                None if acknowledges(turn.message) else self._waits.forecast(talk.tenant, phase),
                phase,
                talk.last_filler,
                lambda wait_ms: self._waits.observe(talk.tenant, phase, wait_ms),
            ),
            now=self._now,
        )
        with step.within():
            reading = asyncio.create_task(run.feed.read(self._stream(turn, talk.settling)), name="spoken-reply")
        is_over = False
        try:
            async with aclosing(run.events(reading)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        self._note(event)
                    yield event
                    if talk.late_replies:
                        yield talk.late_replies.pop(0)
            is_over = True
        finally:
            talk.last_filler = run.last_filler
            if run.gave_up or not is_over:
                reading.cancel()
            talk.last = (run, reading)
            if run.heard_reply is not None:
                step.note(Names.INTERRUPTED, True)
            step.end()
            with step.within():
                talk.settling = asyncio.create_task(self._settle(talk, run, reading), name="spoken-turn-kept")

    async def _stream(self, turn: SpokenTurn, before: "asyncio.Task[None] | None") -> AsyncGenerator[RouterEvent, None]:
        """Yields the router's events once the turn before is kept as it was heard, because this one builds on it."""
        if before is not None:
            await asyncio.wait((before,))
        async with aclosing(self._router.stream(turn, timeout_seconds=_TURN_SECONDS)) as events:
            async for event in events:
                yield event

    async def _settle(self, talk: "_Talk", run: SpokenTurnRun, reading: "asyncio.Task[None]") -> None:
        """Lets the router keep a turn that was spoken over, and then only what was heard of it."""
        await asyncio.wait((reading,), timeout=_SETTLE_SECONDS)
        reading.cancel()
        with suppress(asyncio.CancelledError, ReparteeError):
            await reading
        replied = run.feed.replied
        if replied is not None:
            talk.phase = replied.phase
            if not run.told_reply and not run.gave_up:
                run.told_reply = True
                talk.late_replies.append(replied)
            heard = run.heard_reply
            if heard is not None and heard != replied.text:
                # A reply that was worded anew since was not heard at all.
                await self._amend(run.turn, heard if replied.text.startswith(heard) else "")
        talk.inbox.wake.set()

    async def _amend(self, turn: SpokenTurn, heard: str) -> None:
        try:
            await self._router.amend(turn, heard, timeout_seconds=_AMEND_SECONDS)
        except ReparteeError as error:
            _log.warning("a reply that was spoken over is kept as a whole: %s", error.reason)


@dataclass(slots=True)
class _Talk:
    tenant: TenantId
    phrases: KeptPhrases
    assembler: ChunkAssembler
    inbox: Inbox
    phase: str = ""
    last_filler: str = ""
    late_replies: list[Replied] = field(default_factory=list[Replied])
    # The turn before, and the task that reads its reply.
    last: "tuple[SpokenTurnRun, asyncio.Task[None]] | None" = None
    # Runs after each turn, until it is kept as it was heard.
    settling: "asyncio.Task[None] | None" = None


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
    """Runs `work` until the block ends, at the latest; raises what it raised."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
    if not task.cancelled():
        task.result()
