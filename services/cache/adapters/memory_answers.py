"""Answers in memory, for a process without Redis: bounded, short-lived, gone with the process."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from libs.common.request_context import Principal, TenantId
from services.cache.entries import Entry, Row, encode_entry, encode_row
from services.cache.store import Changes, Snapshot


@dataclass(slots=True)
class _Shelf:
    epoch: int = 0
    version: int = 0
    # Versions up to which rows were removed: who is behind reads everything again.
    floor: int = 0
    threshold_raise: float = 0.0
    samples: int = 0
    false_samples: int = 0
    # When the first ask of a question is forgotten.
    asked: dict[str, float] = field(default_factory=dict[str, float])
    entries: OrderedDict[str, tuple[Entry, Row, int]] = field(default_factory=OrderedDict[str, tuple[Entry, Row, int]])


class MemoryAnswers:
    """An AnswerStore and CounterStore. The oldest entry of a tenant, and the least recently used tenant, go first.

    It cannot see documents change in another process: the epoch it compares is the newest that came with an answer, and
    nothing is kept longer than `max_ttl_seconds`.
    """

    def __init__(
        self,
        *,
        capacity: int = 2000,
        capacity_bytes: int = 16 << 20,
        max_tenants: int = 200,
        max_ttl_seconds: float = 300.0,
        first_version: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._now = now
        self._max_tenants = max_tenants
        self._max_ttl_seconds = max_ttl_seconds
        # A tenant that was let go and comes back must not repeat a version that an index may still show.
        self._last_version = first_version
        self._shelves: OrderedDict[TenantId, _Shelf] = OrderedDict()
        self._totals: dict[TenantId, dict[str, int]] = {}

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        """See AnswerStore."""
        shelf = self._shelf(owner)
        found = (shelf.entries.get(entry_id) for entry_id in entry_ids)
        entries = tuple(line[0] if line else None for line in found)
        return Snapshot(shelf.epoch, shelf.version, entries, threshold_raise=shelf.threshold_raise)

    async def changes(self, owner: Principal, since: int | None) -> Changes:
        """See AnswerStore."""
        shelf = self._shelf(owner)
        is_whole = since is None or since < shelf.floor or since > shelf.version
        rows = tuple(row for _, row, version in shelf.entries.values() if is_whole or version > (since or 0))
        return Changes(shelf.version, is_whole, rows)

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        """See AnswerStore."""
        shelf = self._shelf(owner)
        if entry.knowledge_epoch < shelf.epoch:
            return None
        shelf.epoch = entry.knowledge_epoch
        expires_at = min(entry.expires_at, now + self._max_ttl_seconds)
        shelf.version = self._next_version()
        shelf.entries.pop(entry.entry_id, None)
        shelf.entries[entry.entry_id] = (
            replace(entry, expires_at=expires_at),
            replace(row, expires_at=expires_at),
            shelf.version,
        )
        while len(shelf.entries) > 1 and (
            len(shelf.entries) > self._capacity or _bytes_of(shelf) > self._capacity_bytes
        ):
            shelf.entries.popitem(last=False)
        return shelf.version

    async def remove(self, owner: Principal, entry_ids: Sequence[str] | None, *, now: float) -> int:  # noqa: ARG002
        """See AnswerStore."""
        shelf = self._shelf(owner)
        doomed = list(shelf.entries) if entry_ids is None else entry_ids
        removed = sum(shelf.entries.pop(entry_id, None) is not None for entry_id in doomed)
        shelf.version = shelf.floor = self._next_version()
        return removed

    async def size(self, owner: Principal, *, now: float) -> int:
        """See AnswerStore."""
        return sum(entry.expires_at > now for entry, _, _ in self._shelf(owner).entries.values())

    async def size_bytes(self, owner: Principal) -> int:
        """See AnswerStore."""
        return _bytes_of(self._shelf(owner))

    async def ask_first(self, owner: Principal, entry_id: str, *, seconds: float) -> bool:
        """See AnswerStore."""
        shelf, now = self._shelf(owner), self._now()
        if shelf.asked.get(entry_id, -math.inf) > now:
            return False
        shelf.asked = {key: until for key, until in shelf.asked.items() if until > now}
        shelf.asked[entry_id] = now + seconds
        return True

    async def note_sample(self, owner: Principal, *, is_false: bool) -> tuple[int, int]:
        """See AnswerStore."""
        shelf = self._shelf(owner)
        shelf.samples += 1
        shelf.false_samples += is_false
        return shelf.samples, shelf.false_samples

    async def raise_threshold(self, owner: Principal, by: float, *, at_most: float) -> float:
        """See AnswerStore."""
        shelf = self._shelf(owner)
        shelf.samples = shelf.false_samples = 0
        shelf.threshold_raise = round(min(shelf.threshold_raise + by, at_most), 3)
        return shelf.threshold_raise

    async def add(self, increments: Mapping[Principal, Mapping[str, int]]) -> None:
        """See CounterStore."""
        for owner, counts in increments.items():
            totals = self._totals.setdefault(owner.require_tenant(), {})
            for name, count in counts.items():
                totals[name] = totals.get(name, 0) + count

    async def totals(self, owner: Principal) -> dict[str, int]:
        """See CounterStore."""
        return dict(self._totals.get(owner.require_tenant(), {}))

    async def tenants(self) -> list[TenantId]:
        """See CounterStore."""
        return sorted(self._totals)

    def _shelf(self, owner: Principal) -> _Shelf:
        tenant = owner.require_tenant()
        shelf = self._shelves.get(tenant)
        if shelf is None:
            shelf = self._shelves[tenant] = _Shelf()
            if len(self._shelves) > self._max_tenants:
                self._shelves.popitem(last=False)
        else:
            self._shelves.move_to_end(tenant)
        return shelf

    def _next_version(self) -> int:
        self._last_version += 1
        return self._last_version


def _bytes_of(shelf: _Shelf) -> int:
    return sum(len(encode_entry(entry)) + len(encode_row(row)) for entry, row, _ in shelf.entries.values())
