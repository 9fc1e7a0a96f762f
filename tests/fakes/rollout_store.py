"""A store of the rollout that can be away, hang, or lose what it had."""

import asyncio
from collections.abc import Mapping

from libs.common.errors import Unavailable
from services.router.rollout.audit import AuditEntry, Head
from services.router.rollout.memory_store import MemoryRolloutStore
from services.router.rollout.store import Changes, Commit, Kept


class FragileRolloutStore:
    """Passes calls on to `kept` unless it is down (raises) or hangs (answers never). Counts reads."""

    def __init__(self, kept: MemoryRolloutStore | None = None) -> None:
        self.kept = kept or MemoryRolloutStore()
        self.is_down = False
        self.hangs = False
        self.reads = 0

    @property
    def name(self) -> str:
        return "fragile"

    async def read(self, scope: str, request: str = "") -> Kept:
        await self._check()
        self.reads += 1
        return await self.kept.read(scope, request)

    async def append(self, commit: Commit) -> bool:
        await self._check()
        return await self.kept.append(commit)

    async def follow(self, replica: str, known: Head, *, wait_seconds: float) -> Changes:
        await self._check()
        # Short, so that an outage is noticed at once.
        return await self.kept.follow(replica, known, wait_seconds=min(wait_seconds, 0.001))

    async def replicas(self) -> Mapping[str, int]:
        await self._check()
        return await self.kept.replicas()

    async def entries(self, *, before: int, count: int) -> list[AuditEntry]:
        await self._check()
        return await self.kept.entries(before=before, count=count)

    async def _check(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "The store is away.")
