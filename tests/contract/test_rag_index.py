"""The same cases for both indexes: Qdrant's engine in process, and the server's adapter on the client's own double."""

import json
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as edge
from qdrant_client import AsyncQdrantClient, models

from libs.common.errors import PreconditionFailed, Unavailable
from libs.common.request_context import TenantId
from services.rag.adapters import payload
from services.rag.adapters.qdrant_collection import COLLECTION
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.adapters.qdrant_index import QdrantIndex
from services.rag.documents import SHARED
from services.rag.passage_index import DocumentRecord, StoredChunk, Vector
from services.rag.quarantine import Note
from services.rag.tenant_scope import TenantScope
from services.rag.terms import Terms, passage_terms, question_terms
from tests.fakes.rag_parts import principal

# The client's double has no payload indexes and says so each time one is made.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

DIMENSIONS = 8
Index = QdrantEdgeIndex | QdrantIndex
NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)


@pytest.fixture(params=["edge", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    made: Index
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


def chunks(
    document_id: str, *vectors: Vector, owner: str = SHARED, revision: str = "r1", words: str = ""
) -> list[StoredChunk]:
    title, sha256 = f"Title of {document_id}", "ab" * 32
    record = DocumentRecord(document_id, title, owner, len(vectors), sha256, revision, NOW, "fr", "text/plain")
    terms = passage_terms(words, language="fr")
    return [
        StoredChunk(record, position, f"heading {position}", f"text {position} of {document_id}", each, terms)
        for position, each in enumerate(vectors)
    ]


def asked(text: str) -> Terms:
    return question_terms(text, languages=("fr",))


async def test_what_was_written_is_found_with_all_its_fields_most_similar_first(index: Index) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1), vector(1, 1), owner="awa"))

    hits = await index.search(scope("shop").for_agent("awa"), vector(1), limit=5)

    assert [(hit.document_id, hit.position) for hit in hits] == [("doc", 0), ("doc", 1)]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.7071], abs=1e-3)
    best = hits[0]
    assert (best.tenant, best.agent_owner, best.title, best.text) == ("shop", "awa", "heading 0", "text 0 of doc")


async def test_limit_bounds_the_hits(index: Index) -> None:
    await index.write(scope("shop"), chunks("doc", *[vector(1, n) for n in range(6)]))
    assert len(await index.search(scope("shop").for_agent(""), vector(1), limit=4)) == 4


async def test_the_same_chunk_written_again_is_replaced(index: Index) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1), vector(0, 1)))
    await index.write(scope("shop"), chunks("doc", vector(0, 0, 1), vector(0, 1), revision="r2"))
    assert (await index.size(scope("shop"))).chunks == 2
    assert [record.revision for record in await index.documents(scope("shop"))] == ["r2"]


async def test_remove_takes_the_chunks_from_a_position_on_and_no_others(index: Index) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1), vector(0, 1), vector(0, 0, 1)))
    await index.write(scope("shop"), chunks("other", vector(1)))
    await index.remove(scope("shop"), "doc", from_position=1)
    hits = await index.search(scope("shop").for_agent(""), vector(1, 1, 1), limit=9)
    assert {(hit.document_id, hit.position) for hit in hits} == {("doc", 0), ("other", 0)}
    await index.remove(scope("shop"), "doc")
    hits = await index.search(scope("shop").for_agent(""), vector(1, 1, 1), limit=9)
    assert {hit.document_id for hit in hits} == {"other"}


async def test_remove_of_what_is_not_there_does_nothing(index: Index) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1)))
    await index.remove(scope("shop"), "nothing")
    await index.remove(scope("other"), "doc")
    assert (await index.size(scope("shop"))).documents == 1


async def test_documents_come_by_id_with_all_their_fields(index: Index) -> None:
    for name in ("b", "a", "c"):
        await index.write(scope("shop"), chunks(name, vector(1), vector(0, 1)))
    await index.write(scope("other"), chunks("z", vector(1)))
    listed = await index.documents(scope("shop"))
    assert [record.document_id for record in listed] == ["a", "b", "c"]
    assert listed[0] == DocumentRecord("a", "Title of a", SHARED, 2, "ab" * 32, "r1", NOW, "fr", "text/plain")
    some = await index.documents(scope("shop"), document_ids=["c", "z", "missing"])
    assert [record.document_id for record in some] == ["c"]
    assert await index.documents(scope("shop"), document_ids=[]) == []


