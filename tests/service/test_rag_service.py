"""The rag service as callers see it: a real server in this process, with the index in a folder."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pydantic import SecretStr

from libs.common.knowledge_epoch import read_epoch
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.tenants.file_source import FileTenantStore
from libs.common.tenants.redis_source import RedisTenantStore
from repartee.v1 import common_pb2, common_pb2_grpc, rag_pb2, rag_pb2_grpc
from services.rag import app
from services.rag.settings import RagSettings
from tests.fakes.cohere_double import running_cohere_double
from tests.fakes.embedder import HashEmbedder
from tests.fakes.rag_parts import principal

EXAMPLE = Path(__file__).parents[2] / "examples" / "tenants" / "escopines" / "tenant.yaml"
OPERATOR = (("authorization", "Bearer dev-operator"),)
_RESULT = rag_pb2.DocumentResult


def of(tenant: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer dev:{tenant}"),)


class ClosableEmbedder(HashEmbedder):
    """The fake with the end of life that the service wants."""

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def fake_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "open_embedder", lambda *_: ClosableEmbedder())


def bundle(tenant: str) -> str:
    """The example's bundle under another id, with a floor that suits the fake embedder."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    lines = [f"id: {tenant}" if line.startswith("id:") else line for line in lines]
    return "\n".join("  score_floor: 0.05" if "score_floor" in line else line for line in lines)


class Client:
    """Stubs of the rag's services on one channel."""

    def __init__(self, channel: grpc.aio.Channel, port: int) -> None:
        self.port = port
        self.rag = rag_pb2_grpc.RagServiceStub(channel)
        self.admin = rag_pb2_grpc.RagAdminServiceStub(channel)
        self.status = common_pb2_grpc.StatusServiceStub(channel)

    async def put(self, tenant: str, **texts: str) -> rag_pb2.UpsertDocumentsResponse:
        documents = [rag_pb2.Document(document_id=name, content=text.encode()) for name, text in texts.items()]
        return await self.rag.UpsertDocuments(
            rag_pb2.UpsertDocumentsRequest(documents=documents), metadata=of(tenant), timeout=20
        )

    async def ask(self, tenant: str, query: str, **more: object) -> rag_pb2.RetrievePassagesResponse:
        request = rag_pb2.RetrievePassagesRequest(query=query, **more)
        return await self.rag.RetrievePassages(request, metadata=of(tenant), timeout=10)


