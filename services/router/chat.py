"""The turn: from a customer's message to the reply, kept before it leaves."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from libs.common.errors import Exhausted, ReparteeError, Unavailable
from libs.common.request_context import RequestContext, TenantId
from libs.common.tenants.bundle import Limits, TenantBundle
from services.router.answers import CachedAnswer, Lookup
from services.router.assignment import Assignment, Pin
from services.router.conversations import (
    AlreadyAnswered,
    ConversationRef,
    Conversations,
    SlotAwaited,
    Snapshot,
    Superseded,
)
from services.router.counting import Counting
from services.router.earlier_answers import EarlierAnswers
from services.router.judging.standing import dealt_share
from services.router.ladder import RESERVE_SECONDS, EngineQuestion, Ladder, Served
from services.router.replies import cached_reply, served_reply
from services.router.rollout import Rollout
from services.router.shadow.shadowing import Shadow
from services.router.shown import Shown, Sink
from services.router.turn import NO_STATE, FlowState, Reply, Stored, Turn, Variant
from services.router.turn_limits import TurnLimits
from services.router.turn_order import TurnOrder, conversation_busy
from services.router.work import Work, commit_of, question_of

_MAX_TRIES = 5


class Tenants(Protocol):
    """The tenants' bundles."""

    async def get(self, tenant: TenantId) -> TenantBundle:
        """Returns a bundle; raises NotFound (TENANT_NOT_FOUND), or Unavailable when it was never loaded."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply as it leaves: how safely it is kept, and whether it is the reply of an earlier call."""

    reply: Reply
    stored: Stored
    replayed: bool = False


