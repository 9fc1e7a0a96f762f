"""What the cache did for all companies, as metrics of this process; whose it was is not told."""

from collections import Counter
from collections.abc import Iterable

from libs.common.measures import Measures
from libs.common.metrics import Meter
from libs.common.request_context import TenantId
from services.cache.canary import CANARY_TENANTS
from services.cache.counters import (
    CANARY_LEAKS,
    EXACT_HITS,
    FALSE_HITS,
    HITS,
    MISS_PREFIX,
    RECHECKED,
    REFUSED_PREFIX,
    SEAL_FAILURES,
)
from services.cache.tenant_index import TenantIndexes

_Points = Iterable[tuple[tuple[str, ...], float]]


class CacheMetrics:
    """Adds up what is counted for tenants. Isolation is watched for the canary's too, all else for companies only."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()

    def counted(self, tenant: TenantId, name: str, count: int) -> None:
        """Notes one count."""
        if tenant not in CANARY_TENANTS or name in (SEAL_FAILURES, CANARY_LEAKS):
            self._totals[name] += count

    def show(self, meter: Meter, indexes: TenantIndexes) -> None:
        """Lets `meter` read the sums, and the size of `indexes`, whenever it is read."""
        meter.total(Measures.CACHE_LOOKUPS, self._lookups)
        meter.total(Measures.CACHE_NOT_KEPT, lambda: self._named(REFUSED_PREFIX))
        meter.total(Measures.CACHE_RECHECKS, self._rechecks)
        meter.total(Measures.CACHE_CROSSED, self._crossed)
        meter.gauge(Measures.CACHE_ENTRIES, lambda: [((), indexes.entries)])
        meter.gauge(Measures.CACHE_BYTES, lambda: [((), indexes.total_bytes)])

    def _lookups(self) -> _Points:
        exact = self._totals[EXACT_HITS]
        return [(("exact",), exact), (("semantic",), self._totals[HITS] - exact), *self._named(MISS_PREFIX)]

    def _rechecks(self) -> _Points:
        false = self._totals[FALSE_HITS]
        return [(("right",), self._totals[RECHECKED] - false), (("false",), false)]

    def _crossed(self) -> _Points:
        return [(("seal",), self._totals[SEAL_FAILURES]), (("canary",), self._totals[CANARY_LEAKS])]

    def _named(self, prefix: str) -> list[tuple[tuple[str, ...], float]]:
        return [((name.removeprefix(prefix),), sum_) for name, sum_ in self._totals.items() if name.startswith(prefix)]
