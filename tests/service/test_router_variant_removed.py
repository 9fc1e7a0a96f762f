"""One of the two systems is taken away for good: what it did stays readable, and nobody notices but its operators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from repartee.v1 import rollout_pb2, router_pb2, tenants_pb2, tenants_pb2_grpc
from services.router.app import running
from services.router.settings import RouterSettings
from tests.fakes.upstream_servers import UpstreamCache, UpstreamEngine, serving
from tests.service.test_router import CLIENT, OPERATOR, HybridEngine, Stack

pytest_plugins = ("tests.redis_fixture",)

# Nothing listens there: port 1 is reserved.
GONE = "127.0.0.1:1"


@asynccontextmanager
async def router(redis_url: str, *, with_hybrid: bool) -> AsyncIterator[Stack]:
    fakes = UpstreamCache(), HybridEngine("hybrid"), UpstreamEngine("classic")
    async with serving(fakes[0]) as cache, serving(fakes[1]) as hybrid, serving(fakes[2]) as classic:
        settings = RouterSettings(
            port=0,
            redis_url=redis_url,
            redis_seconds=2.0,
            cache_target=cache,
            hybrid_target=hybrid if with_hybrid else GONE,
            classic_target=classic,
            use_hybrid_botlive="true" if with_hybrid else "false",
            variant_names="v1,v2",
        )
        async with (
            running(settings) as server,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            yield Stack(*fakes, channel)


async def test_history_metrics_and_usage_of_a_removed_variant_stay_readable(redis_url: str) -> None:
    async with router(redis_url, with_hybrid=True) as before:
        await before.put_shop()
        first = await before.chat("Livrez-vous à Cocody ?", turn_id="t1")
        assert first.variant == router_pb2.VARIANT_HYBRID
    async with router(redis_url, with_hybrid=False) as after:
        again = await after.chat("Livrez-vous à Cocody ?", turn_id="t1")
        assert (again.text, again.replayed, again.variant) == (first.text, True, router_pb2.VARIANT_HYBRID)
        second = await after.chat("Et à Yopougon ?", turn_id="t2")
        assert (second.rung, second.served_by) == (router_pb2.RUNG_ASSIGNED, router_pb2.VARIANT_CLASSIC)
        assert after.classic.requests[0].history[-1].text == first.text
        listed = await after.router.ListMessages(router_pb2.ListMessagesRequest(conversation_id="c1"), metadata=CLIENT)
        assert [message.text for message in listed.messages] == [
            "Livrez-vous à Cocody ?",
            "hybrid: Livrez-vous à Cocody ?",
            "Et à Yopougon ?",
            "classic: Et à Yopougon ?",
        ]
        for window in ("1h", "24h", "7d"):
            told = await after.rollout.GetMetrics(rollout_pb2.GetMetricsRequest(window=window), metadata=OPERATOR)
            assert (told.hybrid_enabled, told.hybrid_system.count, told.hybrid_system.errors) == (False, 1, 0)
        assert (told.names.classic, told.names.hybrid) == ("v1", "v2")
        usage = tenants_pb2_grpc.UsageServiceStub(after.channel)
        asked = tenants_pb2.QueryUsageRequest(tenant_id="shop", group_by=["variant"])
        rows = (await usage.QueryUsage(asked, metadata=OPERATOR)).rows
        assert {row.group["variant"]: row.messages for row in rows}["hybrid"] == 1


async def test_a_plan_by_its_name_moves_any_two_systems(redis_url: str) -> None:
    async with router(redis_url, with_hybrid=True) as stack:
        request = rollout_pb2.SetRolloutRequest(plan="v1_to_v2", reason="the next one")
        state = (await stack.rollout.SetRollout(request, metadata=OPERATOR)).state
        assert [step.percent for step in state.steps] == [10, 50, 75, 100]
        assert (state.percent, state.names.hybrid) == (10, "v2")
