"""From how many seconds on a turn of a tenant is slow: classic's 95th percentile of the trailing day."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from libs.common.request_context import TenantId
from services.router.judging.counts import read_counts
from services.router.judging.histogram import quantile_ceiling
from services.router.judging.store import MetricsStore
from services.router.judging.windows import Grain, trailing

_FRESH_SECONDS = 60.0
# With fewer turns their 95th percentile is chance.
_MIN_OLD_TURNS = 100
_MAX_TENANTS = 10_000


class SlowTurns:
    """Knows the limit of each tenant, a minute old at most. `clock` counts seconds since 1970."""

    def __init__(self, store: MetricsStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._limits: OrderedDict[TenantId, tuple[float, float]] = OrderedDict()

    async def limit(self, tenant: TenantId) -> float:
        """Returns seconds; infinite until classic has 100 turns. Raises Unavailable.

        Both systems are held against the same limit, so that its own error harms neither.
        """
        now = self._clock()
        known = self._limits.get(tenant)
        if known is not None and now - known[1] < _FRESH_SECONDS:
            return known[0]
        counted = await self._store.counts(tenant, trailing(Grain.HOUR, 24, now))
        durations = read_counts(counted.fields).old.durations
        enough = sum(durations.values()) >= _MIN_OLD_TURNS
        limit = quantile_ceiling(durations, 0.95) if enough else math.inf
        self._limits[tenant] = (limit, now)
        self._limits.move_to_end(tenant)
        if len(self._limits) > _MAX_TENANTS:
            self._limits.popitem(last=False)
        return limit
