"""The ports of the cache's use cases: where answers are kept, what a tenant decides, and what is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.facts import Places
from libs.common.request_context import Principal, TenantId
from services.cache.entries import Entry, Row, Vector


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent read: the knowledge epoch, the version of the rows, and the entries asked for, None where absent.

    `crossed_count` counts values that carried another tenant's or key's seal; they are absent. `threshold_raise` is
    what false hits have added to the tenant's threshold.
    """

    epoch: int
    version: int
    entries: tuple[Entry | None, ...]
    crossed_count: int = 0
    threshold_raise: float = 0.0


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows that changed up to `version`; all of them when `is_whole`. `gone` are no longer there."""

    version: int
    is_whole: bool
    rows: tuple[Row, ...]
    gone: tuple[str, ...] = ()
    crossed_count: int = 0


class AnswerStore(Protocol):
    """Answers of every tenant, each reached through its own principal. All methods raise Unavailable.

    Versions grow with every change of a tenant's rows; 0 means that nothing was ever kept. Expired entries may still be
    returned: readers compare `expires_at`.
    """

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        """Returns the entries in one round trip."""
        ...

    async def changes(self, owner: Principal, since: int | None) -> Changes:
        """Returns what changed after version `since`, or everything for None."""
        ...

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        """Keeps an entry in place of the one of the same id; returns the version, or None when the epoch has moved."""
        ...

    async def remove(self, owner: Principal, entry_ids: Sequence[str] | None, *, now: float) -> int:
        """Removes entries, every one of the tenant for None; returns how many were there."""
        ...

    async def size(self, owner: Principal, *, now: float) -> int:
        """Returns how many entries are not expired."""
        ...

    async def size_bytes(self, owner: Principal) -> int:
        """Returns the bytes of the entries kept, those included that expired a moment ago."""
        ...

    async def ask_first(self, owner: Principal, entry_id: str, *, seconds: float) -> bool:
        """Notes that the question was answered; returns True the first time within `seconds`."""
        ...

    async def note_sample(self, owner: Principal, *, is_false: bool) -> tuple[int, int]:
        """Counts a hit that was answered anew; returns samples and false ones since the threshold was last raised."""
        ...

    async def raise_threshold(self, owner: Principal, by: float, *, at_most: float) -> float:
        """Adds to what false hits have added to the tenant's threshold; returns the sum, never over `at_most`."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What a tenant decides about its cache."""

    threshold: float = 0.88
    ttl_seconds: float = 7 * 86_400.0
    language: str = ""
    country: str = ""
    places: Places | None = None
    # Keep an answer only when its question comes a second time.
    second_ask: bool = False


class Policies(Protocol):
    """Policies by tenant, from memory; a tenant that is not known yet gets the defaults. Raises nothing."""

    async def of(self, tenant: TenantId) -> Policy: ...


class Nearest(Protocol):
    """Finds the entries of one tenant whose questions are most like another. Raises Unavailable."""

    async def nearest(
        self, owner: Principal, vector: Vector, *, scope: str, count: int, epoch: int, version: int, now: float
    ) -> list[tuple[str, float]]:
        """Returns up to `count` (entry id, cosine), best first: of one scope, made at `epoch`, not expired at `now`.

        Shows every row up to `version`. Entries that were removed meanwhile may still be among them.
        """
        ...


class CounterStore(Protocol):
    """Running totals by tenant. Raises Unavailable (STORE_UNAVAILABLE)."""

    async def add(self, increments: Mapping[Principal, Mapping[str, int]]) -> None:
        """Adds to the totals."""
        ...

    async def totals(self, owner: Principal) -> dict[str, int]:
        """Returns the totals of the owner's tenant."""
        ...

    async def tenants(self) -> list[TenantId]:
        """Returns every tenant that was ever counted."""
        ...
