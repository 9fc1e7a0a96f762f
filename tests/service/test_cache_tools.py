"""The command's cache verbs against a real cache service in this process."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from libs.common.errors import PreconditionFailed
from libs.common.redis_store import RedisStore
from libs.common.server import RunningServer
from repartee.v1 import cache_pb2, cache_pb2_grpc
from services.cache.app import running
from services.cache.settings import CacheSettings
from tests.fakes.cache_world import principal
from tools import cache as verbs
from tools import isolation_drill
from tools.connection import PORTS, Connection, console

QUESTION = "Combien coûte la livraison à Cocody ?"


@pytest.fixture
async def service(redis_url: str) -> AsyncIterator[RunningServer]:
    # A busy machine must not look like a store that is away.
    settings = CacheSettings(
        port=0,
        redis_url=SecretStr(redis_url),
        redis_seconds=5.0,
        cache_store_budget_seconds=5.0,
        cache_canary_seconds=0,
    )
    async with running(settings) as server:
        yield server


def base_of(service: RunningServer) -> int:
    """The base port under which the command finds this cache."""
    return service.port - PORTS["cache"]


async def test_the_isolation_drill_says_the_lines_that_operators_know_and_leaves_nothing(
    service: RunningServer,
) -> None:
    operator = Connection.for_operator(port_base=base_of(service))
    with console.capture() as said:
        outcomes = await isolation_drill.drill_isolation(operator, (10, 40))
    lines = said.get()
    assert "✅ TEST RÉUSSI : CACHE PARFAITEMENT ISOLÉ PAR COMPANY" in lines
    assert "✅ SCALABILITÉ VALIDÉE : 40 companies isolées" in lines
    assert [(each.probes, each.foreign, each.lost) for each in outcomes] == [(30, 0, 0), (120, 0, 0)]
    admin = cache_pb2.DESCRIPTOR.services_by_name["CacheAdminService"]
    async with operator.open("cache", admin) as channel:
        everything = await cache_pb2_grpc.CacheAdminServiceStub(channel).GetGlobalStats(
            cache_pb2.GetGlobalStatsRequest()
        )
    assert everything.total_entries == 0


async def test_the_drill_fails_by_name_when_a_company_is_given_anothers_answer(
    service: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if a key did not hold its tenant: everything of everybody lies in one place.
    real = RedisStore.for_tenant
    monkeypatch.setattr(RedisStore, "for_tenant", lambda store, owner: real(store, principal("everybody")))
    with pytest.raises(PreconditionFailed, match="ISOLATION_BROKEN"):
        await isolation_drill.drill_isolation(Connection.for_operator(port_base=base_of(service)), (3,))


async def test_explain_stats_and_flush(service: RunningServer) -> None:
    shop = Connection.for_tenant("shop", port_base=base_of(service))
    async with shop.open("cache", cache_pb2.DESCRIPTOR.services_by_name["CacheService"]) as channel:
        stub = cache_pb2_grpc.CacheServiceStub(channel)
        await stub.StoreAnswer(cache_pb2.StoreAnswerRequest(query=QUESTION, text="1 500 F.", locale="fr"))
        await stub.LookupAnswer(cache_pb2.LookupAnswerRequest(query=QUESTION, locale="fr"))
        await stub.LookupAnswer(cache_pb2.LookupAnswerRequest(query="oui", locale="fr"))
    port = base_of(service)

    def all_three() -> str:
        with console.capture() as said:
            verbs.explain("Combien coûte la livraison à Yopougon ?", tenant="shop", locale="fr", port_base=port)
            verbs.stats(tenant="shop", port_base=port)
            verbs.stats(tenant="shop", as_json=True, port_base=port)
            verbs.stats(port_base=port)
            verbs.flush(tenant="shop", reason="drill", yes=True, port_base=port)
        return said.get()

    lines = await asyncio.to_thread(all_three)
    assert "GUARD_PLACE" in lines
    assert "50.0 % hits: 1 (1 exact) of 2 lookups" in lines
    assert "misses: ELLIPTICAL 1" in lines
    assert '"cache_hits": 1' in lines
    assert "isolation: 0 values with another's seal" in lines
    assert "shop: 1 answers forgotten" in lines
