"""The rag service's stores: their steps in order, their scripts, and how to look at them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.embedding.choose import open_embedder
from libs.common.migrations.finding import Finding
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.redis_inspection import inspect_server, load_scripts
from libs.common.migrations.runner import Store
from libs.common.migrations.stamp import StampBook
from libs.common.redis_store import RedisStore
from services.rag.adapters import redis_patterns
from services.rag.migrations.listed_tenants import ListedTenants
from services.rag.settings import RagSettings

NAME = "patterns"
SENTINELS = ((redis_patterns.FIRST_PART, "tenants"),)
# One exchange of a migration moves more than a call's does, and nobody waits for it.
_SECONDS = 10.0
_QDRANT_SECONDS = 120


def patterns_store(redis: RedisStore) -> Store:
    """Returns the database of learned patterns."""

    async def inspect(is_dry: bool) -> Sequence[Finding]:
        scripts = await load_scripts(redis, redis_patterns.SCRIPTS, is_dry=is_dry)
        return [*await inspect_server(redis), *scripts]

    return Store(NAME, RedisBook(redis, NAME), (ListedTenants(redis, number=1),), inspect)


@asynccontextmanager
async def open_stores(settings: RagSettings) -> AsyncGenerator[Sequence[Store]]:
    """Opens what the rag service stores for a migration: patterns in Redis, passages in Qdrant or a folder."""
    async with AsyncExitStack() as stack:
        stores: list[Store] = []
        lock: StampBook | None = None
        if settings.redis_url is not None:
            url, prefix = settings.redis_url.get_secret_value(), settings.redis_prefix
            redis = RedisStore.connect(url, db=settings.patterns_redis_db, prefix=prefix, timeout_seconds=_SECONDS)
            stack.push_async_callback(redis.aclose)
            stores.append(patterns_store(redis))
            lock = RedisBook(redis, "passages")
        embedder = open_embedder(settings)
        stack.push_async_callback(embedder.aclose)
        passages = await _passages(settings, embedder.embedder_id, embedder.dimensions, lock, stack)
        yield (*stores, *passages)


async def _passages(
    settings: RagSettings, embedder_id: str, dimensions: int, lock: StampBook | None, stack: AsyncExitStack
) -> Sequence[Store]:
    """Each engine is imported only where it is used, so that the other's package may be missing."""
    if settings.qdrant_url:
        from services.rag.adapters.qdrant_migrations import passages_store  # noqa: PLC0415
        from services.rag.adapters.qdrant_steps import connect  # noqa: PLC0415

        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        collection = connect(
            settings.qdrant_url,
            api_key=key,
            timeout_seconds=_QDRANT_SECONDS,
            embedder_id=embedder_id,
            dimensions=dimensions,
            quantized=settings.qdrant_quantized,
        )
        stack.push_async_callback(collection.client.close)
        return (passages_store(collection, lock),)
    if settings.state_dir is None or not (settings.state_dir / "qdrant" / "shard").exists():
        return ()
    from services.rag.adapters.edge_migrations import edge_store  # noqa: PLC0415

    return (edge_store(settings.state_dir / "qdrant", embedder_id=embedder_id, dimensions=dimensions),)
