"""What a running service thinks of the stamp of its store: whether it reads it, and whether a migration waits."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from libs.common.errors import Unavailable
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.runner import Store
from libs.common.migrations.stamp import Stamp, this_release, too_new
from libs.common.process_status import DependencyState, no_dependencies
from libs.common.redis_store import RedisStore
from libs.common.upkeep import Upkeep

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 30.0


class Standing:
    """Use as an async context manager: it looks at start, and every half minute from then on.

    Entering raises PreconditionFailed (STORE_NEWER) for a store that only newer code reads: a replica that reads it
    wrong would answer customers from nothing, while one that does not start leaves those that do serve. A store that
    does not answer keeps nobody from starting. Found too new later, it is said and the replica goes on: what is open in
    it is worth more than its end.

    A store that is empty gets its stamp here: none of `sentinels`, keys without their prefix, is there.
    """

    def __init__(self, store: Store, redis: RedisStore, *, sentinels: Sequence[tuple[str, str]]) -> None:
        self._store = store
        self._redis = redis.platform
        self._book = RedisBook(redis, store.name)
        self._sentinels = [self._redis.key(*each) for each in sentinels]
        self._stamp: Stamp | None = None
        self._has_looked = False
        self._upkeep = Upkeep(after_failure_seconds=_LOOK_SECONDS)

    async def __aenter__(self) -> Self:
        try:
            await self.look()
        except Unavailable:
            _LOG.warning("the store of %s does not answer yet; its version is looked at later", self._store.name)
        if self._is_unreadable() and self._stamp is not None:
            raise too_new(self._store.name, self._stamp, self._store.version)
        self._upkeep.start(self.look, name=f"looking at the version of {self._store.name}", every_seconds=_LOOK_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._upkeep.stop()

    async def look(self) -> None:
        """Reads the stamp, and writes the first one of an empty store. Raises Unavailable."""
        stamp = await self._book.read()
        if stamp is None and await self._is_empty():
            await self._book.begin(Stamp(self._store.version, self._store.min_reader, this_release()))
            stamp = await self._book.read()
        was, self._stamp, self._has_looked = self._is_unreadable(), stamp, True
        if self._is_unreadable() and not was and stamp is not None:
            _LOG.error("%s", too_new(self._store.name, stamp, self._store.version).message)

    def dependencies(self) -> Sequence[DependencyState]:
        """Returns what there is to say of the store's version; nothing when it is the one of this code."""
        name, version = f"schema:{self._store.name}", self._store.version
        if not self._has_looked or (self._stamp is not None and self._stamp.version == version):
            return ()
        if self._stamp is None or self._stamp.version < version:
            stored = self._stamp.version if self._stamp else 0
            return (
                DependencyState(
                    name,
                    "degraded",
                    f"Stored records have version {stored} of {version} and are read all the same: run `migrate`.",
                ),
            )
        if self._is_unreadable():
            return (DependencyState(name, "degraded", too_new(self._store.name, self._stamp, version).message),)
        return (
            DependencyState(name, "up", f"Version {self._stamp.version} is newer than this process, which reads it."),
        )

    def _is_unreadable(self) -> bool:
        return self._stamp is not None and self._stamp.min_reader > self._store.version

    async def _is_empty(self) -> bool:
        pipeline = self._redis.pipeline(atomic=False)
        for key in self._sentinels:
            pipeline.command("EXISTS", key)
        return not any(await pipeline.execute())


@asynccontextmanager
async def stored_version(
    redis: RedisStore | None, store_of: Callable[[RedisStore], Store], *, sentinels: Sequence[tuple[str, str]]
) -> AsyncGenerator[Callable[[], Sequence[DependencyState]]]:
    """Watches a store's version within the block, and yields what there is to say of it. See Standing."""
    if redis is None:
        yield no_dependencies
        return
    async with Standing(store_of(redis), redis, sentinels=sentinels) as standing:
        yield standing.dependencies
