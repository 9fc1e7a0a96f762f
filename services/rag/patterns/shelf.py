"""Patterns in this process: what was read a moment ago is served from memory, and old ones rather than none."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from libs.common.errors import Unavailable
from libs.common.request_context import Principal, TenantId
from services.rag.patterns.pattern import PatternSet
from services.rag.patterns.reading import PatternReader
from services.rag.patterns.store import PatternStore

_LOG = logging.getLogger(__name__)

MAX_TENANTS = 1000
FRESH_SECONDS = 60.0
# As much of a tenant's id as a line of the log shows.
_SHOWN_CHARACTERS = 7


@dataclass(frozen=True, slots=True)
class Shelved:
    """A tenant's patterns, ready for use. `is_due` when they should be learned anew: too old, or never learned."""

    version: int
    patterns: PatternSet
    reader: PatternReader
    is_due: bool
    read_at: float


@dataclass(frozen=True, slots=True)
class PatternCounts:
    """How many tenants have patterns, in the store and in this process."""

    in_store: int
    in_memory: int


class Shelf:
    """The last 1,000 tenants that were asked for, each read again after 60 seconds.

    Another process's change is seen within these 60 seconds. A store that does not answer leaves what is there, or
    the generic patterns alone. `wall` gives seconds since 1970, `now` a clock that only goes forward.
    """

    def __init__(
        self, store: PatternStore, *, wall: Callable[[], float] = time.time, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._wall = wall
        self._now = now
        self._shelved: OrderedDict[TenantId, Shelved] = OrderedDict()
        self.failure = ""

    async def get(self, owner: Principal) -> Shelved:
        """Returns the patterns in use; none of its own, and not due, for a tenant that cannot be read. Never raises."""
        tenant = owner.require_tenant()
        kept = self._shelved.get(tenant)
        if kept is not None and self._now() - kept.read_at < FRESH_SECONDS:
            self._shelved.move_to_end(tenant)
            return kept
        try:
            read = await self._read(owner)
        except Unavailable as error:
            self.failure = error.reason
            return kept or Shelved(0, PatternSet(), PatternReader(()), is_due=False, read_at=self._now())
        self.failure = ""
        self._shelved[tenant] = read
        self._shelved.move_to_end(tenant)
        if len(self._shelved) > MAX_TENANTS:
            self._shelved.popitem(last=False)
        return read

    def forget(self, owner: Principal) -> None:
        """Reads the tenant's patterns again when they are next asked for."""
        self._shelved.pop(owner.require_tenant(), None)

    async def counts(self) -> PatternCounts:
        """Returns how many tenants have patterns. Raises Unavailable (STORE_UNAVAILABLE)."""
        in_memory = sum(bool(shelved.patterns.patterns) for shelved in self._shelved.values())
        return PatternCounts(await self._store.count(), in_memory)

    async def _read(self, owner: Principal) -> Shelved:
        held = await self._store.read(owner)
        patterns = held.newest or PatternSet()
        is_old = not patterns.pinned and patterns.fresh_until <= self._wall()
        reader = PatternReader(patterns.active)
        if len(reader):
            tenant = owner.require_tenant()[:_SHOWN_CHARACTERS]
            _LOG.info("[REGEX] Utilisation de %d patterns pour company %s...", len(reader), tenant)
        return Shelved(held.version, patterns, reader, is_due=is_old, read_at=self._now())
