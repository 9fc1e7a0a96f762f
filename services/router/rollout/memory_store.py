"""The store of a rollout in memory: for a single process, and for tests."""

import asyncio
import time
from collections.abc import Callable, Mapping

from services.router.rollout.audit import NO_ENTRY, AuditEntry, Head
from services.router.rollout.state import EVERYBODY, RolloutState
from services.router.rollout.store import BEAT_SECONDS, REQUEST_SECONDS, Changes, Commit, Kept


class MemoryRolloutStore:
    """A `RolloutStore` that forgets everything with its process."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._records: dict[str, tuple[int, RolloutState]] = {}
        self._audit: list[AuditEntry] = []
        self._outcomes: dict[str, tuple[float, str]] = {}
        self._replicas: dict[str, tuple[int, float]] = {}
        self._news = asyncio.Event()

    @property
    def name(self) -> str:
        """See `RolloutStore`."""
        return "memory"

    async def read(self, scope: str, request: str = "") -> Kept:
        """See `RolloutStore`."""
        return Kept(
            self._head,
            self._record(scope),
            self._record(EVERYBODY),
            self._outcomes.get(request, (0.0, ""))[1],
        )

    async def append(self, commit: Commit) -> bool:
        """See `RolloutStore`."""
        if commit.after != self._head:
            return False
        if commit.request:
            now = self._clock()
            self._outcomes = {key: kept for key, kept in self._outcomes.items() if kept[0] > now}
            self._outcomes[commit.request] = now + REQUEST_SECONDS, commit.outcome
        if commit.entry is not None:
            self._audit.append(commit.entry)
            if commit.record is not None:
                self._records[commit.record.tenant] = commit.entry.sequence, commit.record
            self._news.set()
            self._news = asyncio.Event()
        return True

    async def follow(self, replica: str, known: Head, *, wait_seconds: float) -> Changes:
        """See `RolloutStore`."""
        if wait_seconds and known == self._head:
            self._replicas[replica] = known.sequence, self._clock()
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._news.wait()
            except TimeoutError:
                pass
        self._replicas[replica] = known.sequence, self._clock()
        is_there = known == NO_ENTRY or known in (
            each.head for each in self._audit[known.sequence - 1 : known.sequence]
        )
        after = known.sequence if is_there else 0
        changed = [record for sequence, record in self._records.values() if sequence > after]
        return Changes(self._head, changed, lost=not is_there)

    async def replicas(self) -> Mapping[str, int]:
        """See `RolloutStore`."""
        alive_since = self._clock() - BEAT_SECONDS
        return {name: known for name, (known, at) in self._replicas.items() if at >= alive_since}

    async def entries(self, *, before: int, count: int) -> list[AuditEntry]:
        """See `RolloutStore`."""
        end = before - 1 if before else len(self._audit)
        return self._audit[max(0, end - count) : end][::-1]

    @property
    def _head(self) -> Head:
        return self._audit[-1].head if self._audit else NO_ENTRY

    def _record(self, scope: str) -> RolloutState | None:
        kept = self._records.get(scope)
        return kept[1] if kept else None
