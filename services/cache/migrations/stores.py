"""The cache's store: its steps in order, its scripts, and how to look at it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from libs.common.migrations.finding import Finding
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.redis_inspection import inspect_server, load_scripts
from libs.common.migrations.runner import Store
from libs.common.redis_store import RedisStore
from services.cache.adapters import answer_scripts, redis_answers, redis_leases
from services.cache.migrations.answer_sizes import AnswerSizes
from services.cache.settings import CacheSettings

NAME = "answers"
# Whoever asked the cache once.
SENTINELS = ((redis_answers.FAMILY, "tenants"),)
SCRIPTS = {**answer_scripts.SCRIPTS, **redis_leases.SCRIPTS}
# One exchange of a migration moves more than a lookup's does, and nobody waits for it.
_SECONDS = 10.0


def answers_store(redis: RedisStore) -> Store:
    """Returns the database of answers."""

    async def inspect(is_dry: bool) -> Sequence[Finding]:
        return [*await inspect_server(redis), *await load_scripts(redis, SCRIPTS, is_dry=is_dry)]

    return Store(NAME, RedisBook(redis, NAME), (AnswerSizes(redis, number=1),), inspect)


@asynccontextmanager
async def open_stores(settings: CacheSettings) -> AsyncGenerator[Sequence[Store]]:
    """Opens what the cache stores for a migration; nothing where no Redis is configured."""
    if settings.redis_url is None:
        yield ()
        return
    url, prefix = settings.redis_url.get_secret_value(), settings.redis_prefix
    redis = RedisStore.connect(url, db=settings.cache_redis_db, prefix=prefix, timeout_seconds=_SECONDS)
    try:
        yield (answers_store(redis),)
    finally:
        await redis.aclose()
