"""Learned patterns in memory: for tests, and for a process that has no Redis."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from libs.common.request_context import Principal, TenantId
from services.rag.patterns.pattern import PatternSet
from services.rag.patterns.store import KEPT_VERSIONS, Held


@dataclass(frozen=True, slots=True)
class _Kept:
    held: Held
    ends_at: float


class MemoryPatterns:
    """Implements PatternStore; forgets everything with its process. `now` gives seconds since 1970."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._kept: dict[TenantId, _Kept] = {}

    async def read(self, owner: Principal, *, whole: bool = False) -> Held:
        """See PatternStore."""
        held = self._held(owner)
        if whole or held.newest is None:
            return held
        return Held(held.version, {held.version: held.newest})

    async def put(
        self,
        owner: Principal,
        newest: PatternSet,
        *,
        after: int,
        rewritten: Mapping[int, PatternSet],
        ttl_seconds: float,
    ) -> bool:
        """See PatternStore."""
        held = self._held(owner)
        if held.version != after:
            return False
        history = {**held.history, **rewritten, after + 1: newest}
        kept = {version: each for version, each in history.items() if version > after + 1 - KEPT_VERSIONS}
        self._keep(owner, Held(after + 1, kept), ttl_seconds)
        return True

    async def touch(self, owner: Principal, *, after: int, ttl_seconds: float) -> bool:
        """See PatternStore."""
        held = self._held(owner)
        if held.version != after or held.newest is not None:
            return False
        self._keep(owner, Held(after + 1, held.history), ttl_seconds)
        return True

    async def count(self) -> int:
        """See PatternStore."""
        now = self._now()
        return sum(kept.ends_at > now and kept.held.newest is not None for kept in self._kept.values())

    def _held(self, owner: Principal) -> Held:
        kept = self._kept.get(owner.require_tenant())
        return kept.held if kept is not None and kept.ends_at > self._now() else Held()

    def _keep(self, owner: Principal, held: Held, ttl_seconds: float) -> None:
        ends_at = self._now() + ttl_seconds if ttl_seconds else float("inf")
        self._kept[owner.require_tenant()] = _Kept(held, ends_at)
