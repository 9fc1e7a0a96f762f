"""Charges of what a turn needs beside its words: embeddings and rerankings, by what the vendor says it billed."""

import asyncio
import time
from collections.abc import Callable

from libs.common.request_context import TenantId, current_or_none
from libs.common.spending.ledger import Allowance, Charge, Ledger, nameless, utc_day
from libs.common.spending.prices import FREE, Prices, Quote

_NO_LIMIT = Allowance()


class SideCharges:
    """Charges the tenant of the call being served; what is asked outside of a call, as by a probe, is nobody's.

    The money counts against the day's budget and is never refused: without an embedding there is no answer to word, and
    the wording is what a budget holds back. A request that was given up before its answer is not charged, because only
    the answer says what was billed. `clock` counts seconds since 1970.
    """

    def __init__(self, ledger: Ledger, prices: Prices, *, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._settling: set[asyncio.Task[None]] = set()

    def embedded(self, *, provider: str, model: str, tokens: int, is_free: bool = False) -> None:
        """Charges one answered request for embeddings, in the background."""
        quote = FREE if is_free else self._prices.quote(model, prompt_tokens=tokens, at=utc_day(self._clock()))
        self._begin("embedding", provider, model, tokens=tokens, quote=quote)

    def reranked(self, *, provider: str, model: str, searches: int, is_free: bool = False) -> None:
        """Charges one answered reranking, in the background."""
        quote = FREE if is_free else self._prices.quote(model, searches=searches, at=utc_day(self._clock()))
        self._begin("rerank", provider, model, tokens=0, quote=quote)

    async def aclose(self) -> None:
        """Returns when everything that has begun is settled."""
        while self._settling:
            await asyncio.gather(*self._settling)

    def _begin(self, component: str, provider: str, model: str, *, tokens: int, quote: Quote) -> None:
        context = current_or_none()
        if context is None or context.principal.tenant is None:
            return
        tenant = context.principal.tenant
        charge = Charge(
            tenant=tenant,
            variant="",
            component=component,
            agent="",
            tier=provider,
            model=model,
            prompt_tokens=tokens,
            completion_tokens=0,
            cost_micro_usd=quote.cost_micro_usd,
            used=True,
            at=self._clock(),
            conversation_id="",
            turn_id=nameless(tenant, context.request_id),
            attempt=0,
            price_known=quote.known,
        )
        task = asyncio.get_running_loop().create_task(self._settle(tenant, charge))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, tenant: TenantId, charge: Charge) -> None:
        held = await self._ledger.reserve(tenant, _NO_LIMIT, tokens=0, micro_usd=0)
        await self._ledger.settle(held, (charge,))