class Chat:
    """Answers turns. `conversations` must outlive its store; `new_id` makes turn ids, `trace_id` reads the current one.

    `clock` counts seconds since 1970, `now` is monotonic.
    """

    def __init__(
        self,
        *,
        tenants: Tenants,
        conversations: Conversations,
        earlier: EarlierAnswers,
        ladder: Ladder,
        rollout: Rollout,
        counting: Counting,
        limits: TurnLimits,
        new_id: Callable[[], str],
        trace_id: Callable[[], str],
        shadow: Shadow | None = None,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenants = tenants
        self._conversations = conversations
        self._earlier = earlier
        self._ladder = ladder
        self._rollout = rollout
        self._counting = counting
        self._limits = limits
        self._new_id = new_id
        self._trace_id = trace_id
        self._shadow = shadow
        self._clock = clock
        self._now = now
        self._order = TurnOrder()

    def opening(self, turn: Turn, call: RequestContext) -> tuple[Turn, Variant]:
        """Returns the turn with an id, and the variant it gets: what a stream says before the answer is known."""
        named = turn if turn.turn_id else replace(turn, turn_id=self._new_id())
        return named, self._assign(turn, call).variant

    async def reply(self, turn: Turn, call: RequestContext, sink: Sink | None = None) -> Answered:
        """Returns the reply; the turn is kept, or waits to be.

        A `sink` is shown the text as it comes, and at the end exactly the reply's. Cancelled, the turn is kept whole
        or not at all, and no other engine is asked.

        Raises NotFound (TENANT_NOT_FOUND), Exhausted (RATE_LIMITED), Conflict (CONVERSATION_BUSY), and the engine's
        error for a strict turn.
        """
        started = self._now()
        tenant = call.principal.require_tenant()
        try:
            bundle = await self._tenants.get(tenant)
        except Unavailable:
            bundle = None
        key = (tenant, turn.conversation_id)
        if (repeated := await self._admit(turn, call, bundle)) is not None:
            return repeated
        await self._order.enter(key, timeout_seconds=call.budget.timeout(60.0, reserve=RESERVE_SECONDS))
        try:
            shown = Shown(sink) if sink is not None else None
            work = Work(turn, call, bundle, turn.turn_id or self._new_id(), self._clock(), started, shown)
            for _ in range(_MAX_TRIES):
                answered = await self._try(work)
                if answered is not None:
                    if shown is not None:
                        shown.settle(answered.reply.text, reason="TEXT_REPLACED")
                    return answered
                if shown is not None:
                    shown.reset("CONVERSATION_CHANGED")
            raise conversation_busy()
        finally:
            self._order.leave(key)

    async def _admit(self, turn: Turn, call: RequestContext, bundle: TenantBundle | None) -> Answered | None:
        """Counts the turn against its tenant's limits; a refused one that was answered before gets its reply again."""
        try:
            await self._limits.admit(
                call.principal, turn.user_id or turn.conversation_id, bundle.limits if bundle else Limits()
            )
        except Exhausted:
            ref = ConversationRef(call.principal, turn.conversation_id)
            known = await self._conversations.load(ref, turn.turn_id) if turn.turn_id else None
            if known is None or known.first_reply is None:
                raise
            return Answered(known.first_reply, known.first_stored, replayed=True)
        return None

    async def _try(self, work: Work) -> Answered | None:
        """Returns the reply on the state as it is now; None when another turn changed that state first."""
        turn, call = work.turn, work.call
        ref = ConversationRef(call.principal, turn.conversation_id)
        assignment = self._assign(turn, call)
        lookup = Lookup(miss_reason="TENANT_UNAVAILABLE")
        if work.bundle is not None:
            lookup = await self._earlier.ask(turn, locale=work.locale, budget=call.budget)
        if lookup.hit is not None:
            answered = await self._repeat(work, ref, lookup.hit, assignment)
            if answered is not None:
                return answered
        served: Served | None = None
        try:
            answered, served = await self._answer(work, ref, lookup, assignment)
            return answered
        finally:
            self._earlier.settle(turn, call, locale=work.locale, lookup=lookup, served=served)

    async def _answer(
        self, work: Work, ref: ConversationRef, lookup: Lookup, assignment: Assignment
    ) -> tuple[Answered | None, Served | None]:
        """Returns the reply, and what served it when it is this call's own and kept."""
        turn, call = work.turn, work.call
        snapshot = await self._conversations.load(ref, turn.turn_id)
        if snapshot.first_reply is not None:
            return Answered(snapshot.first_reply, snapshot.first_stored, replayed=True), None
        if snapshot.began_with is not None:
            assignment = self._assign(turn, call, Pin(snapshot.began_with, snapshot.began_at))
        question, asked = question_of(work, lookup, snapshot, assignment), self._now()
        served = await self._serve(work, question, assignment)
        engine_seconds = self._now() - asked
        reply = served_reply(
            served,
            turn_id=work.turn_id,
            variant=assignment.variant,
            state=snapshot.state,
            miss_reason="SLOT_IN_PROGRESS" if snapshot.state.awaiting_slot else lookup.miss_reason,
            trace_id=self._trace_id(),
        )
        outcome = await self._conversations.commit(ref, commit_of(work, snapshot, reply, replied_at=self._clock()))
        if isinstance(outcome, Superseded):
            return None, None
        if isinstance(outcome, AlreadyAnswered):
            return Answered(outcome.reply, outcome.stored, replayed=True), None
        self._count(work, reply, assignment, before=snapshot.state)
        if self._shadow is not None:
            self._shadow.consider(question, served, call=call, seconds=engine_seconds)
        return Answered(reply, outcome.stored), served

    async def _repeat(
        self, work: Work, ref: ConversationRef, hit: CachedAnswer, assignment: Assignment
    ) -> Answered | None:
        """Returns the cached answer, kept; None when the message may fill a slot, and must go to an engine.

        The conversation is not read before: a hit changes no state, so one step of the store checks and keeps it.
        """
        reply = cached_reply(hit, turn_id=work.turn_id, variant=assignment.variant, trace_id=self._trace_id())
        outcome = await self._conversations.append(ref, commit_of(work, None, reply, replied_at=self._clock()))
        if isinstance(outcome, SlotAwaited):
            return None
        if isinstance(outcome, AlreadyAnswered):
            return Answered(outcome.reply, outcome.stored, replayed=True)
        if hit.recheck:
            self._earlier.recheck(work.call, hit, question=question_of(work, Lookup(), Snapshot(), assignment))
        if outcome.state is not NO_STATE:
            reply = replace(reply, state=outcome.state)
        self._count(work, reply, assignment, before=outcome.state)
        return Answered(reply, outcome.stored)

    def _assign(self, turn: Turn, call: RequestContext, pin: Pin | None = None) -> Assignment:
        return self._rollout.assignment(
            call.principal.require_tenant(), turn.conversation_id, user_id=turn.user_id, forced=turn.forced, pin=pin
        )

    async def _serve(self, work: Work, question: EngineQuestion, assignment: Assignment) -> Served:
        try:
            return await self._ladder.serve(
                question,
                assignment=assignment,
                bundle=work.bundle,
                budget=work.call.budget,
                strict=work.turn.strict,
                shown=work.shown,
            )
        except ReparteeError as error:
            self._counting.failed(
                work.call.principal.require_tenant(),
                work.turn.conversation_id,
                work.turn_id,
                assigned=assignment.variant,
                reason=error.reason,
                share=self._share(work, assignment),
                seconds=self._now() - work.started,
            )
            raise

    def _share(self, work: Work, assignment: Assignment) -> float | None:
        state = self._rollout.state(work.call.principal.require_tenant())
        return dealt_share(assignment.decided_by, state, pinned_at=assignment.pinned_at)

    def _count(self, work: Work, reply: Reply, assignment: Assignment, *, before: FlowState) -> None:
        self._counting.served(
            work.call.principal.require_tenant(),
            work.turn.conversation_id,
            reply,
            before=before,
            share=self._share(work, assignment),
            seconds=self._now() - work.started,
        )
