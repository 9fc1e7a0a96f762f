"""The ledger in Redis, that does without it for a while: budgets are counted here then, and charges wait."""

import datetime
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.spending.day_budget import DayBudget
from libs.common.spending.ledger import (
    RESERVATION_SECONDS,
    Allowance,
    Charge,
    Reservation,
    SpendRow,
    budget_spent,
    utc_day,
)
from libs.common.spending.redis_spending import RedisSpending
from libs.common.upkeep import Upkeep

_log = logging.getLogger(__name__)

# While the store is away it is asked this often, and calls do not wait for it.
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Settlement:
    reservation: Reservation
    charges: tuple[Charge, ...]


class RedisLedger:
    """Use as an async context manager: it owns the task that tries again, and tries a last time when it ends.

    At most `max_waiting` settlements wait; beyond, the oldest is dropped and its charges counted in `dropped_charges`.
    `clock` counts seconds since 1970, `now` is monotonic.
    """

    def __init__(
        self,
        store: RedisStore,
        *,
        retention_days: int = 400,
        max_waiting: int = 10_000,
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spending = RedisSpending(store, retention_days=retention_days)
        self._max_waiting = max_waiting
        self._clock = clock
        self._now = now
        self._budgets: dict[TenantId, DayBudget] = {}
        self._waiting: OrderedDict[str, _Settlement] = OrderedDict()
        self._away_until = 0.0
        self._upkeep = Upkeep(after_failure_seconds=RETRY_SECONDS)
        self.is_down = False
        self.dropped_charges = 0

    @property
    def waiting(self) -> int:
        """Settlements that the store has still to take."""
        return len(self._waiting)

    async def __aenter__(self) -> Self:
        self._upkeep.start(self.retry, name="settling charges", every_seconds=RETRY_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._upkeep.stop()
        if not await self.retry():
            _log.error("%d settlements that waited for the store are lost with this process", self.waiting)

    async def reserve(self, tenant: TenantId, allowance: Allowance, *, tokens: int, micro_usd: int) -> Reservation:
        """Holds a part of today's budget in the store, or here while it is away; without limits, nowhere."""
        now = self._clock()
        budget = self._budget(tenant, utc_day(now))
        reservation = Reservation(
            secrets.token_urlsafe(12), tenant, budget.day, tokens, micro_usd, now + RESERVATION_SECONDS
        )
        if allowance == Allowance():
            return reservation
        held = await self._hold(reservation, allowance, budget, now)
        if held is None:
            held = budget.fits(allowance, tokens=tokens, micro_usd=micro_usd, now=now)
        if not held:
            raise budget_spent(now)
        budget.hold(reservation)
        return reservation

    async def settle(self, reservation: Reservation, charges: Sequence[Charge]) -> None:
        """Writes the charges, or lets them wait."""
        settlement = _Settlement(reservation, tuple(charges))
        budget = self._budgets.get(reservation.tenant)
        if budget is not None and budget.day == reservation.day:
            budget.settle(reservation, settlement.charges)
        # Before anything is awaited: a caller that is cancelled leaves its charges here.
        self._waiting.setdefault(reservation.id, settlement)
        while len(self._waiting) > self._max_waiting:
            _, oldest = self._waiting.popitem(last=False)
            self.dropped_charges += len(oldest.charges)
        if self._now() >= self._away_until:
            await self._write(settlement)

    async def retry(self) -> bool:
        """Writes what waits, until the store fails; returns whether nothing is left."""
        for settlement in list(self._waiting.values()):
            if settlement.reservation.id in self._waiting and not await self._write(settlement):
                return False
        return not self._waiting

    async def rows(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Sequence[SpendRow]:
        """Returns the sums of those days, without what waits."""
        return await self._spending.rows(tenant, first, last)

    async def recent(self, tenant: TenantId, *, limit: int) -> Sequence[Charge]:
        """Returns the newest charges, newest first, without what waits."""
        return await self._spending.recent(tenant, limit=limit)

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that were charged something since."""
        return await self._spending.tenants(first)

    async def _hold(self, reservation: Reservation, allowance: Allowance, budget: DayBudget, now: float) -> bool | None:
        """Returns whether the store holds the reservation; None when it does not answer."""
        if self._now() < self._away_until:
            return None
        try:
            held, budget.tokens, budget.micro_usd = await self._spending.hold(reservation, allowance, now=now)
        except Unavailable:
            self._note_absence()
            return None
        self._note_presence()
        return held

    async def _write(self, settlement: _Settlement) -> bool:
        key = settlement.reservation.id
        try:
            await self._spending.settle(settlement.reservation, settlement.charges)
        except Unavailable:
            # Behind the others: one that the store always refuses must not keep them from it.
            if key in self._waiting:
                self._waiting.move_to_end(key)
            self._note_absence()
            return False
        self._waiting.pop(key, None)
        self._note_presence()
        return True

    def _budget(self, tenant: TenantId, day: datetime.date) -> DayBudget:
        """Returns what this process knows of the tenant's day."""
        budget = self._budgets.get(tenant)
        if budget is None or budget.day != day:
            budget = self._budgets[tenant] = DayBudget(day)
        return budget

    def _note_absence(self) -> None:
        self._away_until = self._now() + RETRY_SECONDS
        if not self.is_down:
            self.is_down = True
            _log.warning("the ledger's store does not answer: budgets are counted here, charges wait")

    def _note_presence(self) -> None:
        self._away_until = 0.0
        if self.is_down:
            self.is_down = False
            _log.info("the ledger's store answers again; %d settlements wait for it", self.waiting)
