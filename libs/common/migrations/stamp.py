"""The stamp of a store: which version of the records is in it, who may read them, and who is changing them now."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from libs.common.errors import Conflict, PreconditionFailed

# A lock ends so long after its runner's last sign of life, and a runner gives one so often.
LOCK_SECONDS = 30
BEAT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """`version` is the number of the last migration; code that knows at least `min_reader` reads what is there.

    `written_by` is the release that wrote it.
    """

    version: int
    min_reader: int = 0
    written_by: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration has come: its number, and where its next piece begins."""

    number: int = 0
    after: str = ""


class StampBook(Protocol):
    """Where a store's stamp is kept, and the lock of those who change the store.

    Every method may raise Unavailable, and those that write raise Conflict (MIGRATION_LOST) once another runner has
    taken over.
    """

    async def read(self) -> Stamp | None:
        """Returns the stamp; None for a store that has none."""
        ...

    async def claim(self, runner: str) -> Progress:
        """Takes the lock and returns how far the last runner came.

        Raises Conflict (MIGRATION_RUNNING) while somebody else holds it.
        """
        ...

    async def keep(self, progress: Progress) -> None:
        """Notes how far this runner has come, and holds the lock for another while."""
        ...

    async def write(self, stamp: Stamp) -> None:
        """Replaces the stamp, and forgets the progress."""
        ...

    async def release(self) -> None:
        """Gives the lock back."""
        ...


def this_release() -> str:
    """Returns the version of the running code, for stamps."""
    return version("repartee")


def too_new(store: str, stamp: Stamp, known: int) -> PreconditionFailed:
    """Returns the error of a process that cannot read what a newer version left."""
    return PreconditionFailed(
        "STORE_NEWER",
        f"The store of {store} has version {stamp.version}, written by release {stamp.written_by or 'unknown'}, and "
        f"only code that knows version {stamp.min_reader} reads it; this process knows {known}. Run that release or a "
        "later one, or put back the copy of the store from before the upgrade.",
    )


def running_already(store: str, runner: str, since: float) -> Conflict:
    """Returns the error of a runner that comes second; `since` is in seconds since 1970."""
    began = datetime.fromtimestamp(since, UTC)
    return Conflict(
        "MIGRATION_RUNNING",
        f"{runner} has been migrating the store of {store} since {began:%Y-%m-%d %H:%M:%S} UTC. Wait until it is done; "
        "if it was killed, its lock ends by itself in half a minute, and the next run goes on from there.",
        metadata={"runner": runner},
        retry_after_seconds=30.0,
    )


def taken_over(store: str) -> Conflict:
    """Returns the error of a runner that was away so long that another one goes on."""
    return Conflict(
        "MIGRATION_LOST",
        f"Another runner has taken over the store of {store}, because this one gave no sign of life for half a minute. "
        "Nothing is lost: look at the other's report.",
    )
