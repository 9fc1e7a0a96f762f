"""Asking the engine that did not serve, after the turn is over and without the customer noticing."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from libs.common.errors import ReparteeError
from libs.common.request_context import Budget, RequestContext, TenantId, use_context
from services.router.assignment import bucket_of
from services.router.background import Background
from services.router.ladder import Engine, EngineAnswer, EngineQuestion, Served
from services.router.shadow.pairs import ShadowCounts, ShadowPair, Sums
from services.router.turn import Rung, Variant

# The unseen engine's own deadline: a turn's default, so that it is judged by what customers would wait.
SHADOW_SECONDS = 8.0
# Unseen turns in one replica at once; what comes on top of them is dropped, because customers come first.
MAX_AT_ONCE = 8
# Not the rollout's salt, or the same conversations would always be the sample.
_SALT = "shadow-1"
_STORE_SECONDS = 1.0


def is_sampled(percent: float, *, tenant: str, turn_id: str) -> bool:
    """Returns whether a turn is among the `percent` (0 to 100, three decimals) that are shadowed: always the same."""
    return percent > 0 and bucket_of(_SALT, tenant, turn_id) < round(percent * 1000)


class Shadow:
    """Gives a share of the turns to both engines. `percent_of` is the share in force for a tenant, 0 to 100."""

    def __init__(
        self,
        *,
        engines: Mapping[Variant, Engine],
        counts: ShadowCounts,
        percent_of: Callable[[TenantId], float],
        background: Background | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engines = engines
        self._counts = counts
        self._percent_of = percent_of
        self._background = background or Background(limit=MAX_AT_ONCE)
        self._now = now

    @property
    def dropped(self) -> int:
        """Turns that were not shadowed because too many were already."""
        return self._background.dropped

    def consider(self, question: EngineQuestion, served: Served, *, call: RequestContext, seconds: float) -> None:
        """Asks the other engine in the background when the turn is sampled; returns at once.

        `seconds` is what the engine that served took. A turn that was rescued, or that nobody answered, has no pair:
        the other engine was asked already, and failed or served.
        """
        answer, tenant = served.answer, call.principal.require_tenant()
        if answer is None or served.served_by is None or served.rung is Rung.OTHER_ENGINE:
            return
        if is_sampled(self._percent_of(tenant), tenant=tenant, turn_id=question.turn_id):
            copied = replace(question, shadow=True)
            work = self._compare(copied, answer, served.served_by.other, call, seconds)
            self._background.start(work, name="shadow-turn")

    async def finish(self, *, timeout_seconds: float) -> None:
        """Waits for what runs, at most `timeout_seconds`."""
        await self._background.finish(timeout_seconds=timeout_seconds)

    async def _compare(
        self, question: EngineQuestion, served: EngineAnswer, unseen: Variant, call: RequestContext, seconds: float
    ) -> None:
        pair = ShadowPair(call.principal, question.conversation_id, question.turn_id, failed=True)
        began = self._now()
        # The turn's own deadline ended with its reply.
        with use_context(replace(call, budget=Budget.of(SHADOW_SECONDS + _STORE_SECONDS, now=call.budget.now))):
            answer = await self._ask(unseen, question)
            if answer is not None:
                pair = replace(
                    pair,
                    failed=False,
                    same_state=answer.state == served.state,
                    same_ask=answer.state.awaiting_slot == served.state.awaiting_slot,
                    served=Sums.of(seconds, served.usage),
                    shadow=Sums.of(self._now() - began, answer.usage),
                )
            await self._counts.add(pair)

    async def _ask(self, variant: Variant, question: EngineQuestion) -> EngineAnswer | None:
        try:
            async with asyncio.timeout(SHADOW_SECONDS):
                answer = await self._engines[variant].answer(question, timeout_seconds=SHADOW_SECONDS)
        except (ReparteeError, TimeoutError):
            return None
        return answer if answer.text.strip() else None
