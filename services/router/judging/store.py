"""Where counters and evidence are kept, for all replicas together: the ports, and the values that cross them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from libs.common.request_context import TenantId
from services.router.judging.windows import Bucket
from services.router.turn import Variant

# The scope of everything: all tenants together.
EVERYBODY = ""
# Kind of the mark that a conversation was dealt to a system, and how long that is remembered.
DEALT = "dealt"
DEALT_SECONDS = 86_400
# How long the bad events of a conversation are.
EVENT_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Stamp:
    """Names a batch of a recorder; `number` grows by one with each. A batch that comes again is not counted again."""

    recorder: str
    number: int


@dataclass(frozen=True, slots=True)
class Mark:
    """That `kind` happened to a conversation, which is named by a digest; `at` is in seconds since 1970."""

    kind: str
    conversation: str
    at: float


@dataclass(frozen=True, slots=True)
class Slice:
    """What to add to some buckets; the newest of it happened `last_at`.

    `conversations` are digests of those that had a turn, by the variant they were assigned to.
    """

    buckets: Sequence[Bucket]
    last_at: float
    fields: Mapping[str, int | float]
    conversations: Mapping[Variant, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Additions:
    """A batch for one scope: slices; hybrid's outcomes in order, `1` for each failure; tenants with bad events."""

    slices: Sequence[Slice]
    recent: str = ""
    suspects: Sequence[TenantId] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """Sums over buckets; `conversations` are distinct ones, within 1 %, and only there when they were asked for."""

    fields: Mapping[str, float]
    conversations: Mapping[Variant, int] = field(default_factory=dict[Variant, int])


@dataclass(frozen=True, slots=True)
class Journal:
    """The evidence since it last began anew.

    `fields` are the counters that are proof (no system's figures); `recent` hybrid's last 20 outcomes; `suspects` the
    tenants whose bad events are in it. `closed_at` is when it led to a rollback, 0 as long as it has not.
    """

    fields: Mapping[str, float]
    recent: str = ""
    suspects: frozenset[TenantId] = frozenset()
    closed_at: float = 0.0


class MetricsStore(Protocol):
    """Counters by scope (a tenant's id, or `EVERYBODY`) and bucket. All methods raise Unavailable."""

    async def claim(self, tenant: TenantId, stamp: Stamp, marks: Sequence[Mark]) -> Sequence[bool]:
        """Returns which marks are the first of their kind for their conversation; the same again for the same stamp.

        `DEALT` is forgotten after a day, other kinds after a week. A mark older than the journal is no first one.
        """
        ...

    async def add(self, scope: str, stamp: Stamp, additions: Additions) -> None:
        """Adds to buckets and journal in one step, once per stamp; slices that end before a reset are left out."""
        ...

    async def counts(self, scope: str, buckets: Sequence[Bucket], *, conversations: bool = False) -> Counted:
        """Returns the sums over `buckets`."""
        ...

    async def reset(self, scope: str, *, buckets: Sequence[Bucket], at: float) -> None:
        """Empties `buckets` and the journal, and forgets all marks."""
        ...


class EvidenceStore(Protocol):
    """The evidence that the guard judges by scope. All methods raise Unavailable."""

    async def journal(self, scope: str) -> Journal:
        """Returns the evidence as it is now."""
        ...

    async def close(self, scope: str, *, at: float) -> None:
        """Notes that the evidence has led to a rollback; the first time stays."""
        ...

    async def restart(self, scope: str, *, at: float) -> None:
        """Begins the evidence anew: what happened until `at` is out, and a conversation may be bad for a first time."""
        ...
