"""Counts of turns, that add up over processes and days."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from libs.common.request_context import TenantId
from services.router.afterwards.sequel import Sequel, SequelKind
from services.router.judging.histogram import bucket_of
from services.router.turn_record import TurnRecord

MESSAGES, ERRORS, ESCALATIONS, CACHE_HITS = "messages", "errors", "escalations", "cache_hits"
RATED_GOOD, RATED_BAD, ABANDONED = "rated_good", "rated_bad", "abandoned"
_SEQUELS = {SequelKind.GOOD: RATED_GOOD, SequelKind.BAD: RATED_BAD, SequelKind.ABANDONED: ABANDONED}
# Millionths, and of how many turns: not every turn is routed.
CONFIDENCE, ROUTED = "confidence", "routed"
_BUCKET = "seconds:"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What turns are counted by, within a tenant: the variant is the assigned one, the tier may be empty."""

    day: datetime.date
    variant: str
    agent: str
    tier: str


@dataclass(slots=True)
class Counts:
    """Counters by name; durations are in `services.router.judging.histogram`'s buckets."""

    by_name: Counter[str] = field(default_factory=Counter[str])

    def add(self, turn: TurnRecord) -> None:
        """Counts one turn."""
        counted = self.by_name
        counted[MESSAGES] += 1
        counted[ERRORS] += turn.failed
        counted[ESCALATIONS] += turn.escalated
        counted[CACHE_HITS] += turn.cache_hit
        counted[f"{_BUCKET}{bucket_of(turn.seconds)}"] += 1
        if turn.confidence > 0:
            counted[CONFIDENCE] += round(turn.confidence * 1_000_000)
            counted[ROUTED] += 1

    def add_sequel(self, sequel: Sequel) -> None:
        """Counts what became known of a turn later."""
        self.by_name[_SEQUELS[sequel.kind]] += 1

    @property
    def seconds(self) -> Mapping[int, int]:
        """Turns by bucket of their duration."""
        found = self.by_name.items()
        return {int(name.removeprefix(_BUCKET)): count for name, count in found if name.startswith(_BUCKET)}

    @property
    def mean_confidence(self) -> float:
        """Mean confidence of the turns that were routed, 0 when none was."""
        routed = self.by_name[ROUTED]
        return self.by_name[CONFIDENCE] / routed / 1_000_000 if routed else 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one process counted of one tenant's day; storing the same `id` twice counts once."""

    id: str
    tenant: TenantId
    day: datetime.date
    counts: Mapping[Place, Counts]
    conversations: Mapping[Place, frozenset[str]]


class UsageStore(Protocol):
    """Keeps counts of all tenants for its retention. Every method may raise Unavailable (STORE_UNAVAILABLE)."""

    async def add(self, batch: Batch) -> None:
        """Adds a batch, once."""
        ...

    async def counts(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Mapping[Place, Counts]:
        """Returns the counts of the days `first` to `last`, both included."""
        ...

    async def conversations(self, tenant: TenantId, groups: Sequence[Sequence[Place]]) -> Sequence[int]:
        """Returns for each group how many conversations had a turn in any of its places, to within about 1 %."""
        ...

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that had a turn on `first` or later, in order."""
        ...
