"""The store of a rollout: what every replica shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.router.rollout.audit import NO_ENTRY, AuditEntry, Head
from services.router.rollout.state import RolloutState

# A replica that has not asked for news for so long is not waited for: it is gone, or cut off and fails static.
BEAT_SECONDS = 1.5
REQUEST_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of one scope, read in one moment; `everybody` is the record that holds for all.

    `outcome` is what an earlier call with the same request id came to, or empty.
    """

    head: Head = NO_ENTRY
    record: RolloutState | None = None
    everybody: RolloutState | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """One step: a new record of a scope, its audit entry, and the outcome of a request, each None or empty for none."""

    after: Head
    record: RolloutState | None = None
    entry: AuditEntry | None = None
    request: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """Records that changed since an entry, and the entry up to which they are complete.

    `lost` says that the store does not have the entry that was known: then the records are all there are.
    """

    head: Head
    records: Sequence[RolloutState] = ()
    lost: bool = False


class RolloutStore(Protocol):
    """Keeps a record per scope and the audit of all of them, in one order: every commit follows the newest entry.

    Every method raises Unavailable (STORE_UNAVAILABLE) when the store does not answer or holds what nobody can read.
    """

    @property
    def name(self) -> str:
        """What operators call the store."""
        ...

    async def read(self, scope: str, request: str = "") -> Kept:
        """Returns what is there for `scope`, a tenant or empty for all."""
        ...

    async def append(self, commit: Commit) -> bool:
        """Does all of `commit` and announces it, when `commit.after` is still the newest entry; else nothing, False."""
        ...

    async def follow(self, replica: str, known: Head, *, wait_seconds: float) -> Changes:
        """Returns what changed after the entry `known`, and notes that `replica` has got so far.

        Waits for news up to `wait_seconds`.
        """
        ...

    async def replicas(self) -> Mapping[str, int]:
        """Returns how far each living replica has got."""
        ...

    async def entries(self, *, before: int, count: int) -> list[AuditEntry]:
        """Returns at most `count` audit entries under the sequence `before`, newest first; 0 is from the newest."""
        ...
