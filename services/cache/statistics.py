"""What the cache did for one tenant, and for all."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from libs.common.request_context import Principal
from services.cache.canary import CANARY_TENANTS
from services.cache.counters import GUARD_REJECTS, HITS, MISS_PREFIX, SEAL_FAILURES, Counters
from services.cache.store import AnswerStore, CounterStore

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class TenantCounts:
    """Totals of one tenant since its first lookup; `size` is now."""

    hits: int
    miss_reasons: dict[str, int]
    guard_rejects: int
    seal_failures: int
    size: int

    @property
    def misses(self) -> int:
        """Lookups that were not served."""
        return sum(self.miss_reasons.values())

    @property
    def hit_rate_percent(self) -> float:
        """Share of lookups that were served."""
        return percent(self.hits, self.hits + self.misses)


@dataclass(frozen=True, slots=True)
class GlobalCounts:
    """Totals of all companies; `seal_failures` counts those of the canary too."""

    tenants_with_entries: int
    entries: int
    hit_rate_percent: float
    seal_failures: int


def percent(part: int, whole: int) -> float:
    """Returns `part` in percent of `whole`, 0 when there is nothing."""
    return 100.0 * part / whole if whole else 0.0


class Statistics:
    """Reads totals, after writing down what this process still holds. May raise Unavailable (STORE_UNAVAILABLE)."""

    def __init__(
        self,
        store: AnswerStore,
        totals: CounterStore,
        counters: Counters,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._totals = totals
        self._counters = counters
        self._now = now

    async def of_tenant(self, owner: Principal) -> TenantCounts:
        """Returns the counts of the owner's tenant."""
        await self._counters.flush()
        return await self._read(owner)

    async def of_all(self, operator: Principal) -> GlobalCounts:
        """Returns the sums over every tenant; takes two reads a tenant."""
        await self._counters.flush()
        limit = asyncio.Semaphore(_AT_ONCE)

        async def read(owner: Principal) -> TenantCounts:
            async with limit:
                return await self._read(owner)

        tenants = await self._totals.tenants()
        counts = await asyncio.gather(*(read(operator.acting_on(tenant)) for tenant in tenants))
        companies = [each for tenant, each in zip(tenants, counts, strict=True) if tenant not in CANARY_TENANTS]
        hits = sum(each.hits for each in companies)
        return GlobalCounts(
            tenants_with_entries=sum(each.size > 0 for each in companies),
            entries=sum(each.size for each in companies),
            hit_rate_percent=percent(hits, hits + sum(each.misses for each in companies)),
            seal_failures=sum(each.seal_failures for each in counts),
        )

    async def _read(self, owner: Principal) -> TenantCounts:
        totals = await self._totals.totals(owner)
        reasons = {
            name.removeprefix(MISS_PREFIX): count for name, count in totals.items() if name.startswith(MISS_PREFIX)
        }
        return TenantCounts(
            hits=totals.get(HITS, 0),
            miss_reasons=reasons,
            guard_rejects=totals.get(GUARD_REJECTS, 0),
            seal_failures=totals.get(SEAL_FAILURES, 0),
            size=await self._store.size(owner, now=self._now()),
        )
