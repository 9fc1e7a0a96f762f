"""Embeddings and rerankings on the ledger against the vendors' own invoices, and in what operators are told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from libs.common.embedding.openai import OpenAIEmbedder
from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import Budget, Principal, RequestContext, TenantId, use_context
from libs.common.spending.ledger import utc_day
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.open_ledger import ReadableLedger
from libs.common.spending.prices import Prices
from libs.common.spending.redis_ledger import RedisLedger
from libs.common.spending.side_charges import SideCharges
from libs.common.tenants.redis_source import RedisTenantStore
from repartee.v1 import cache_pb2, cache_pb2_grpc, rag_pb2, rag_pb2_grpc
from services.cache import app as cache_app
from services.cache.settings import CacheSettings
from services.rag import app as rag_app
from services.rag.adapters.cohere_reranker import CohereReranker
from services.rag.settings import RagSettings
from services.router.adapters.redis_usage import RedisUsage
from services.router.usage.query import UsageQuery, UsageQuestion
from tests.fakes.cohere_double import running_cohere_double
from tests.fakes.openai_double import OpenAIDouble, Scripted
from tests.fakes.router_world import BUNDLE_YAML

pytest_plugins = ("tests.redis_fixture", "tests.fakes.openai_double")

SHOP, OTHER = TenantId("shop"), TenantId("other")
SHOP_CLIENT = (("authorization", "Bearer dev:shop"),)
NOON = 1_800_000_000.0
EMBEDDING, RERANK = "text-embedding-3-small", "rerank-v3.5"


def call_of(tenant: TenantId | None) -> RequestContext:
    return RequestContext(Principal("client", tenant), "r-1", Budget.of(30), "")


@pytest.fixture(params=["memory", "redis"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[ReadableLedger]:
    if request.param == "memory":
        yield MemoryLedger(clock=lambda: NOON)
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=5.0)
    async with RedisLedger(store, clock=lambda: NOON) as kept:
        yield kept
    await store.aclose()


async def test_the_ledger_and_both_invoices_agree(ledger: ReadableLedger, openai_double: OpenAIDouble) -> None:
    charges, prices = SideCharges(ledger, Prices(), clock=lambda: NOON), Prices()
    embedder = OpenAIEmbedder(
        base_url=openai_double.base_url,
        api_key="k",
        dimensions=8,
        billed=lambda tokens: charges.embedded(provider="openai", model=EMBEDDING, tokens=tokens),
    )
    async with running_cohere_double() as cohere:
        reranker = CohereReranker(
            api_key="k",
            model=RERANK,
            base_url=cohere.base_url,
            billed=lambda searches: charges.reranked(provider="cohere", model=RERANK, searches=searches),
        )

        async def ask(tenant: TenantId, number: int) -> None:
            with use_context(call_of(tenant)):
                # The second tenant's come in two requests.
                await embedder.embed([f"livrez-vous le {each}" for each in range(number)])
                await reranker.rank("livraison", ["texte"] * (3 if tenant == SHOP else 150), limit=2, timeout_seconds=5)

        await asyncio.gather(ask(SHOP, 5), ask(OTHER, 100), ask(SHOP, 7))
        openai_double.script(Scripted(status=500))
        cohere.status = 503
        with use_context(call_of(SHOP)):
            with pytest.raises(Unavailable):
                await embedder.embed(["refusé"])
            with pytest.raises(Unavailable):
                await reranker.rank("refusé", ["texte"], limit=1, timeout_seconds=5)
        for close in (reranker, embedder, charges):
            await close.aclose()
    day = utc_day(NOON)
    rows = [row for tenant in (SHOP, OTHER) for row in await ledger.rows(tenant, day, day)]
    by = {(row.tenant, row.component): row for row in rows}
    assert len(by) == len(rows) == 4
    answered = [line for line in openai_double.invoice if line.status == 200]
    embedded = [row for row in rows if row.component == "embedding"]
    assert sum(row.prompt_tokens for row in embedded) == sum(line.prompt_tokens for line in answered) == 112 * 3
    assert sum(row.calls for row in embedded) == len(answered) == 4
    assert by[SHOP, "embedding"].prompt_tokens == 12 * 3
    assert sum(cohere.invoice) == 4
    a_search = prices.quote(RERANK, searches=1).cost_micro_usd
    assert [by[tenant, "rerank"].cost_micro_usd for tenant in (SHOP, OTHER)] == [2 * a_search, 2 * a_search]
    assert [by[tenant, "rerank"].calls for tenant in (SHOP, OTHER)] == [2, 1]
    a_million = prices.quote(EMBEDDING, prompt_tokens=1_000_000).cost_micro_usd
    spent = sum(row.cost_micro_usd for row in embedded)
    # Each request is rounded up to a whole micro-dollar.
    assert 0 <= spent - a_million * 336 / 1_000_000 < len(answered)
    assert {(row.tier, row.model) for row in rows} == {("openai", EMBEDDING), ("cohere", RERANK)}


async def test_what_a_server_leaves_out_or_nobody_asked_for_costs_nothing_and_breaks_nothing() -> None:
    ledger = MemoryLedger(clock=lambda: NOON)
    charges = SideCharges(ledger, Prices(), clock=lambda: NOON)
    charges.embedded(provider="openai", model=EMBEDDING, tokens=10)
    with use_context(call_of(None)):
        charges.embedded(provider="openai", model=EMBEDDING, tokens=10)
    with use_context(call_of(SHOP)):
        charges.embedded(provider="openai", model=EMBEDDING, tokens=10, is_free=True)
        charges.reranked(provider="cohere", model="of-nobodys-list", searches=1)
    await charges.aclose()
    free, unlisted = sorted(await ledger.recent(SHOP, limit=9), key=lambda charge: charge.component)
    assert (free.cost_micro_usd, free.price_known, free.prompt_tokens) == (0, True, 10)
    assert (unlisted.cost_micro_usd, unlisted.price_known) == (0, False)


async def test_rag_and_cache_charge_what_they_ask_for(
    redis_url: str, openai_double: OpenAIDouble, tmp_path: Path
) -> None:
    shared: dict[str, Any] = {
        **{"port": 0, "redis_url": SecretStr(redis_url), "redis_seconds": 5.0, "embedder": "openai"},
        **{"openai_api_key": SecretStr("k"), "openai_base_url": openai_double.base_url},
        "openai_embedding_dimensions": 16,
    }
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    await RedisTenantStore(store).put(SHOP, BUNDLE_YAML, actor="test", reason="test")
    async with running_cohere_double() as cohere:
        rag = RagSettings(state_dir=tmp_path, cohere_api_key=SecretStr("k"), cohere_base_url=cohere.base_url, **shared)
        async with (
            rag_app.running(rag) as server,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            stub: Any = rag_pb2_grpc.RagServiceStub(channel)
            document = rag_pb2.Document(document_id="frais", content=b"La livraison co\xc3\xbbte 1500 F.")
            put = rag_pb2.UpsertDocumentsRequest(documents=[document])
            await stub.UpsertDocuments(put, metadata=SHOP_CLIENT, timeout=20)
            asked = rag_pb2.RetrievePassagesRequest(query="La livraison coûte 1500 F.")
            await stub.RetrievePassages(asked, metadata=SHOP_CLIENT, timeout=10)
    asked_by_rag = len(openai_double.invoice)
    async with (
        cache_app.running(CacheSettings(cache_canary_seconds=0, **shared)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        looked = cache_pb2.LookupAnswerRequest(query="Livrez-vous à Cocody ?", locale="fr")
        await cache_pb2_grpc.CacheServiceStub(channel).LookupAnswer(looked, metadata=SHOP_CLIENT, timeout=10)
    invoice = openai_double.invoice
    assert (asked_by_rag, len(invoice), cohere.invoice) == (2, 3, [1])
    async with RedisLedger(store) as ledger:
        query = UsageQuery(RedisUsage(store), ledger)
        day = query.today()
        lines = await query.ask(UsageQuestion(SHOP, day, day, ("component", "tier")))
    told = {tuple(line.group.values()): (line.calls, line.prompt_tokens, line.cost_micro_usd) for line in lines}
    # Servers at a private address cost nothing.
    assert told == {
        ("embedding", "openai"): (3, sum(line.prompt_tokens for line in invoice), 0),
        ("rerank", "cohere"): (1, 0, 0),
    }
    await store.aclose()
