"""The lists of migrations: every script is loaded, versions agree, steps are numbered without a gap."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from qdrant_client import AsyncQdrantClient

import libs.common.spending
import libs.common.tenants
import services.cache.adapters
import services.rag.adapters
import services.router.adapters
from libs.common.migrations.runner import Store
from libs.common.redis_store import RedisStore, Script
from services.cache.migrations import stores as cache
from services.rag.adapters import edge_migrations, qdrant_collection, qdrant_edge_shard, redis_patterns
from services.rag.adapters.qdrant_migrations import passages_store
from services.rag.adapters.qdrant_steps import Collection
from services.router.migrations import stores as router
from services.router.migrations.stores import conversations_store

PACKAGES: Mapping[ModuleType, Mapping[str, Script]] = {
    services.router.adapters: router.SCRIPTS,
    libs.common.tenants: router.SCRIPTS,
    libs.common.spending: router.SCRIPTS,
    services.cache.adapters: cache.SCRIPTS,
    services.rag.adapters: redis_patterns.SCRIPTS,
}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_migration_loads_every_script_of_the_code(package: ModuleType) -> None:
    """A script that is missing here costs its first caller a second exchange, and its digest is in no report."""
    loaded = {script.sha for script in PACKAGES[package].values()}
    missing: list[str] = []
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        scripts = {name: value for name, value in vars(module).items() if isinstance(value, Script)}
        missing += [f"{found.name}.{name}" for name, script in scripts.items() if script.sha not in loaded]
    assert missing == []


async def test_what_services_write_into_new_places_is_the_version_of_the_last_step(tmp_path: Path) -> None:
    client = AsyncQdrantClient(":memory:")
    passages = passages_store(Collection(client, embedder_id="e1", dimensions=4), None)
    assert (passages.version, passages.min_reader) == (qdrant_collection.VERSION, qdrant_collection.MIN_READER)
    await client.close()
    edge = edge_migrations.edge_store(tmp_path, embedder_id="e1", dimensions=4)
    assert (edge.version, edge.min_reader) == (qdrant_edge_shard.VERSION, qdrant_edge_shard.MIN_READER)


async def test_steps_with_a_gap_in_their_numbers_are_refused() -> None:
    redis = RedisStore.connect("redis://127.0.0.1:1")
    whole = conversations_store(redis)
    with pytest.raises(ValueError, match="numbered from 1 without a gap"):
        Store(whole.name, whole.book, (whole.migrations[0], whole.migrations[2]), whole.inspect)
    await redis.aclose()
