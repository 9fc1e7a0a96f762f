"""All stores of all services, opened by the settings that the services read, and brought up one after another."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic_settings import BaseSettings

from libs.common.embedded_redis import start_embedded_redis
from libs.common.errors import PreconditionFailed
from libs.common.migrations.runner import Store, StoreReport, Watch, Wish, run_store, unwatched
from libs.common.settings import load_settings
from services.cache.migrations.stores import open_stores as open_answers
from services.cache.settings import CacheSettings
from services.rag.migrations.stores import open_stores as open_knowledge
from services.rag.settings import RagSettings
from services.router.migrations.stores import open_stores as open_conversations
from services.router.settings import RouterSettings

_S = TypeVar("_S", bound=BaseSettings)
IN_REDIS = frozenset({"conversations", "answers", "patterns"})
"""The names of the stores in Redis."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are stored; what is not named is where the services' settings say."""

    redis_url: str = ""
    qdrant_url: str = ""
    state: Path | None = None

    def settings(self, cls: type[_S]) -> _S:
        """Returns a service's settings for these places."""
        given = {"redis_url": self.redis_url, "qdrant_url": self.qdrant_url, "state_dir": self.state}
        return load_settings(
            cls, **{name: value for name, value in given.items() if value and name in cls.model_fields}
        )


@asynccontextmanager
async def embedded_redis(state: Path) -> AsyncGenerator[str]:
    """Runs the Valkey of a stopped stack within the block, and yields its URL.

    Raises PreconditionFailed: NOTHING_STORED for a folder where no stack ever ran, STATE_IN_USE for one that runs.
    """
    folder = state / "redis"
    if not await asyncio.to_thread(folder.exists):
        raise PreconditionFailed(
            "NOTHING_STORED",
            f"No stack has stored anything in {state}. Name its folder with --state, or a server with --redis-url.",
        )
    redis = await start_embedded_redis(folder, port=None)
    try:
        yield redis.url
    finally:
        await redis.stop()


@asynccontextmanager
async def all_stores(places: Places) -> AsyncGenerator[Sequence[Store]]:
    """Opens the stores of every service."""
    async with AsyncExitStack() as stack:
        opened = (
            await stack.enter_async_context(open_conversations(places.settings(RouterSettings))),
            await stack.enter_async_context(open_answers(places.settings(CacheSettings))),
            await stack.enter_async_context(open_knowledge(places.settings(RagSettings))),
        )
        yield [store for stores in opened for store in stores]


async def run_all(
    places: Places,
    wish: Wish,
    *,
    watch: Watch = unwatched,
    show: Callable[[StoreReport], None] | None = None,
    only: Collection[str] = (),
) -> Sequence[StoreReport]:
    """Brings every store up, or says what that would change; `show` is told of each when it is done.

    With `only`, the stores of those names alone.
    Raises as `run_store`: what was done before stays done.
    """
    reports: list[StoreReport] = []
    async with all_stores(places) as stores:
        for store in stores:
            if only and store.name not in only:
                continue
            reports.append(await run_store(store, wish, watch))
            if show is not None:
                show(reports[-1])
    return reports