async def test_size_counts_one_tenant_or_all(index: Index) -> None:
    await index.write(scope("shop"), chunks("a", vector(1), vector(0, 1)))
    await index.write(scope("other"), chunks("a", vector(1)))
    sizes = [await index.size(scope("shop")), await index.size(scope("other")), await index.size(None)]
    assert [(size.documents, size.chunks) for size in sizes] == [(1, 2), (1, 1), (2, 3)]


async def test_no_search_crosses_a_tenant_or_an_owner(index: Index) -> None:
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


async def test_words_find_what_meaning_does_not_and_say_where_it_came(index: Index) -> None:
    await index.write(scope("shop"), chunks("near", vector(1), words="livraison à Cocody"))
    await index.write(scope("shop"), chunks("far", vector(0, 1), words="joint JT-2042"))
    hits = await index.search(scope("shop").for_agent(""), vector(1), limit=1, terms=asked("le jt2042 svp"))
    assert [(hit.document_id, hit.dense_rank, hit.sparse_rank) for hit in hits] == [("near", 1, 0), ("far", 0, 1)]
    assert hits[1].score == pytest.approx(0.0, abs=1e-3)
    assert hits[1].sparse_score > 0
    both = await index.search(scope("shop").for_agent(""), vector(0, 1), limit=1, terms=asked("joint JT-2042"))
    assert [(hit.document_id, hit.dense_rank, hit.sparse_rank) for hit in both] == [("far", 1, 1)]


async def test_how_rare_a_word_is_is_counted_within_the_tenant(index: Index) -> None:
    """What other tenants write must not change an order."""
    await index.write(scope("shop"), chunks("a", vector(1), words="tapis"))
    await index.write(scope("shop"), chunks("b", vector(1), words="montre"))

    async def scores() -> list[float]:
        hits = await index.search(scope("shop").for_agent(""), vector(1), limit=5, terms=asked("tapis montre"))
        return [hit.sparse_score for hit in sorted(hits, key=lambda hit: hit.document_id)]

    before = await scores()
    for number in range(20):
        await index.write(scope("other"), chunks(f"d{number}", vector(1), words="tapis"))
    assert await scores() == pytest.approx(before)
    assert before[0] == pytest.approx(before[1])


async def test_words_cross_neither_a_tenant_nor_an_owner(index: Index) -> None:
    for tenant, owner in (("shop", SHARED), ("shop", "awa"), ("other", SHARED)):
        await index.write(scope(tenant), chunks(f"{tenant}-{owner}", vector(0, 1), owner=owner, words="JT-2042"))
    hits = await index.search(scope("shop").for_agent(""), vector(1), limit=9, terms=asked("JT-2042"))
    assert [hit.document_id for hit in hits] == ["shop-shared"]


def note(document_id: str, reason: str = "ENCRYPTED") -> Note:
    return Note(document_id, "Titre", SHARED, "application/pdf", "cd" * 32, reason, NOW)


async def test_a_note_is_kept_beside_the_version_in_use_and_found_by_no_search(index: Index) -> None:
    await index.write(scope("shop"), chunks("doc", vector(1)))
    await index.set_aside(scope("shop"), note("doc", "PARSE_TIMEOUT"))
    await index.set_aside(scope("shop"), note("doc"))
    await index.set_aside(scope("shop"), note("another"))
    assert await index.notes(scope("shop")) == [note("another"), note("doc")]
    assert await index.notes(scope("other")) == []
    size = await index.size(scope("shop"))
    assert (size.documents, size.chunks) == (1, 1)
    assert len(await index.search(scope("shop").for_agent(""), vector(1), limit=9, terms=asked("titre"))) == 1
    await index.take_back(scope("shop"), "another")
    assert await index.notes(scope("shop")) == [note("doc")]
    assert (await index.size(scope("shop"))).chunks == 1
    await index.remove(scope("shop"), "doc")
    assert await index.notes(scope("shop")) == []


async def test_the_passages_of_documents_are_read_in_order(index: Index) -> None:
    await index.write(scope("shop"), chunks("b", vector(1), vector(0, 1)))
    await index.write(scope("shop"), chunks("a", vector(1)))
    await index.write(scope("other"), chunks("a", vector(1)))
    await index.set_aside(scope("shop"), note("a"))
    read = await index.passages(scope("shop"), document_ids=["a", "b", "missing"])
    assert [(hit.tenant, hit.document_id, hit.position) for hit in read] == [
        ("shop", "a", 0),
        ("shop", "b", 0),
        ("shop", "b", 1),
    ]


