"""Counts of hits and misses, gathered in memory and written once a second, away from the path of a lookup."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from libs.common.errors import Unavailable
from libs.common.request_context import Principal, TenantId
from services.cache.store import CounterStore

_log = logging.getLogger(__name__)

HITS, EXACT_HITS, GUARD_REJECTS, SEAL_FAILURES = "hits", "exact_hits", "guard_rejects", "seal_failures"
RECHECKED, FALSE_HITS, CANARY_LEAKS = "rechecked", "false_hits", "canary_leaks"
MISS_PREFIX, REFUSED_PREFIX = "miss:", "refused:"


def _nobody(_tenant: TenantId, _name: str, _count: int) -> None:
    """Is told nothing."""


class Counters:
    """Use as an async context manager: it owns the task that writes, and writes a last time when it ends.

    When the store fails, counts wait in memory for the next write. `note` is told of every count once.
    """

    def __init__(
        self, store: CounterStore, *, flush_seconds: float = 1.0, note: Callable[[TenantId, str, int], None] = _nobody
    ) -> None:
        self._store = store
        self._note = note
        self._flush_seconds = flush_seconds
        self._waiting: dict[TenantId, dict[str, int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_forever(), name="cache-counters")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    def hit(self, owner: Principal) -> None:
        """Counts a lookup that was served."""
        self.add(owner, HITS)

    def miss(self, owner: Principal, reason: str) -> None:
        """Counts a lookup that was not."""
        self.add(owner, MISS_PREFIX + reason)

    def add(self, owner: Principal, name: str, count: int = 1) -> None:
        """Adds to one total of the owner's tenant."""
        tenant = owner.require_tenant()
        self._note(tenant, name, count)
        self._add(tenant, name, count)

    def _add(self, tenant: TenantId, name: str, count: int) -> None:
        counts = self._waiting.get(tenant)
        if counts is None:
            counts = self._waiting[tenant] = {}
        counts[name] = counts.get(name, 0) + count

    async def flush(self) -> None:
        """Writes what is waiting; keeps it when the store fails."""
        # One line a tenant, whoever called for it.
        waiting = {Principal(subject="cache", tenant=tenant): counts for tenant, counts in self._waiting.items()}
        self._waiting = {}
        if not waiting:
            return
        try:
            await self._store.add(waiting)
        except Unavailable as error:
            _log.warning("the cache's counts wait for the store (%s)", error.reason)
            for owner, counts in waiting.items():
                for name, count in counts.items():
                    self._add(owner.require_tenant(), name, count)

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(self._flush_seconds)
            await self.flush()
