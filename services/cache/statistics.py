"""What the cache did for one tenant, and for all."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from libs.common.request_context import Principal
from services.cache.canary import CANARY_TENANTS
from services.cache.counters import (
    CANARY_LEAKS,
    EXACT_HITS,
    FALSE_HITS,
    GUARD_REJECTS,
    HITS,
    MISS_PREFIX,
    RECHECKED,
    REFUSED_PREFIX,
    SEAL_FAILURES,
    Counters,
)
from services.cache.store import AnswerStore, CounterStore, Policies

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class TenantCounts:
    """Totals of one tenant since its first lookup; `size` is now."""

    hits: int
    exact_hits: int
    miss_reasons: dict[str, int]
    refused_reasons: dict[str, int]
    guard_rejects: int
    seal_failures: int
    canary_leaks: int
    rechecked: int
    false_hits: int
    size: int
    size_bytes: int
    threshold: float

    @property
    def misses(self) -> int:
        """Lookups that were not served."""
        return sum(self.miss_reasons.values())

    @property
    def hit_rate_percent(self) -> float:
        """Share of lookups that were served."""
        return percent(self.hits, self.hits + self.misses)

    @property
    def false_hit_estimate(self) -> float:
        """Share of false hits among those that were answered anew, 0 to 1; 0 before the first was."""
        return self.false_hits / self.rechecked if self.rechecked else 0.0


@dataclass(frozen=True, slots=True)
class GlobalCounts:
    """Totals of all companies; `seal_failures` counts those of the canary too."""

    tenants_with_entries: int
    entries: int
    hit_rate_percent: float
    seal_failures: int
    canary_leaks: int


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
        policies: Policies,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._totals = totals
        self._counters = counters
        self._policies = policies
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
            canary_leaks=sum(each.canary_leaks for each in counts),
        )

    async def _read(self, owner: Principal) -> TenantCounts:
        totals = await self._totals.totals(owner)
        raised = (await self._store.read(owner, [])).threshold_raise
        policy = await self._policies.of(owner.require_tenant())
        return TenantCounts(
            hits=totals.get(HITS, 0),
            exact_hits=totals.get(EXACT_HITS, 0),
            miss_reasons=_reasons(totals, MISS_PREFIX),
            refused_reasons=_reasons(totals, REFUSED_PREFIX),
            guard_rejects=totals.get(GUARD_REJECTS, 0),
            seal_failures=totals.get(SEAL_FAILURES, 0),
            canary_leaks=totals.get(CANARY_LEAKS, 0),
            rechecked=totals.get(RECHECKED, 0),
            false_hits=totals.get(FALSE_HITS, 0),
            size=await self._store.size(owner, now=self._now()),
            size_bytes=await self._store.size_bytes(owner),
            threshold=policy.threshold + raised,
        )


def _reasons(totals: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in totals.items() if name.startswith(prefix)}
