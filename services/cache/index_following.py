"""Keeps the indexes in memory at the version of the store, whichever replica wrote."""

import asyncio

from libs.common.request_context import Principal, TenantId
from services.cache.counters import SEAL_FAILURES, Counters
from services.cache.entries import Row, Vector
from services.cache.store import AnswerStore
from services.cache.tenant_index import TenantIndex, TenantIndexes, Verdict


class IndexFollower:
    """Loads what changed when a reader has seen a newer version; never polls."""

    def __init__(self, store: AnswerStore, indexes: TenantIndexes, counters: Counters) -> None:
        self._store = store
        self._indexes = indexes
        self._counters = counters
        self._loads: dict[TenantId, asyncio.Task[None]] = {}

    async def nearest(
        self, owner: Principal, vector: Vector, *, scope: str, count: int, epoch: int, version: int, now: float
    ) -> list[tuple[str, float]]:
        """See Nearest: an exact search in this process's memory."""
        index = await self.up_to_date(owner, version)
        return index.search(scope, vector, count=count, epoch=epoch, now=now)

    async def up_to_date(self, owner: Principal, version: int) -> TenantIndex:
        """Returns the tenant's index at `version` or newer; callers of one tenant share a load. Raises Unavailable."""
        tenant = owner.require_tenant()
        index = self._indexes.of(tenant)
        if version in (index.version, 0):
            return index
        # A load that was under way may have read before `version` was written; the second cannot have.
        for _ in range(2):
            load = self._loads.get(tenant)
            if load is None:
                load = self._loads[tenant] = asyncio.create_task(self._load(owner), name="cache-load")
                load.add_done_callback(lambda done: self._forget_load(tenant, done))
            # A lookup that runs out of time leaves the load to finish for the next one.
            await asyncio.shield(load)
            index = self._indexes.of(tenant)
            if index.version is not None and index.version >= version:
                break
        return index

    async def _load(self, owner: Principal) -> None:
        index = self._indexes.of(owner.require_tenant())
        changes = await self._store.changes(owner, index.version)
        if not changes.is_whole and self._indexes.of(owner.require_tenant()) is not index:
            # It was let go meanwhile: what changed is no longer enough.
            changes = await self._store.changes(owner, None)
        if changes.crossed_count:
            self._counters.add(owner, SEAL_FAILURES, changes.crossed_count)
        self._indexes.load(
            owner.require_tenant(),
            version=changes.version,
            is_whole=changes.is_whole,
            rows=changes.rows,
            gone=changes.gone,
        )

    def _forget_load(self, tenant: TenantId, done: asyncio.Task[None]) -> None:
        del self._loads[tenant]
        if not done.cancelled():
            # Every caller may have gone; the error is then nobody's.
            done.exception()

    def recall(self, owner: Principal, key: str) -> Verdict | None:
        """Returns what was verified for the question of `key`, if that is still remembered."""
        return self._indexes.of(owner.require_tenant()).recall(key)

    def remember(self, owner: Principal, key: str, verdict: Verdict) -> None:
        """Remembers that an entry may serve the question of `key`."""
        self._indexes.remember(owner.require_tenant(), key, verdict)

    def note_own_write(self, owner: Principal, row: Row, version: int) -> None:
        """Adds a row that this replica has just written, when nobody else wrote since: no need to read it back."""
        index = self._indexes.of(owner.require_tenant())
        if index.version is not None and index.version + 1 == version:
            self._indexes.load(owner.require_tenant(), version=version, is_whole=False, rows=(row,), gone=())
