"""The same cases for both indexes: Qdrant's engine in process, and the server's adapter on the client's own double."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from libs.common.errors import PreconditionFailed, Unavailable
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.adapters.qdrant_index import QdrantIndex
from services.rag.documents import SHARED
from services.rag.passage_index import DocumentRecord, PassageIndex, StoredChunk, Vector
from services.rag.tenant_scope import TenantScope
from tests.fakes.rag_parts import principal

# The client's double has no payload indexes and says so each time one is made.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

DIMENSIONS = 8
NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)


@pytest.fixture(params=["edge", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PassageIndex]:
    made: QdrantEdgeIndex | QdrantIndex
    if request.param == "edge":
        made = QdrantEdgeIndex.open(tmp_path / "index", embedder_id="e1", dimensions=DIMENSIONS)
    else:
        made = QdrantIndex(AsyncQdrantClient(":memory:"), embedder_id="e1", dimensions=DIMENSIONS)
    yield made
    await made.aclose()


def scope(tenant: str) -> TenantScope:
    return TenantScope(principal(tenant))


def vector(*values: float) -> Vector:
    padded = np.zeros(DIMENSIONS, dtype=np.float32)
    padded[: len(values)] = values
    return padded / np.linalg.norm(padded)


def chunks(document_id: str, *vectors: Vector, owner: str = SHARED, revision: str = "r1") -> list[StoredChunk]:
    record = DocumentRecord(document_id, f"Title of {document_id}", owner, len(vectors), "ab" * 32, revision, NOW)
    return [
        StoredChunk(record, position, f"heading {position}", f"text {position} of {document_id}", each)
        for position, each in enumerate(vectors)
    ]


async def test_what_was_written_is_found_with_all_its_fields_most_similar_first(index: PassageIndex) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1), vector(1, 1), owner="awa"))

    hits = await index.search(scope("shop").for_agent("awa"), vector(1), limit=5)

    assert [(hit.document_id, hit.position) for hit in hits] == [("doc", 0), ("doc", 1)]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.7071], abs=1e-3)
    best = hits[0]
    assert (best.tenant, best.agent_owner, best.title, best.text) == ("shop", "awa", "heading 0", "text 0 of doc")


async def test_limit_bounds_the_hits(index: PassageIndex) -> None:
    await index.write(scope("shop"), chunks("doc", *[vector(1, n) for n in range(6)]))
    assert len(await index.search(scope("shop").for_agent(""), vector(1), limit=4)) == 4


async def test_the_same_chunk_written_again_is_replaced(index: PassageIndex) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1), vector(0, 1)))
    await index.write(scope("shop"), chunks("doc", vector(0, 0, 1), vector(0, 1), revision="r2"))
    assert (await index.size(scope("shop"))).chunks == 2
    assert [record.revision for record in await index.documents(scope("shop"))] == ["r2"]


async def test_remove_takes_the_chunks_from_a_position_on_and_no_others(index: PassageIndex) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1), vector(0, 1), vector(0, 0, 1)))
    await index.write(scope("shop"), chunks("other", vector(1)))
    await index.remove(scope("shop"), "doc", from_position=1)
    hits = await index.search(scope("shop").for_agent(""), vector(1, 1, 1), limit=9)
    assert {(hit.document_id, hit.position) for hit in hits} == {("doc", 0), ("other", 0)}
    await index.remove(scope("shop"), "doc")
    hits = await index.search(scope("shop").for_agent(""), vector(1, 1, 1), limit=9)
    assert {hit.document_id for hit in hits} == {"other"}


async def test_remove_of_what_is_not_there_does_nothing(index: PassageIndex) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1)))
    await index.remove(scope("shop"), "nothing")
    await index.remove(scope("other"), "doc")
    assert (await index.size(scope("shop"))).documents == 1


async def test_documents_come_by_id_with_all_their_fields(index: PassageIndex) -> None:
    for name in ("b", "a", "c"):
        await index.write(scope("shop"), chunks(name, vector(1), vector(0, 1)))
    await index.write(scope("other"), chunks("z", vector(1)))
    listed = await index.documents(scope("shop"))
    assert [record.document_id for record in listed] == ["a", "b", "c"]
    assert listed[0] == DocumentRecord("a", "Title of a", SHARED, 2, "ab" * 32, "r1", NOW)
    some = await index.documents(scope("shop"), document_ids=["c", "z", "missing"])
    assert [record.document_id for record in some] == ["c"]
    assert await index.documents(scope("shop"), document_ids=[]) == []


async def test_size_counts_one_tenant_or_all(index: PassageIndex) -> None:
    await index.write(scope("shop"), chunks("a", vector(1), vector(0, 1)))
    await index.write(scope("other"), chunks("a", vector(1)))
    sizes = [await index.size(scope("shop")), await index.size(scope("other")), await index.size(None)]
    assert [(size.documents, size.chunks) for size in sizes] == [(1, 2), (1, 1), (2, 3)]


async def test_no_search_crosses_a_tenant_or_an_owner(index: PassageIndex) -> None:
    """Random documents of random tenants and owners: each search sees exactly what its scope allows."""
    rng = random.Random(20260504)
    tenants, owners = ["t1", "t2", "T1", "t-1"], [SHARED, "audrey", "carole"]
    written: set[tuple[str, str, str]] = set()
    for number in range(60):
        tenant, owner = rng.choice(tenants), rng.choice(owners)
        near = vector(*[rng.uniform(0.1, 1) for _ in range(DIMENSIONS)])
        # The same document ids in every tenant, on purpose.
        await index.remove(scope(tenant), f"d{number % 20}")
        written = {row for row in written if (row[0], row[2]) != (tenant, f"d{number % 20}")}
        await index.write(scope(tenant), chunks(f"d{number % 20}", near, owner=owner))
        written.add((tenant, owner, f"d{number % 20}"))
    for tenant in [*tenants, "t3"]:
        for agent in ["", *owners, "nobody"]:
            hits = await index.search(scope(tenant).for_agent(agent), vector(1, 1, 1), limit=100)
            expected = {row for row in written if row[0] == tenant and row[1] in {SHARED, agent}}
            assert {(hit.tenant, hit.agent_owner, hit.document_id) for hit in hits} == expected


@pytest.mark.parametrize("kind", ["edge", "server"])
async def test_vectors_of_another_embedder_are_neither_searched_nor_written(kind: str, tmp_path: Path) -> None:
    """Listing and deleting stay possible: a tenant's documents can always be removed."""
    client = AsyncQdrantClient(":memory:")

    async def reopened(embedder_id: str) -> QdrantEdgeIndex | QdrantIndex:
        if kind == "edge":
            return QdrantEdgeIndex.open(tmp_path / "index", embedder_id=embedder_id, dimensions=DIMENSIONS)
        return QdrantIndex(client, embedder_id=embedder_id, dimensions=DIMENSIONS)

    first = await reopened("e1")
    await first.write(scope("shop"), chunks("doc", vector(1)))
    if kind == "edge":
        await first.aclose()
    second = await reopened("e2")
    with pytest.raises(PreconditionFailed) as searching:
        await second.search(scope("shop").for_agent(""), vector(1), limit=3)
    with pytest.raises(PreconditionFailed) as writing:
        await second.write(scope("shop"), chunks("doc", vector(1)))
    assert searching.value.reason == writing.value.reason == "EMBEDDER_MISMATCH"
    assert len(await second.documents(scope("shop"))) == 1
    await second.remove(scope("shop"), "doc")
    assert await second.documents(scope("shop")) == []
    await second.aclose()


