"""What a turn has to do with the cache: it is asked first, given what is new, and told when it was wrong."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from libs.common.request_context import Budget, RequestContext, use_context
from services.router.answers import Answers, CachedAnswer, Lookup, NewAnswer
from services.router.background import Background
from services.router.ladder import RESERVE_SECONDS, Engine, EngineQuestion, Served
from services.router.lookup_queue import LookupQueue
from services.router.turn import NO_STATE, Turn, Variant

CACHE_TIMEOUT_SECONDS = 0.15
# How much of its time a turn waits for an answer that another one is making, and for how long at most: what is left
# must still do to ask an engine.
_WAIT_SHARE = 0.4
_MAX_WAIT_SECONDS = 3.0
_AFTERWARDS_SECONDS = 2.0
_RECHECK_SECONDS = 8.0


class EarlierAnswers:
    """Asks the cache and feeds it. Nothing but `ask` makes a turn wait, and only overload fails one there."""

    def __init__(self, answers: Answers, *, engines: Mapping[Variant, Engine], background: Background) -> None:
        self._answers = answers
        self._engines = engines
        self._background = background
        self._queue = LookupQueue()

    async def ask(self, turn: Turn, *, locale: str, budget: Budget) -> Lookup:
        """Returns an earlier answer to the turn's question, or why there is none.

        Raises Exhausted (OVERLOADED) where more turns want to know than can be told.
        """
        if turn.attachments:
            return Lookup(miss_reason="ATTACHMENTS")
        if not turn.message.strip():
            return Lookup(miss_reason="EMPTY_QUERY")
        if not await self._queue.enter(remaining_seconds=budget.remaining()):
            return Lookup(miss_reason="CACHE_UNAVAILABLE")
        try:
            # Half of what is left at most, so that a short deadline is not spent on the cache alone.
            usable = max(0.0, budget.remaining() - RESERVE_SECONDS)
            found = await self._lookup(turn, locale, timeout_seconds=min(CACHE_TIMEOUT_SECONDS, usable / 2))
            if usable / 2 >= CACHE_TIMEOUT_SECONDS:
                self._queue.tell(succeeded=found.miss_reason != "CACHE_UNAVAILABLE")
        finally:
            self._queue.leave()
        if not found.is_in_flight:
            return found
        wait_seconds = min(_MAX_WAIT_SECONDS, max(0.0, budget.remaining() - RESERVE_SECONDS) * _WAIT_SHARE)
        again = await self._lookup(
            turn, locale, timeout_seconds=wait_seconds + CACHE_TIMEOUT_SECONDS, wait_seconds=wait_seconds
        )
        return again if again.embedding else replace(again, embedding=found.embedding)

    def settle(self, turn: Turn, call: RequestContext, *, locale: str, lookup: Lookup, served: Served | None) -> None:
        """Hands the cache, after the reply, what the turn came to: an answer, that there is none, or just the lease.

        `served` is None when this turn made no answer of its own.
        """
        answer = served.answer if served else None
        if (
            answer is not None
            and turn.message
            and (answer.nothing_found or (answer.cacheable and answer.knowledge_text))
        ):
            offer = NewAnswer(
                question=turn.message,
                text=answer.knowledge_text,
                agent=turn.agent,
                answered_by=answer.agent,
                locale=locale,
                sources=answer.sources,
                embedding=answer.embedding,
                knowledge_epoch=answer.knowledge_epoch,
                lease=lookup.lease,
                nothing_found=answer.nothing_found,
                wording=answer.wording,
                confidence=answer.confidence,
            )
            self._afterwards(self._answers.store(offer), call, name="store-answer")
        elif lookup.lease:
            giving_back = self._answers.abandon(turn.message, agent=turn.agent, locale=locale, lease=lookup.lease)
            self._afterwards(giving_back, call, name="abandon-answer")

    def recheck(self, call: RequestContext, hit: CachedAnswer, *, question: EngineQuestion) -> None:
        """Has a sampled hit's question answered anew, unseen, and the two answers compared by the cache."""
        work = self._recheck(hit, replace(question, history=(), state=NO_STATE, shadow=True))
        self._afterwards(work, call, name="recheck-hit", seconds=_RECHECK_SECONDS)

    async def _recheck(self, hit: CachedAnswer, question: EngineQuestion) -> None:
        variant = Variant(question.assigned_variant)
        answer = await self._engines[variant].answer(question, timeout_seconds=_RECHECK_SECONDS - 1.0)
        if answer.cacheable and answer.knowledge_text:
            await self._answers.report(
                hit.outcome.entry_id, question=question.text, text=answer.knowledge_text, locale=question.locale
            )

    async def _lookup(self, turn: Turn, locale: str, *, timeout_seconds: float, wait_seconds: float = 0.0) -> Lookup:
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._answers.lookup(
                    turn.message,
                    agent=turn.agent,
                    locale=locale,
                    timeout_seconds=timeout_seconds,
                    wait_seconds=wait_seconds,
                )
        except TimeoutError:
            return Lookup(miss_reason="CACHE_UNAVAILABLE")

    def _afterwards(
        self, work: Coroutine[Any, Any, None], call: RequestContext, *, name: str, seconds: float = _AFTERWARDS_SECONDS
    ) -> None:
        # The turn's own deadline is over when the reply leaves.
        async def with_time_of_its_own() -> None:
            with use_context(replace(call, budget=Budget.of(seconds))):
                await work

        self._background.start(with_time_of_its_own(), name=name)
