"""The cache service as callers see it: a real server in this process, on memory and on a real Redis."""

import asyncio
import os
import select
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pydantic import SecretStr

from libs.common.embedded_redis import server_binary
from libs.common.errors import PreconditionFailed
from libs.common.knowledge_epoch import advance_epoch
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2, common_pb2_grpc
from services.cache import app
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.entries import Entry, Row
from services.cache.settings import CacheSettings
from services.cache.store import Changes, Snapshot
from tests.fakes.cache_world import principal
from tests.fakes.embedder import HashEmbedder

CLIENT = (("authorization", "Bearer dev:company_A"),)
OTHER = (("authorization", "Bearer dev:company_B"),)
OPERATOR = (("authorization", "Bearer dev-operator"),)
QUESTION = "Combien coûte la livraison à Cocody ?"


class ClosableEmbedder(HashEmbedder):
    """The fake with the end of life that the service wants."""

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def fake_embedder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_embedder" not in request.fixturenames:
        monkeypatch.setattr(app, "open_embedder", lambda *_: ClosableEmbedder())


@pytest.fixture
def real_embedder() -> None:
    """Leaves the shipped embedder in place."""


class Client:
    """Stubs of both services on one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.cache = cache_pb2_grpc.CacheServiceStub(channel)
        self.admin = cache_pb2_grpc.CacheAdminServiceStub(channel)
        self.status = common_pb2_grpc.StatusServiceStub(channel)

    async def look_up(self, query: str, *, metadata=CLIENT, **more) -> cache_pb2.LookupAnswerResponse:
        request = cache_pb2.LookupAnswerRequest(query=query, locale="fr-CI", **more)
        return await self.cache.LookupAnswer(request, metadata=metadata, timeout=5)

    async def keep(self, query: str, text: str, *, metadata=CLIENT, **more) -> cache_pb2.StoreAnswerResponse:
        request = cache_pb2.StoreAnswerRequest(query=query, text=text, locale="fr-CI", **more)
        return await self.cache.StoreAnswer(request, metadata=metadata, timeout=5)


@asynccontextmanager
async def serving(redis_url: str | None, **more: float) -> AsyncIterator[Client]:
    # A busy machine must not look like a store that is away.
    patient = {"redis_seconds": 5.0, "cache_store_budget_seconds": 5.0} | more
    settings = CacheSettings(port=0, redis_url=SecretStr(redis_url) if redis_url else None, **patient)
    async with (
        app.running(settings) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Client(channel)


@pytest.fixture(params=["memory", "redis"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    async with serving(url) as running:
        yield running


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason


async def test_a_kept_answer_comes_back_with_all_that_was_kept(client: Client) -> None:
    source = common_pb2.Source(document_id="tarifs", chunk=2, title="Tarifs", score=0.5)
    missed = await client.look_up(QUESTION)
    kept = await client.keep(QUESTION, "1 500 F.", sources=[source], answered_by="audrey", embedding=missed.embedding)
    found = await client.look_up("combien coute la livraison a cocody")
    assert missed.miss_reason == "NO_CANDIDATE"
    assert missed.embedding.embedder_id == "hash-64"
    assert len(missed.embedding.values) == 64
    assert not missed.in_flight
    assert found.miss_reason == ""
    assert found.hit.entry_id == kept.entry_id != ""
    assert (found.hit.text, found.hit.type, found.hit.confidence) == ("1 500 F.", "exact", 1.0)
    assert (list(found.hit.sources), found.hit.agent) == ([source], "audrey")
    assert not found.HasField("embedding")


async def test_another_tenant_and_another_agent_miss(client: Client) -> None:
    await client.keep(QUESTION, "1 500 F.")
    assert not (await client.look_up(QUESTION, metadata=OTHER)).HasField("hit")
    assert not (await client.look_up(QUESTION, agent="carole")).HasField("hit")


@pytest.mark.parametrize(
    ("query", "more", "reason"),
    [("", {}, "EMPTY_QUERY"), ("oui", {}, "ELLIPTICAL"), (QUESTION, {"awaiting_slot": "zone"}, "SLOT_IN_PROGRESS")],
)
async def test_misses_name_their_reason(client: Client, query: str, more: dict[str, str], reason: str) -> None:
    assert (await client.look_up(query, **more)).miss_reason == reason


async def test_what_must_not_be_kept_is_refused_by_name(client: Client) -> None:
    assert (await client.keep("et pour 12 ?", "25 000 F.")).refused_reason == "CONTEXT_BOUND"
    assert (await client.keep("Mon numéro est le 07 08 09 10 11, livrez-vous ?", "Oui.")).refused_reason == "PERSONAL"


async def test_wrong_requests_are_invalid_arguments(client: Client) -> None:
    cases = {
        "EMBEDDER_MISMATCH": client.keep(
            QUESTION, "x", embedding=common_pb2.Embedding(embedder_id="other", values=[1.0])
        ),
        "EMBEDDING_SIZE": client.keep(
            QUESTION, "x", embedding=common_pb2.Embedding(embedder_id="hash-64", values=[1.0])
        ),
        "REQUIRED_FIELD": client.cache.InvalidateAnswers(
            cache_pb2.InvalidateAnswersRequest(), metadata=CLIENT, timeout=5
        ),
    }
    for reason, call in cases.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


async def test_forgetting_by_document_question_and_everything(client: Client) -> None:
    await client.keep(QUESTION, "1 500 F.", sources=[common_pb2.Source(document_id="tarifs")])
    await client.keep("Comment payer ma facture ?", "Par Wave.")
    await client.keep("Comment joindre un conseiller ?", "Au comptoir.")
    for request, left in (
        (cache_pb2.InvalidateAnswersRequest(document_id="tarifs"), 2),
        (cache_pb2.InvalidateAnswersRequest(query="comment payer ma facture"), 1),
        (cache_pb2.InvalidateAnswersRequest(all=True), 0),
    ):
        removed = await client.cache.InvalidateAnswers(request, metadata=CLIENT, timeout=5)
        stats = await client.admin.GetTenantStats(
            cache_pb2.GetTenantStatsRequest(tenant_id="company_A"), metadata=OPERATOR, timeout=5
        )
        assert (removed.removed_count, stats.cache_size) == (1, left)


async def test_operators_see_counts_and_explanations_and_may_flush(client: Client) -> None:
    await client.keep(QUESTION, "1 500 F.")
    await client.keep(QUESTION, "2 000 F.", metadata=OTHER)
    await client.look_up(QUESTION)
    await client.look_up("oui")
    lookup = cache_pb2.LookupAnswerRequest(
        tenant_id="company_A", query="Combien coûte la livraison à Korhogo ?", locale="fr"
    )
    explained = await client.admin.ExplainLookup(
        cache_pb2.ExplainLookupRequest(lookup=lookup), metadata=OPERATOR, timeout=5
    )
    stats = await client.admin.GetTenantStats(
        cache_pb2.GetTenantStatsRequest(tenant_id="company_A"), metadata=OPERATOR, timeout=5
    )
    everything = await client.admin.GetGlobalStats(cache_pb2.GetGlobalStatsRequest(), metadata=OPERATOR, timeout=5)
    flushed = await client.admin.FlushTenant(
        cache_pb2.FlushTenantRequest(tenant_id="company_A", reason="test"), metadata=OPERATOR, timeout=5
    )
    assert explained.threshold == pytest.approx(0.88)
    assert explained.outcome != "exact"
    assert [c.detail or c.refused_by for c in explained.candidates] == ["GUARD_PLACE"]
    assert (stats.cache_hits, stats.cache_misses, stats.hit_rate_percent, stats.cache_size) == (1, 1, 50.0, 1)
    assert dict(stats.miss_reasons) == {"ELLIPTICAL": 1}
    assert (everything.total_entries, everything.global_hit_rate_percent, everything.seal_failures) == (1, 50.0, 0)
    assert flushed.removed_count == 1
    assert not (await client.look_up(QUESTION)).HasField("hit")
    assert (await client.look_up(QUESTION, metadata=OTHER)).hit.text == "2 000 F."


async def dependencies(client: Client) -> dict[str, common_pb2.Dependency]:
    status = await client.status.GetStatus(common_pb2.GetStatusRequest(), metadata=OPERATOR, timeout=5)
    return {dependency.name: dependency for dependency in status.dependencies}


async def isolation_once_probed(client: Client) -> common_pb2.Dependency:
    """Asks until the first probe has ended; each question is a round trip in which the probe goes on."""
    async with asyncio.timeout(10):
        while (found := (await dependencies(client))["isolation"]).detail == "No probe has ended yet.":
            pass
    return found


class LeakyAnswers(MemoryAnswers):
    """Forgets whose answers it keeps."""

    _shared = Principal(subject="test", tenant=TenantId("everybody"))

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        return await super().read(self._shared, entry_ids)

    async def changes(self, owner: Principal, since: int | None) -> Changes:
        return await super().changes(self._shared, since)

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        return await super().write(self._shared, entry, row, now=now)


async def test_the_canary_finds_tenants_apart_and_is_in_no_count(client: Client) -> None:
    isolation = await isolation_once_probed(client)
    everything = await client.admin.GetGlobalStats(cache_pb2.GetGlobalStatsRequest(), metadata=OPERATOR, timeout=5)
    assert (isolation.state, isolation.detail) == (common_pb2.Dependency.STATE_UP, "")
    assert everything == cache_pb2.GetGlobalStatsResponse()


async def test_the_canary_shows_operators_a_store_that_mixes_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MemoryAnswers", LeakyAnswers)
    async with serving(None) as client:
        isolation = await isolation_once_probed(client)
        everything = await client.admin.GetGlobalStats(cache_pb2.GetGlobalStatsRequest(), metadata=OPERATOR, timeout=5)
    assert isolation.state == common_pb2.Dependency.STATE_DEGRADED
    assert "only another tenant keeps" in isolation.detail
    assert everything.canary_leaks == 2


async def test_a_canary_that_is_off_is_no_dependency() -> None:
    async with serving(None, cache_canary_seconds=0) as client:
        assert "isolation" not in await dependencies(client)


async def test_admin_calls_are_for_operators(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.admin.GetGlobalStats(cache_pb2.GetGlobalStatsRequest(), metadata=CLIENT, timeout=5)
    assert reason_of(caught.value) == "OPERATOR_ONLY"


async def test_an_answer_made_before_documents_changed_is_refused_and_never_served(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, db=5)
    async with serving(redis_url) as client:
        await client.keep(QUESTION, "1 500 F.")
        await advance_epoch(store.for_tenant(principal("company_A")))
        assert (await client.look_up(QUESTION)).miss_reason == "STALE_EPOCH"
        assert (await client.keep(QUESTION, "1 500 F.", knowledge_epoch=0)).refused_reason == "STALE_EPOCH"
        assert (await client.keep(QUESTION, "2 000 F.", knowledge_epoch=1)).refused_reason == ""
        assert (await client.look_up(QUESTION)).hit.text == "2 000 F."
    await store.aclose()


async def test_answers_outlive_the_process_in_their_own_database(redis_url: str) -> None:
    async with serving(redis_url) as client:
        await client.keep(QUESTION, "1 500 F.")
    async with serving(redis_url) as client:
        assert (await client.look_up(QUESTION)).hit.type == "exact"
    store = RedisStore.connect(redis_url, db=5)
    tenant = store.for_tenant(principal("company_A"))
    kept = await tenant.command("TYPE", tenant.key("semantic_cache:v2", "rows"))
    await store.aclose()
    assert tenant.key("semantic_cache:v2", "rows") == "semantic_cache:v2:{company_A}:rows"
    assert kept == b"hash"


async def test_the_shipped_embedder_serves_a_rewording_and_refuses_a_look_alike(real_embedder: None) -> None:
    async with serving(None) as client:
        await client.keep("Combien coûte la livraison à Yopougon ?", "2 000 F.")
        found = await client.look_up("Dites-moi combien coûte la livraison à Yopougon", min_confidence=0.0)
        again = await client.look_up("Combien coûte une livraison à Yopougon")
        refused = await client.look_up("Combien coûte la livraison à Cocody ?")
    assert "semantic_scalable" in (found.hit.type, again.hit.type)
    assert refused.miss_reason in ("GUARD_PLACE", "BELOW_THRESHOLD")
    assert len(refused.embedding.values) == 512


@pytest.fixture
def mortal_redis(tmp_path_factory: pytest.TempPathFactory) -> subprocess.Popen[str]:
    """A server of its own, to be killed."""
    folder = Path(tmp_path_factory.mktemp("r"))
    process = subprocess.Popen(
        [server_binary(), "--port", "0", "--unixsocket", "/tmp/" + folder.name + f"-{os.getpid()}", "--save", ""],
        stdout=subprocess.PIPE,
        text=True,
    )
    process.socket_path = "/tmp/" + folder.name + f"-{os.getpid()}"  # type: ignore[attr-defined]
    assert process.stdout is not None
    while select.select([process.stdout], [], [], 20)[0]:
        if "ready to accept connections" in process.stdout.readline().lower():
            break
    yield process
    process.kill()
    process.wait(10)
    process.stdout.close()
    Path(process.socket_path).unlink(missing_ok=True)  # type: ignore[attr-defined]


async def test_killed_and_frozen_stores_are_misses_and_never_errors(mortal_redis) -> None:
    async with serving(
        f"unix://{mortal_redis.socket_path}", redis_seconds=0.5, cache_store_budget_seconds=0.5
    ) as client:
        await client.keep(QUESTION, "1 500 F.")
        assert (await client.look_up(QUESTION)).HasField("hit")
        mortal_redis.send_signal(signal.SIGSTOP)
        # A frozen store never answers: that the look-up returns at all shows its budget.
        assert (await client.look_up(QUESTION)).miss_reason == "STORE_UNAVAILABLE"
        mortal_redis.send_signal(signal.SIGCONT)
        mortal_redis.kill()
        await asyncio.to_thread(mortal_redis.wait, 10)
        for _ in range(5):
            assert (await client.look_up(QUESTION)).miss_reason == "STORE_UNAVAILABLE"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.keep(QUESTION, "1 500 F.")
        assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"redis_prefix": "shared:"}, "QUERY_ENGINE_MISSING"),
        ({}, "QUERY_ENGINE_DATABASE"),
        ({"redis_url": None}, "QUERY_ENGINE_DATABASE"),
    ],
)
async def test_an_index_in_redis_needs_its_query_engine(
    redis_url: str, settings: dict[str, object], reason: str
) -> None:
    options = {"redis_url": SecretStr(redis_url), "cache_index": "redisearch", **settings}
    with pytest.raises(PreconditionFailed, match=reason):
        async with app.running(CacheSettings(port=0, **options)):  # type: ignore[arg-type]
            pass
