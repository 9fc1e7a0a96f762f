"""Pays for paid voices from the tenant's budget, into the ledger that language models are paid from."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from libs.common.request_context import RequestContext, current_or_none
from libs.common.spending.ledger import Allowance, Charge, Ledger, Reservation, utc_day
from libs.common.spending.prices import Prices, Quote
from libs.common.tenants.directory import TenantDirectory
from services.voice.watched_speech import Payment, Take, Unpaid


class LedgerAccount:
    """Charges the tenant of the call being served; what is spoken outside of a call is nobody's.

    `clock` counts seconds since 1970.
    """

    def __init__(
        self, directory: TenantDirectory, ledger: Ledger, prices: Prices, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._settling: set[asyncio.Task[None]] = set()

    async def hold(self, *, model: str, characters: int) -> Payment:
        """Holds the price of the text; raises Exhausted (BUDGET_SPENT)."""
        context = current_or_none()
        if context is None or context.principal.tenant is None:
            return await Unpaid().hold(model=model, characters=characters)
        tenant = context.principal.tenant
        allowance = Allowance.of((await self._directory.get(tenant)).budget)
        cost = self.quote(model, characters).cost_micro_usd
        held = await self._ledger.reserve(tenant, allowance, tokens=0, micro_usd=cost)
        return _Held(held, context, self)

    def quote(self, model: str, characters: int) -> Quote:
        """Returns what that many characters cost today."""
        return self._prices.quote(model, characters=characters, at=utc_day(self._clock()))

    async def aclose(self) -> None:
        """Returns when everything that has begun is settled."""
        while self._settling:
            await asyncio.gather(*self._settling)

    def charge(self, held: Reservation, context: RequestContext, take: Take) -> None:
        """Settles what was held by what the take cost, in the background."""
        quote = self.quote(take.model, take.billed_characters)
        charge = Charge(
            tenant=held.tenant,
            variant="",
            component="speech",
            agent="",
            tier=take.provider,
            model=take.model,
            prompt_tokens=0,
            completion_tokens=0,
            cost_micro_usd=quote.cost_micro_usd,
            used=take.was_heard,
            at=self._clock(),
            conversation_id="",
            turn_id=context.request_id,
            attempt=0,
            price_known=quote.known,
        )
        task = asyncio.get_running_loop().create_task(
            self._ledger.settle(held, (charge,) if take.billed_characters else ())
        )
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)


@dataclass(frozen=True, slots=True)
class _Held:
    held: Reservation
    context: RequestContext = field(repr=False)
    account: LedgerAccount = field(repr=False)

    def settle(self, take: Take) -> None:
        self.account.charge(self.held, self.context, take)
