"""Migrations of passages: the server's adapter on the client's own double, and Qdrant's engine in process."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as edge
from qdrant_client import AsyncQdrantClient, models

from libs.common.errors import Conflict, PreconditionFailed
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.runner import Store, StoreReport, Wish, run_store
from libs.common.migrations.stamp import Stamp
from libs.common.redis_store import RedisStore
from services.rag.adapters import payload, qdrant_collection
from services.rag.adapters.edge_migrations import edge_store
from services.rag.adapters.qdrant_collection import COLLECTION, read_stamp, stamped
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.adapters.qdrant_edge_shard import take_lock
from services.rag.adapters.qdrant_index import QdrantIndex
from services.rag.adapters.qdrant_migrations import passages_store
from services.rag.adapters.qdrant_steps import Collection
from services.rag.tenant_scope import TenantScope
from tests.contract.test_rag_index import DIMENSIONS, chunks, vector
from tests.fakes.rag_parts import principal

pytest_plugins = ("tests.redis_fixture",)
# The client's double has no payload indexes and says so each time one is made.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

SHOP = TenantScope(principal("shop"))


@pytest.fixture
async def client() -> AsyncIterator[AsyncQdrantClient]:
    double = AsyncQdrantClient(":memory:")
    yield double
    await double.close()


def collection(client: AsyncQdrantClient, *, embedder_id: str = "e1", dimensions: int = DIMENSIONS) -> Collection:
    return Collection(client, embedder_id=embedder_id, dimensions=dimensions)


async def migrated(store: Store, **wish: Any) -> StoreReport:
    return await run_store(store, Wish("test", **wish), lambda *_: None)


def changes(report: StoreReport) -> dict[str, dict[str, int]]:
    return {step.migration.name: dict(step.changes) for step in report.steps}


async def earlier_collection(client: AsyncQdrantClient, *, passages: int = 600) -> None:
    """As before there was a search by words: vectors without names, no words, no stamp."""
    vectors = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
    await client.create_collection(COLLECTION, vectors_config=vectors, metadata={"embedder_id": "e1"})
    written = [chunks(f"d{number}", vector(1.0), words="horaires boutique")[0] for number in range(passages)]
    points = [
        models.PointStruct(
            id=payload.point_id(SHOP.tenant, chunk.record.document_id, chunk.position),
            vector=chunk.vector.tolist(),
            payload=payload.write_payload(SHOP.tenant, chunk),
        )
        for chunk in written
    ]
    await client.upsert(COLLECTION, points=points)


async def everything(client: AsyncQdrantClient) -> Any:
    points, _ = await client.scroll(COLLECTION, limit=10_000, with_payload=True, with_vectors=True)
    return await client.get_collection(COLLECTION), sorted(str(each) for each in points)


async def test_an_earlier_collection_gets_words_and_a_stamp_and_a_dry_run_only_says_so(
    client: AsyncQdrantClient,
) -> None:
    await earlier_collection(client)
    store, before = passages_store(collection(client), None), await everything(client)
    expected = {
        "collection": {},
        # The double keeps no graphs and no indexes, so it never has any.
        "payload-indexes": {"indexes": 5},
        "tenant-graphs": {"graphs": 1},
        "words": {"passages": 600},
    }
    assert changes(await migrated(store, is_dry=True)) == expected
    assert await everything(client) == before
    assert changes(await migrated(store)) == expected
    found = await client.get_collection(COLLECTION)
    assert (read_stamp(found) or Stamp(0)).version == qdrant_collection.VERSION == store.version
    assert (found.config.metadata or {})["embedder_id"] == "e1"
    after = await everything(client)
    assert not (await migrated(store)).has_work
    assert await everything(client) == after
    assert (changes(await migrated(store, again=True)))["words"] == {}


async def test_a_new_collection_is_made_with_everything_and_needs_no_migration_later(client: AsyncQdrantClient) -> None:
    store = passages_store(collection(client), None)
    dry = changes(await migrated(store, is_dry=True))
    assert dry == {"collection": {"collections": 1}, "payload-indexes": {}, "tenant-graphs": {}, "words": {}}
    assert not await client.collection_exists(COLLECTION)
    await migrated(store)
    index = QdrantIndex(client, embedder_id="e1", dimensions=DIMENSIONS)
    await index.write(SHOP, chunks("d1", vector(1.0)))
    assert (await index.size(None)).chunks == 1
    assert not (await migrated(store)).has_work


async def test_a_collection_that_the_service_made_has_its_stamp(client: AsyncQdrantClient) -> None:
    await QdrantIndex(client, embedder_id="e1", dimensions=DIMENSIONS).size(None)
    assert not (await migrated(passages_store(collection(client), None))).has_work


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"embedder_id": "e2"}, "made by the embedder 'e1'"), ({"dimensions": 4}, "have 8 dimensions")],
)
async def test_another_embedder_is_refused_before_anything_changes(
    client: AsyncQdrantClient, settings: dict[str, Any], said: str
) -> None:
    await earlier_collection(client, passages=1)
    before = await everything(client)
    with pytest.raises(PreconditionFailed, match=said) as refusal:
        await migrated(passages_store(collection(client, **settings), None))
    assert refusal.value.reason == "STORE_UNFIT"
    assert await everything(client) == before


async def test_a_collection_that_only_newer_code_reads_is_refused_by_the_service_and_the_migration(
    client: AsyncQdrantClient,
) -> None:
    await earlier_collection(client, passages=1)
    await client.update_collection(COLLECTION, metadata=stamped(Stamp(9, 8, "9.0")))
    for reading in (
        migrated(passages_store(collection(client), None)),
        QdrantIndex(client, embedder_id="e1", dimensions=DIMENSIONS).size(None),
    ):
        with pytest.raises(PreconditionFailed, match="only code that knows version 8") as refusal:
            await reading
        assert refusal.value.reason == "STORE_NEWER"


async def test_runners_of_one_collection_take_turns_through_redis(client: AsyncQdrantClient, redis_url: str) -> None:
    redis = RedisStore.connect(redis_url, db=4, timeout_seconds=5.0)
    try:
        await earlier_collection(client, passages=300)
        other = RedisBook(redis, "passages")
        await other.claim("job-1/7")
        store = passages_store(collection(client), RedisBook(redis, "passages"))
        with pytest.raises(Conflict, match="job-1/7"):
            await migrated(store)
        await other.release()
        assert changes(await migrated(store))["words"] == {"passages": 300}
    finally:
        await redis.aclose()


def earlier_shard(folder: Path, *, passages: int = 300) -> None:
    """As before there was a search by words: no words, a card that names the embedder alone."""
    folder.mkdir()
    config = edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(size=DIMENSIONS, distance=edge.Distance.Cosine), wal_enabled=True
    )
    shard = edge.EdgeShard.create(str(folder / "shard"), config)
    points = [
        edge.Point(
            id=payload.point_id(SHOP.tenant, f"d{number}", 0),
            vector=vector(1.0).tolist(),
            payload=payload.write_payload(SHOP.tenant, chunks(f"d{number}", vector(1.0), words="horaires")[0]),
        )
        for number in range(passages)
    ]
    shard.update(edge.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.close()
    (folder / "index.json").write_text(json.dumps({"embedder_id": "e1"}), encoding="utf-8")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_an_earlier_embedded_index_gets_its_words_and_its_stamp(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    earlier_shard(folder)
    store, before = edge_store(folder, embedder_id="e1", dimensions=DIMENSIONS), files(folder)
    assert changes(await migrated(store, is_dry=True)) == {"words": {"indexes": 1}}
    assert files(folder) == before
    assert changes(await migrated(store)) == {"words": {"indexes": 1}}
    after = files(folder)
    assert not (await migrated(store)).has_work
    assert files(folder) == after
    assert json.loads((folder / "index.json").read_text(encoding="utf-8"))["version"] == 1
    index = QdrantEdgeIndex.open(folder, embedder_id="e1", dimensions=DIMENSIONS)
    try:
        assert (await index.size(None)).chunks == 300
    finally:
        await index.aclose()


async def test_an_embedded_index_that_a_service_holds_or_that_is_newer_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    earlier_shard(folder, passages=1)
    store = edge_store(folder, embedder_id="e1", dimensions=DIMENSIONS)
    lock = take_lock(folder)
    try:
        with pytest.raises(PreconditionFailed) as refusal:
            await migrated(store)
        assert refusal.value.reason == "INDEX_LOCKED"
    finally:
        lock.close()
    with pytest.raises(PreconditionFailed, match="made by the embedder 'e1'"):
        await migrated(edge_store(folder, embedder_id="e2", dimensions=DIMENSIONS), is_dry=True)
    (folder / "index.json").write_text(
        json.dumps({"embedder_id": "e1", "version": 9, "min_reader": 9}), encoding="utf-8"
    )
    with pytest.raises(PreconditionFailed, match="only code that knows version 9"):
        await migrated(store)
    with pytest.raises(PreconditionFailed) as refusal:
        QdrantEdgeIndex.open(folder, embedder_id="e1", dimensions=DIMENSIONS)
    assert refusal.value.reason == "STORE_NEWER"
