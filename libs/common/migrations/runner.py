"""Runs the migrations of one store: what there is to do, then one step after another, from where the last run ended."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from libs.common.errors import Conflict, PreconditionFailed, Unavailable
from libs.common.migrations.finding import Finding, Inspection
from libs.common.migrations.stamp import BEAT_SECONDS, Progress, Stamp, StampBook, this_release, too_new
from libs.common.migrations.step import Migration


@dataclass(frozen=True, slots=True)
class Store:
    """One store of one service: its stamp, its steps in order, and how to look at it.

    `min_reader` is the least version whose code reads what the steps leave.
    """

    name: str
    book: StampBook
    migrations: Sequence[Migration]
    inspect: Inspection
    min_reader: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError unless the steps are numbered from 1 without a gap."""
        if [each.number for each in self.migrations] != list(range(1, len(self.migrations) + 1)):
            raise ValueError(f"the migrations of {self.name} must be numbered from 1 without a gap")

    @property
    def version(self) -> int:
        """The version that this code brings the store to."""
        return len(self.migrations)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did, or would do: counts by kind."""

    migration: Migration
    changes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What became of one store. `stamp_before` is None for a store that had no stamp."""

    store: str
    version: int
    stamp_before: Stamp | None
    findings: Sequence[Finding]
    steps: Sequence[StepReport] = field(default_factory=tuple[StepReport, ...])

    @property
    def has_work(self) -> bool:
        """Whether something was changed, or would be: the stamp alone counts too."""
        stamped = self.stamp_before.version if self.stamp_before else -1
        return stamped < self.version or any(step.changes for step in self.steps)

    def of_kind(self, kind: str) -> Sequence[str]:
        """Returns the texts of the findings of one kind."""
        return [each.text for each in self.findings if each.kind == kind]


Watch = Callable[[str, Migration, int, int, int], None]
"""Told after each piece: store, step, records walked through, about how many there are (0: unknown), changes so far."""


def unwatched(store: str, step: Migration, walked: int, size: int, changes: int) -> None:
    """A Watch that says nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to run. `again` takes the steps that are done too, for what processes of the version before wrote since.

    `runner` is who others are told about.
    """

    runner: str
    is_dry: bool = False
    again: bool = False
    is_strict: bool = False


async def run_store(
    store: Store, wish: Wish, watch: Watch = unwatched, *, wait: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> StoreReport:
    """Brings a store to this version, or says what that would change; a store that is there already is not written to.

    Raises Unavailable when the store does not answer, PreconditionFailed for one that is newer than this code reads
    (STORE_NEWER), that must not be used as it is (STORE_UNFIT), or whose user lacks a permission, and Conflict
    (MIGRATION_RUNNING, MIGRATION_LOST) for another runner.
    """
    try:
        stamp = await store.book.read()
    except Unavailable as error:
        raise Unavailable(
            error.reason,
            f"The store of {store.name} cannot be reached: {error.message} See that it runs and that its URL is right; "
            "what was done stays done.",
        ) from error
    if stamp is not None and stamp.min_reader > store.version:
        raise too_new(store.name, stamp, store.version)
    findings = list(await store.inspect(wish.is_dry))
    unfit = [each.text for each in findings if each.kind == "refusal" or (wish.is_strict and each.kind == "warning")]
    if unfit:
        raise PreconditionFailed("STORE_UNFIT", f"The store of {store.name} is not as it must be: {'; '.join(unfit)}.")
    if stamp is not None and stamp.version > store.version:
        newer = f"its version is {stamp.version}, newer than the {store.version} of this code, which still reads it"
        return StoreReport(store.name, store.version, stamp, [*findings, Finding("fact", newer)])
    begin = 0 if wish.again or stamp is None else stamp.version
    waiting = store.migrations[begin:]
    if wish.is_dry:
        steps = [StepReport(each, await _walk(store, each, watch)) for each in waiting]
    elif waiting:
        steps = await _take(store, waiting, stamp, wish, watch, wait)
    else:
        steps = []
    return StoreReport(store.name, store.version, stamp, findings, steps)


class _Held:
    """The lock of a store, kept alive while a piece takes its time: an index of millions is not made in seconds."""

    def __init__(self, book: StampBook) -> None:
        self._book = book
        self._place = Progress()
        self._turn = asyncio.Lock()

    async def keep(self, place: Progress) -> None:
        async with self._turn:
            self._place = place
            await self._book.keep(place)

    async def write(self, stamp: Stamp) -> None:
        async with self._turn:
            self._place = Progress()
            await self._book.write(stamp)

    async def beat(self, wait: Callable[[float], Awaitable[None]]) -> None:
        """Says for ever that this runner is alive. One that lost its lock hears of it at its own next step."""
        with contextlib.suppress(Conflict):
            while True:
                await wait(BEAT_SECONDS)
                with contextlib.suppress(Unavailable):
                    async with self._turn:
                        await self._book.keep(self._place)


async def _take(
    store: Store,
    waiting: Sequence[Migration],
    stamp: Stamp | None,
    wish: Wish,
    watch: Watch,
    wait: Callable[[float], Awaitable[None]],
) -> list[StepReport]:
    """Takes the steps under the lock. The stamp goes up with each step, and never down where steps are repeated."""
    reached = stamp.version if stamp else 0
    last = await store.book.claim(wish.runner)
    held = _Held(store.book)
    beating = asyncio.create_task(held.beat(wait), name="holding the lock of a migration")
    try:
        steps: list[StepReport] = []
        for migration in waiting:
            # A step that is repeated begins anew: what is old in it may lie behind the place where it once ended.
            is_interrupted = not wish.again and migration.number == last.number
            after = last.after if is_interrupted else ""

            async def keep(after: str, number: int = 0 if wish.again else migration.number) -> None:
                await held.keep(Progress(number, after))

            await keep(after)
            steps.append(StepReport(migration, await _walk(store, migration, watch, after=after, keep=keep)))
            reached = max(reached, migration.number)
            await held.write(Stamp(reached, store.min_reader, this_release()))
        return steps
    finally:
        beating.cancel()
        # A store that has gone away meanwhile: the lock ends by itself.
        with contextlib.suppress(Unavailable):
            await store.book.release()


async def _walk(
    store: Store,
    migration: Migration,
    watch: Watch,
    *,
    after: str = "",
    keep: Callable[[str], Awaitable[None]] | None = None,
) -> Mapping[str, int]:
    """Walks through the records from `after` on; without `keep` it only counts."""
    changes, walked, size = Counter[str](), 0, await migration.size()
    while True:
        piece = await migration.piece(after, is_dry=keep is None)
        walked += piece.walked
        changes.update({kind: count for kind, count in piece.changes.items() if count})
        watch(store.name, migration, walked, size, changes.total())
        if not piece.after:
            return dict(changes)
        after = piece.after
        if keep is not None:
            await keep(after)