@pytest.mark.parametrize("kind", ["edge", "server"])
async def test_an_index_without_words_gets_them_when_it_is_opened(kind: str, tmp_path: Path) -> None:
    """As installations have them that were made before there was a search by words; opening again changes nothing."""
    old = chunks("old", vector(0, 1))[0]
    written = payload.write_payload(TenantId("shop"), replace(old, text="joint JT-2042"))
    point = payload.point_id(TenantId("shop"), "old", 0)
    client = AsyncQdrantClient(":memory:")
    if kind == "edge":
        (tmp_path / "shard").mkdir()
        vectors = edge.EdgeVectorParams(size=DIMENSIONS, distance=edge.Distance.Cosine)
        shard = edge.EdgeShard.create(str(tmp_path / "shard"), edge.EdgeConfig(vectors=vectors, wal_enabled=True))
        points = [edge.Point(id=point, vector=old.vector.tolist(), payload=written)]
        shard.update(edge.UpdateOperation.upsert_points(points))
        shard.flush()
        shard.close()
        (tmp_path / "index.json").write_text(json.dumps({"embedder_id": "e1"}))
    else:
        parameters = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
        await client.create_collection(COLLECTION, vectors_config=parameters, metadata={"embedder_id": "e1"})
        await client.upsert(COLLECTION, [models.PointStruct(id=point, vector=old.vector.tolist(), payload=written)])
    for _ in range(2):
        opened: Index
        if kind == "edge":
            opened = QdrantEdgeIndex.open(tmp_path, embedder_id="e1", dimensions=DIMENSIONS)
        else:
            opened = QdrantIndex(client, embedder_id="e1", dimensions=DIMENSIONS)
        hits = await opened.search(scope("shop").for_agent(""), vector(0, 1), limit=3, terms=asked("jt 2042"))
        assert [(hit.document_id, hit.dense_rank, hit.sparse_rank) for hit in hits] == [("old", 1, 1)]
        await opened.write(scope("shop"), chunks("old", vector(0, 1), words="JT-2042"))
        if kind == "edge":
            await opened.aclose()
    await client.close()


async def test_a_server_collection_is_made_for_many_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    client = AsyncQdrantClient(":memory:")
    made: dict[str, object] = {}
    indexed: dict[str, object] = {}
    create, create_index = client.create_collection, client.create_payload_index

    async def note_creation(name: str, **options: object) -> bool:
        made.update(options)
        return await create(name, **options)  # type: ignore[arg-type]

    async def note_payload_index(name: str, **options: object) -> object:
        indexed[str(options["field_name"])] = options["field_schema"]
        return await create_index(name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "create_collection", note_creation)
    monkeypatch.setattr(client, "create_payload_index", note_payload_index)
    remote = QdrantIndex(client, embedder_id="e1", dimensions=DIMENSIONS, quantized=True)
    await remote.size(None)
    assert isinstance(made["quantization_config"], models.ScalarQuantization)
    schema = indexed[payload.TENANT]
    assert isinstance(schema, models.KeywordIndexParams)
    assert schema.is_tenant is True
    assert {payload.OWNER, payload.DOCUMENT, payload.PLACE, payload.POSITION} < indexed.keys()
    await remote.aclose()


async def test_a_copied_folder_is_a_backup(tmp_path: Path) -> None:
    """The drill of the runbook: stop, copy, lose, put back, and the answers are the same."""
    kept, copy = tmp_path / "kept", tmp_path / "copy"
    first = QdrantEdgeIndex.open(kept, embedder_id="e1", dimensions=DIMENSIONS)
    for number in range(20):
        await first.write(scope("shop"), chunks(f"d{number}", vector(1, number), words=f"JT-20{number:02}"))
    question = scope("shop").for_agent(""), vector(1, 7)
    before = await first.search(*question, limit=9, terms=asked("jt2007"))
    await first.aclose()
    shutil.copytree(kept, copy)
    shutil.rmtree(kept)
    shutil.copytree(copy, kept)
    second = QdrantEdgeIndex.open(kept, embedder_id="e1", dimensions=DIMENSIONS)
    assert await second.search(*question, limit=9, terms=asked("jt2007")) == before
    assert before[0].document_id == "d7"
    await second.aclose()


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
