"""Counts of usage in this process's memory."""

import datetime
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from libs.common.request_context import TenantId
from services.router.usage.counts import Batch, Counts, Place
from services.router.usage.query import RETENTION_DAYS

_REMEMBERED_BATCHES = 10_000


class MemoryUsage:
    """Keeps counts of `retention_days`; conversations are counted exactly."""

    def __init__(self, *, retention_days: int = RETENTION_DAYS) -> None:
        self._retention = datetime.timedelta(days=retention_days)
        self._counts: dict[TenantId, dict[Place, Counts]] = {}
        self._conversations: dict[TenantId, dict[Place, set[str]]] = {}
        self._stored: OrderedDict[str, None] = OrderedDict()

    async def add(self, batch: Batch) -> None:
        """Adds a batch, once."""
        if batch.id in self._stored:
            return
        self._stored[batch.id] = None
        if len(self._stored) > _REMEMBERED_BATCHES:
            self._stored.popitem(last=False)
        counts = self._counts.setdefault(batch.tenant, {})
        for place, more in batch.counts.items():
            counts.setdefault(place, Counts()).by_name.update(more.by_name)
        conversations = self._conversations.setdefault(batch.tenant, {})
        for place, seen in batch.conversations.items():
            conversations.setdefault(place, set()).update(seen)
        for place in [place for place in counts if place.day < batch.day - self._retention]:
            del counts[place]
            conversations.pop(place, None)

    async def counts(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Mapping[Place, Counts]:
        """Returns the counts of those days."""
        return {place: each for place, each in self._counts.get(tenant, {}).items() if first <= place.day <= last}

    async def conversations(self, tenant: TenantId, groups: Sequence[Sequence[Place]]) -> Sequence[int]:
        """Returns for each group how many conversations it has."""
        known = self._conversations.get(tenant, {})
        return [len({each for place in group for each in known.get(place, ())}) for group in groups]

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that had a turn since."""
        return sorted(tenant for tenant, counts in self._counts.items() if any(each.day >= first for each in counts))