@asynccontextmanager
async def serving(settings: RagSettings) -> AsyncIterator[Client]:
    async with (
        app.running(settings) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Client(channel, server.port)


async def settings_on_files(folder: Path, **more: object) -> RagSettings:
    store = FileTenantStore(folder / "tenants")
    for tenant in ("shop", "other"):
        await store.put(TenantId(tenant), bundle(tenant), actor="test", reason="test")
    return RagSettings(port=0, state_dir=folder, **more)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(await settings_on_files(tmp_path)) as running:
        yield running


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason


async def test_a_document_is_found_listed_and_gone(client: Client) -> None:
    put = await client.put("shop", frais="# Frais\n\nLa livraison coûte 1 500 F.", retrait="Retrait au Plateau.")
    assert [result.outcome for result in put.results] == [_RESULT.OUTCOME_INDEXED] * 2
    found = await client.ask("shop", "combien coûte la livraison")
    assert found.passages[0].document_id == "frais"
    assert found.passages[0].title == "Frais"
    assert "frais#0" in found.context
    assert found.rerank == "skipped(NO_RERANKER)"
    assert found.knowledge_epoch == put.knowledge_epoch > 0
    assert found.embedding.embedder_id == "hash-64"
    again = await client.ask("shop", "combien coûte la livraison", embedding=found.embedding)
    assert again.passages == found.passages

    listed = await client.rag.ListDocuments(rag_pb2.ListDocumentsRequest(page_size=1), metadata=of("shop"))
    assert [document.document_id for document in listed.documents] == ["frais"]
    assert listed.documents[0].update_time.seconds > 0
    rest = rag_pb2.ListDocumentsRequest(page_size=1, page_token=listed.next_page_token)
    assert [d.document_id for d in (await client.rag.ListDocuments(rest, metadata=of("shop"))).documents] == ["retrait"]

    request = rag_pb2.DeleteDocumentsRequest(document_ids=["frais", "missing"])
    deleted = await client.rag.DeleteDocuments(request, metadata=of("shop"))
    assert deleted.deleted_count == 1
    assert deleted.knowledge_epoch > put.knowledge_epoch
    after = await client.ask("shop", "combien coûte la livraison")
    assert all(passage.document_id != "frais" for passage in after.passages)


async def test_a_document_without_spaces_is_found_in_passages_that_fit_a_response(client: Client) -> None:
    put = await client.put("shop", picture="x" * (1 << 20) + " livraison")
    found = await client.ask("shop", "livraison", passage_count=20)
    assert put.results[0].chunk_count > 100
    assert found.ByteSize() < 1 << 20
    assert found.passages[0].text.endswith("livraison")


async def test_tenants_see_nothing_of_each_other(client: Client) -> None:
    await client.put("shop", frais="La livraison coûte 1 500 F.")
    assert not (await client.ask("other", "combien coûte la livraison")).passages
    assert not (await client.rag.ListDocuments(rag_pb2.ListDocumentsRequest(), metadata=of("other"))).documents
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.ask("other", "combien coûte la livraison", tenant_id="shop")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(refused.value) == "TENANT_MISMATCH"


async def test_an_unknown_tenant_is_not_found(client: Client) -> None:
    for call in (client.ask("nobody", "frais"), client.put("nobody", a="texte")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason_of(refused.value) == "TENANT_NOT_FOUND"


async def test_bad_documents_are_refused_by_themselves(client: Client) -> None:
    documents = [
        rag_pb2.Document(document_id="a", content=b"GIF89a", media_type="image/gif"),
        rag_pb2.Document(document_id="b", content=b"\xff\xfe"),
        rag_pb2.Document(document_id="c", content=b"texte", agent_owner="nobody"),
        rag_pb2.Document(document_id="d", content=b" \n"),
        rag_pb2.Document(document_id="e", content=b"texte"),
    ]
    answer = await client.rag.UpsertDocuments(
        rag_pb2.UpsertDocumentsRequest(documents=documents), metadata=of("shop"), timeout=10
    )
    reasons = [result.reason for result in answer.results]
    assert reasons == ["MEDIA_TYPE_UNSUPPORTED", "NOT_TEXT", "OWNER_UNKNOWN", "DOCUMENT_EMPTY", ""]
    assert answer.results[4].outcome == _RESULT.OUTCOME_INDEXED


async def test_files_of_many_kinds_are_read_and_a_damaged_one_is_set_aside_and_listed(client: Client) -> None:
    documents = [
        rag_pb2.Document(document_id="a", content=b"<html><body><h1>Retours</h1><p>Sous sept jours.</p></body></html>"),
        rag_pb2.Document(document_id="b", content=b"Ville;Frais\nLyon;10", media_type="text/csv"),
        rag_pb2.Document(document_id="c", content=b"%PDF-1.4 junk"),
    ]
    answer = await client.rag.UpsertDocuments(
        rag_pb2.UpsertDocumentsRequest(documents=documents), metadata=of("shop"), timeout=60
    )
    assert [(result.outcome, result.reason) for result in answer.results] == [
        (_RESULT.OUTCOME_INDEXED, ""),
        (_RESULT.OUTCOME_INDEXED, ""),
        (_RESULT.OUTCOME_QUARANTINED, "UNREADABLE"),
    ]
    found = await client.ask("shop", "retours sept jours")
    assert found.passages[0].title == "Retours"
    listed = (await client.rag.ListDocuments(rag_pb2.ListDocumentsRequest(), metadata=of("shop"))).documents
    assert [(each.status, each.reason, each.media_type) for each in listed] == [
        ("indexed", "", "text/html"),
        ("indexed", "", "text/csv"),
        ("quarantined", "UNREADABLE", "application/pdf"),
    ]


async def test_a_large_document_comes_through(client: Client) -> None:
    text = "\n\n".join(f"# Partie {n}\n\n" + f"Le texte {n}. " * 1500 for n in range(20))
    put = await client.put("shop", grand=text)
    assert put.results[0].chunk_count > 100


async def test_a_stream_answers_each_document_as_it_is_done(client: Client) -> None:
    call = client.rag.StreamUpsertDocuments(metadata=of("shop"), timeout=10)
    seen: list[tuple[str, int, int]] = []
    for name, text in (("a", "texte"), ("b", " "), ("a", "texte")):
        document = rag_pb2.Document(document_id=name, content=text.encode())
        await call.write(rag_pb2.StreamUpsertDocumentsRequest(document=document))
        answer = await call.read()
        assert isinstance(answer, rag_pb2.StreamUpsertDocumentsResponse)
        seen.append((answer.result.document_id, answer.result.outcome, answer.done_count))
    await call.done_writing()
    assert await call.read() == grpc.aio.EOF
    outcomes = [_RESULT.OUTCOME_INDEXED, _RESULT.OUTCOME_REFUSED, _RESULT.OUTCOME_UNCHANGED]
    assert seen == [("a", outcomes[0], 1), ("b", outcomes[1], 2), ("a", outcomes[2], 3)]


@pytest.mark.parametrize("field", ["candidate_count", "passage_count", "context_tokens"])
async def test_absurd_amounts_are_refused_with_their_field(field: str, client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.ask("shop", "frais", **{field: 100_000})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "INVALID_FIELD"


async def test_facts_of_a_text_are_said(client: Client) -> None:
    request = rag_pb2.ExtractFactsRequest(text="Le dépôt est de 2 000 FCFA.")
    facts = (await client.rag.ExtractFacts(request, metadata=of("shop"))).facts
    assert ("money", "2000") in {(fact.kind, fact.value) for fact in facts}


async def test_operators_explain_a_retrieval_and_count(client: Client) -> None:
    await client.put("shop", frais="La livraison coûte 1 500 F.")
    await client.put("other", frais="La livraison est gratuite.", b="Retrait.")
    retrieval = rag_pb2.RetrievePassagesRequest(tenant_id="shop", query="combien coûte la livraison")
    explained = await client.admin.ExplainRetrieval(
        rag_pb2.ExplainRetrievalRequest(retrieval=retrieval), metadata=OPERATOR
    )
    assert [stage.name for stage in explained.stages] == ["embed", "search", "rerank", "format"]
    assert explained.stages[1].candidates[0].document_id == "frais"
    counts = [
        (await client.admin.GetRagStats(rag_pb2.GetRagStatsRequest(tenant_id=tenant), metadata=OPERATOR)).documents
        for tenant in ("", "shop", "other")
    ]
    assert counts == [3, 1, 2]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.admin.GetRagStats(rag_pb2.GetRagStatsRequest(), metadata=of("shop"))
    assert reason_of(refused.value) == "OPERATOR_ONLY"


async def test_documents_are_there_after_a_restart(tmp_path: Path) -> None:
    settings = await settings_on_files(tmp_path)
    async with serving(settings) as client:
        first = await client.put("shop", frais="La livraison coûte 1 500 F.")
    async with serving(settings) as client:
        found = await client.ask("shop", "combien coûte la livraison")
        again = await client.put("shop", frais="La livraison coûte 1 500 F.")
    assert found.passages[0].document_id == "frais"
    assert found.knowledge_epoch == first.knowledge_epoch
    assert again.results[0].outcome == _RESULT.OUTCOME_UNCHANGED


async def test_an_index_of_another_embedder_is_refused_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = await settings_on_files(tmp_path)
    async with serving(settings) as client:
        await client.put("shop", frais="La livraison coûte 1 500 F.")
    monkeypatch.setattr(app, "open_embedder", lambda *_: ClosableEmbedder(32))
    async with serving(settings) as client:
        for call in (client.ask("shop", "livraison"), client.put("shop", a="texte")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert reason_of(refused.value) == "EMBEDDER_MISMATCH"


async def test_without_a_folder_it_says_that_documents_are_lost() -> None:
    async with serving(RagSettings(port=0)) as client:
        status = await client.status.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR)
    details = {each.name: each for each in status.dependencies}
    assert details["qdrant"].state == common_pb2.Dependency.STATE_EMBEDDED
    assert "lost at exit" in details["qdrant"].detail


async def test_a_server_that_is_away_makes_it_degraded_and_not_dead(tmp_path: Path) -> None:
    settings = await settings_on_files(tmp_path, qdrant_url="http://127.0.0.1:1")
    async with serving(settings) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.ask("shop", "frais")
        status = await client.status.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(refused.value) == "INDEX_UNAVAILABLE"
    assert status.degraded


async def test_the_reranker_reorders_and_its_failure_does_not_harm(tmp_path: Path) -> None:
    async with running_cohere_double() as double:
        settings = await settings_on_files(
            tmp_path, cohere_api_key=SecretStr("k-test"), cohere_base_url=double.base_url
        )
        async with serving(settings) as client:
            await client.put("shop", a="livraison livraison à Cocody", b="livraison express en moto à Cocody")
            ranked = await client.ask("shop", "livraison express moto")
            double.status = 500
            plain = await client.ask("shop", "livraison express moto")
            status = await client.status.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR)
    assert ranked.rerank == "done"
    assert ranked.passages[0].document_id == "b"
    assert ranked.passages[0].rerank_score == pytest.approx(1.0)
    assert plain.rerank == "skipped(RERANKER_UNAVAILABLE)"
    assert len(plain.passages) == 2
    assert {each.name: each.state for each in status.dependencies}["reranker"] == common_pb2.Dependency.STATE_DEGRADED


async def test_the_epoch_is_in_redis_where_the_cache_reads_it(tmp_path: Path, redis_url: str) -> None:
    tenants = RedisStore.connect(redis_url)
    epochs = RedisStore.connect(redis_url, db=5)
    await RedisTenantStore(tenants).put(TenantId("shop"), bundle("shop"), actor="test", reason="test")
    async with serving(RagSettings(port=0, state_dir=tmp_path, redis_url=SecretStr(redis_url))) as client:
        before = await read_epoch(epochs.for_tenant(principal("shop")))
        put = await client.put("shop", frais="La livraison coûte 1 500 F.")
        after = await read_epoch(epochs.for_tenant(principal("shop")))
    assert before < after == put.knowledge_epoch
    await tenants.aclose()
    await epochs.aclose()


def read_spans(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_the_four_stages_are_spans_of_the_call(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    async with serving(await settings_on_files(tmp_path, traces=f"file:{file}")) as client:
        await client.ask("shop", "rien de tel")
    spans = read_spans(file)
    server = next(span for span in spans if "RetrievePassages" in str(span["name"]))
    stages = [span["name"] for span in spans if span["parent_id"] == server["span_id"]]
    assert stages == ["embed", "search", "rerank", "format"]
    assert "rien de tel" not in json.dumps(spans)