async def test_an_embedded_index_is_there_again_after_a_restart(tmp_path: Path) -> None:
    first = QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
    await first.write(scope("shop"), chunks("doc", vector(1)))
    await first.aclose()
    second = QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
    assert len(await second.search(scope("shop").for_agent(""), vector(1), limit=3)) == 1
    await second.aclose()


async def test_a_folder_that_is_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    first = QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
    with pytest.raises(PreconditionFailed) as refused:
        QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
    assert refused.value.reason == "INDEX_LOCKED"
    await first.aclose()


@pytest.mark.parametrize("damaged", ["index.json", "shard/edge_config.json"])
async def test_damaged_files_are_refused_and_left_alone(damaged: str, tmp_path: Path) -> None:
    first = QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
    await first.write(scope("shop"), chunks("doc", vector(1)))
    await first.aclose()
    (tmp_path / damaged).write_bytes(b"junk")
    for _ in range(2):
        with pytest.raises(PreconditionFailed) as refused:
            QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
        assert refused.value.reason == "INDEX_UNREADABLE"
    assert (tmp_path / damaged).read_bytes() == b"junk"


async def test_a_server_that_is_away_is_unavailable_and_tried_again() -> None:
    remote = QdrantIndex.connect("http://127.0.0.1:1", api_key=None, embedder_id="e1", dimensions=DIMENSIONS)
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            await remote.size(scope("shop"))
        assert refused.value.reason == "INDEX_UNAVAILABLE"
    await remote.aclose()
