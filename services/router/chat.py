"""The turn: from a customer's message to the reply, kept before it leaves."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from libs.common.errors import ReparteeError, Unavailable
from libs.common.request_context import Budget, RequestContext, TenantId, use_context
from libs.common.tenants.bundle import TenantBundle
from services.router.answers import Answers, CachedAnswer, Lookup, NewAnswer
from services.router.assignment import Assignment
from services.router.background import Background
from services.router.conversations import (
    AlreadyAnswered,
    Commit,
    ConversationRef,
    Conversations,
    SlotAwaited,
    Snapshot,
    Superseded,
)
from services.router.ladder import RESERVE_SECONDS, EngineAnswer, EngineQuestion, Ladder, Served
from services.router.replies import cached_reply, served_reply
from services.router.rollout import Rollout
from services.router.tally import Tally
from services.router.turn import NO_STATE, Message, Reply, Stored, Turn, Variant
from services.router.turn_order import TurnOrder, conversation_busy

CACHE_TIMEOUT_SECONDS = 0.15
# How far a customer's clock may be off before the router's is taken.
MAX_CLOCK_ERROR_SECONDS = 86_400.0
_STORE_ANSWER_SECONDS = 2.0
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
        answers: Answers,
        ladder: Ladder,
        rollout: Rollout,
        tally: Tally,
        background: Background,
        new_id: Callable[[], str],
        trace_id: Callable[[], str],
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenants = tenants
        self._conversations = conversations
        self._answers = answers
        self._ladder = ladder
        self._rollout = rollout
        self._tally = tally
        self._background = background
        self._new_id = new_id
        self._trace_id = trace_id
        self._clock = clock
        self._now = now
        self._order = TurnOrder()

    def opening(self, turn: Turn, call: RequestContext) -> tuple[Turn, Variant]:
        """Returns the turn with an id, and the variant it gets: what a stream says before the answer is known."""
        named = turn if turn.turn_id else replace(turn, turn_id=self._new_id())
        return named, self._rollout.assignment(call.principal.require_tenant(), turn.conversation_id).variant

    async def reply(self, turn: Turn, call: RequestContext) -> Answered:
        """Returns the reply; the turn is kept, or waits to be.

        Raises NotFound (TENANT_NOT_FOUND), Conflict (CONVERSATION_BUSY), and the engine's error for a strict turn.
        """
        started = self._now()
        tenant = call.principal.require_tenant()
        try:
            bundle = await self._tenants.get(tenant)
        except Unavailable:
            bundle = None
        key = (tenant, turn.conversation_id)
        await self._order.enter(key, timeout_seconds=call.budget.timeout(60.0, reserve=RESERVE_SECONDS))
        try:
            work = _Work(turn, call, bundle, turn.turn_id or self._new_id(), self._clock(), started)
            for _ in range(_MAX_TRIES):
                answered = await self._try(work)
                if answered is not None:
                    return answered
            raise conversation_busy()
        finally:
            self._order.leave(key)

    async def _try(self, work: "_Work") -> Answered | None:
        """Returns the reply on the state as it is now; None when another turn changed that state first."""
        turn, call = work.turn, work.call
        ref = ConversationRef(call.principal, turn.conversation_id)
        assignment = self._rollout.assignment(call.principal.require_tenant(), turn.conversation_id)
        lookup = await self._look_up(work)
        if lookup.hit is not None:
            answered = await self._repeat(work, ref, lookup.hit, assignment.variant)
            if answered is not None:
                return answered
        snapshot = await self._conversations.load(ref, turn.turn_id)
        if snapshot.first_reply is not None:
            return Answered(snapshot.first_reply, snapshot.first_stored, replayed=True)
        served = await self._serve(work, lookup, snapshot, assignment)
        reply = served_reply(
            served,
            turn_id=work.turn_id,
            variant=assignment.variant,
            state=snapshot.state,
            miss_reason="SLOT_IN_PROGRESS" if snapshot.state.awaiting_slot else lookup.miss_reason,
            trace_id=self._trace_id(),
        )
        outcome = await self._conversations.commit(ref, self._commit_of(work, snapshot.version, reply))
        if isinstance(outcome, Superseded):
            return None
        if isinstance(outcome, AlreadyAnswered):
            return Answered(outcome.reply, outcome.stored, replayed=True)
        self._tally.record(assignment.variant, served.rung, self._now() - work.started)
        answer = served.answer
        if answer is not None and answer.cacheable and answer.knowledge_text and turn.message:
            self._background.start(self._keep_answer(work, answer), name="store-answer")
        return Answered(reply, outcome.stored)

    async def _look_up(self, work: "_Work") -> Lookup:
        turn = work.turn
        if turn.attachments:
            return Lookup(miss_reason="ATTACHMENTS")
        if not turn.message.strip():
            return Lookup(miss_reason="EMPTY_QUERY")
        if work.bundle is None:
            return Lookup(miss_reason="TENANT_UNAVAILABLE")
        # Half of what is left at most, so that a short deadline is not spent on the cache alone.
        timeout = min(CACHE_TIMEOUT_SECONDS, max(0.0, work.call.budget.remaining() - RESERVE_SECONDS) / 2)
        try:
            async with asyncio.timeout(timeout):
                return await self._answers.lookup(
                    turn.message, agent=turn.agent, locale=work.locale, timeout_seconds=timeout
                )
        except TimeoutError:
            return Lookup(miss_reason="CACHE_UNAVAILABLE")

    async def _repeat(
        self, work: "_Work", ref: ConversationRef, hit: CachedAnswer, variant: Variant
    ) -> Answered | None:
        """Returns the cached answer, kept; None when the message may fill a slot, and must go to an engine.

        The conversation is not read before: a hit changes no state, so one step of the store checks and keeps it.
        """
        reply = cached_reply(hit, turn_id=work.turn_id, variant=variant, trace_id=self._trace_id())
        outcome = await self._conversations.append(ref, self._commit_of(work, None, reply))
        if isinstance(outcome, SlotAwaited):
            return None
        if isinstance(outcome, AlreadyAnswered):
            return Answered(outcome.reply, outcome.stored, replayed=True)
        self._tally.cache_hits += 1
        if outcome.state is not NO_STATE:
            reply = replace(reply, state=outcome.state)
        return Answered(reply, outcome.stored)

    async def _serve(self, work: "_Work", lookup: Lookup, snapshot: Snapshot, assignment: Assignment) -> Served:
        turn, call, bundle = work.turn, work.call, work.bundle
        question = EngineQuestion(
            conversation_id=turn.conversation_id,
            turn_id=work.turn_id,
            text=turn.message,
            attachments=turn.attachments,
            history=snapshot.history,
            state=snapshot.state,
            embedding=lookup.embedding,
            locale=work.locale,
            channel=turn.channel or (bundle.channel if bundle else ""),
            agent=turn.agent,
        )
        try:
            return await self._ladder.serve(
                question, assignment=assignment, bundle=bundle, budget=call.budget, strict=turn.strict
            )
        except ReparteeError:
            self._tally.record_failure(assignment.variant, self._now() - work.started)
            raise

    def _commit_of(self, work: "_Work", version: int | None, reply: Reply) -> Commit:
        turn, sent_at = work.turn, work.accepted_at
        if turn.sent_at and abs(turn.sent_at - sent_at) <= MAX_CLOCK_ERROR_SECONDS:
            sent_at = turn.sent_at
        return Commit(
            version,
            (
                Message(reply.turn_id, "customer", turn.message, turn.attachments, sent_at),
                Message(reply.turn_id, "bot", reply.text, (), self._clock()),
            ),
            reply,
            # An id that the router made is unknown to the caller, who can never retry with it.
            keep_reply=bool(turn.turn_id),
            user_id=turn.user_id,
        )

    async def _keep_answer(self, work: "_Work", answer: EngineAnswer) -> None:
        # The turn's own deadline is over when the reply leaves.
        with use_context(replace(work.call, budget=Budget.of(_STORE_ANSWER_SECONDS))):
            await self._answers.store(
                NewAnswer(
                    question=work.turn.message,
                    text=answer.knowledge_text,
                    agent=work.turn.agent,
                    answered_by=answer.agent,
                    locale=work.locale,
                    sources=answer.sources,
                    embedding=answer.embedding,
                    knowledge_epoch=answer.knowledge_epoch,
                )
            )


@dataclass(frozen=True, slots=True)
class _Work:
    """A turn being answered. `accepted_at` is in seconds since 1970, `started` of the monotonic clock."""

    turn: Turn
    call: RequestContext
    bundle: TenantBundle | None
    turn_id: str
    accepted_at: float
    started: float

    @property
    def locale(self) -> str:
        """The language of the turn: the caller's, or the tenant's."""
        return self.turn.locale or (self.bundle.locale if self.bundle else "")
