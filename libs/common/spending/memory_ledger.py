"""The ledger in this process's memory: for one process without a store, and for tests."""

import datetime
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

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
from libs.common.spending.sums import SpendSums

_RECENT_CHARGES = 10_000


class MemoryLedger:
    """Keeps sums of `retention_days` and the newest charges. `clock` counts seconds since 1970."""

    def __init__(self, *, clock: Callable[[], float] = time.time, retention_days: int = 400) -> None:
        self._clock = clock
        self._retention_days = retention_days
        self._budgets: dict[TenantId, DayBudget] = {}
        self._settled: dict[datetime.date, set[str]] = {}
        self._sums = SpendSums()
        self._recent: dict[TenantId, deque[Charge]] = {}

    async def reserve(self, tenant: TenantId, allowance: Allowance, *, tokens: int, micro_usd: int) -> Reservation:
        """Holds a part of today's budget."""
        now = self._clock()
        budget = self._budget(tenant, utc_day(now))
        if not budget.fits(allowance, tokens=tokens, micro_usd=micro_usd, now=now):
            raise budget_spent(now)
        reservation = Reservation(
            secrets.token_urlsafe(12), tenant, budget.day, tokens, micro_usd, now + RESERVATION_SECONDS
        )
        budget.hold(reservation)
        return reservation

    async def settle(self, reservation: Reservation, charges: Sequence[Charge]) -> None:
        """Counts the charges once."""
        today = utc_day(self._clock())
        self._forget_before(today)
        settled = self._settled.setdefault(reservation.day, set())
        if reservation.id in settled:
            return
        settled.add(reservation.id)
        budget = self._budgets.get(reservation.tenant)
        if budget is not None and budget.day == reservation.day:
            budget.settle(reservation, tuple(charges))
        for charge in charges:
            self._sums.add(charge)
            self._recent.setdefault(charge.tenant, deque(maxlen=_RECENT_CHARGES)).appendleft(charge)

    async def rows(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Sequence[SpendRow]:
        """Returns the sums of those days."""
        return [row for row in self._sums.rows() if row.tenant == tenant and first <= row.day <= last]

    async def recent(self, tenant: TenantId, *, limit: int) -> Sequence[Charge]:
        """Returns the newest charges, newest first."""
        return list(islice(self._recent.get(tenant, ()), limit))

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that were charged something since."""
        return sorted({row.tenant for row in self._sums.rows() if row.day >= first})

    def _budget(self, tenant: TenantId, day: datetime.date) -> DayBudget:
        budget = self._budgets.get(tenant)
        if budget is None or budget.day != day:
            budget = self._budgets[tenant] = DayBudget(day)
        return budget

    def _forget_before(self, today: datetime.date) -> None:
        yesterday = today - datetime.timedelta(days=1)
        for day in [day for day in self._settled if day < yesterday]:
            del self._settled[day]
            self._sums.forget_before(today - datetime.timedelta(days=self._retention_days))
