"""RateReply as callers see it: counted once for the assigned system, shown to operators, and nobody else's."""

import asyncio
from typing import Any

import grpc
from typer.testing import CliRunner

from repartee.v1 import rollout_pb2, router_pb2, tenants_pb2, tenants_pb2_grpc
from tests.service.test_router import CLIENT, OPERATOR, Stack, refused, running_stack
from tools.cli import app

pytest_plugins = ("tests.redis_fixture",)

GOOD, BAD = router_pb2.RATING_GOOD, router_pb2.RATING_BAD
NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
STRANGER = (("authorization", "Bearer dev:other"),)


async def rate(stack: Stack, turn_id: str, *, metadata: Any = CLIENT, **fields: Any) -> router_pb2.RateReplyResponse:
    request = router_pb2.RateReplyRequest(**{"conversation_id": "c1", "turn_id": turn_id, "rating": BAD, **fields})
    return await stack.router.RateReply(request, metadata=metadata)


async def test_ratings_reach_metrics_and_usage_for_the_assigned_system(redis_url: str) -> None:
    async with running_stack(redis_url=redis_url, use_hybrid_botlive="true") as stack:
        await stack.put_shop()
        stack.hybrid.is_down = True
        # The other engine's words, and still the assigned system's turn.
        assert (await stack.chat("bonjour", turn_id="t1")).served_by == router_pb2.VARIANT_CLASSIC
        stack.hybrid.is_down = False
        await stack.chat("encore", turn_id="t2")
        first = await rate(stack, "t1", reason=router_pb2.RATING_REASON_OFF_TOPIC)
        assert (first.counted, first.rating) == (True, BAD)
        again = await rate(stack, "t1", rating=GOOD)
        assert (again.counted, again.rating) == (False, BAD)
        assert (await rate(stack, "t2", rating=GOOD)).counted
        stack.cache.answers["ouvert ?"] = "Oui."
        await stack.chat("ouvert ?", turn_id="t3")
        assert (await rate(stack, "t3")).counted
    # A router that ends has written what it counted; another one tells it.
    async with running_stack(redis_url=redis_url) as stack:
        usage: Any = tenants_pb2_grpc.UsageServiceStub(stack.channel)
        (row,) = (await usage.QueryUsage(tenants_pb2.QueryUsageRequest(tenant_id="shop"), metadata=OPERATOR)).rows
        assert (row.rated_good, row.rated_bad) == (1, 2)
        asked = rollout_pb2.GetMetricsRequest(tenant_id="shop", detail=True)
        told = (await stack.rollout.GetMetrics(asked, metadata=OPERATOR)).detail
        hybrid, classic = told.hybrid_system, told.old_system
        assert (hybrid.rated_good, hybrid.rated_bad, dict(hybrid.bad_reasons)) == (1, 1, {"off_topic": 1})
        assert (classic.rated_good, classic.rated_bad) == (0, 0)
        assert not (await rate(stack, "t2")).counted


async def test_without_a_store_ratings_live_in_the_process() -> None:
    async with running_stack(use_hybrid_botlive="true") as stack:
        await stack.put_shop()
        await stack.chat("bonjour", turn_id="t1")
        assert [(await rate(stack, "t1")).counted for _ in range(2)] == [True, False]


async def test_a_conversation_in_the_terminal_rates_its_last_reply() -> None:
    async with running_stack(use_hybrid_botlive="true") as stack:
        await stack.put_shop()
        arguments = ["chat", "-t", "shop", "--port-base", str(stack.port)]
        typed = "/bien\nbonjour\n/mauvais\n/bien\n"
        ended = await asyncio.to_thread(CliRunner().invoke, app, arguments, input=typed)
    assert ended.exit_code == 0, ended.output
    said = [line.removeprefix("vous > ") for line in ended.output.splitlines()]
    assert [line for line in said if line.endswith(("yet.", "Noted.", "before."))] == [
        "There is no reply to rate yet.",
        "Noted.",
        "That reply was rated before.",
    ]


async def test_what_cannot_be_rated_is_refused_by_name(redis_url: str) -> None:
    async with running_stack(redis_url=redis_url, use_hybrid_botlive="true") as stack:
        await stack.put_shop()
        unnamed = await stack.chat("bonjour")
        await stack.chat("bonjour", turn_id="t1")
        assert await refused(rate(stack, "nobody-asked")) == (NOT_FOUND, "TURN_NOT_FOUND")
        assert await refused(rate(stack, unnamed.turn_id)) == (NOT_FOUND, "TURN_NOT_FOUND")
        assert await refused(rate(stack, "t1", metadata=STRANGER)) == (NOT_FOUND, "TURN_NOT_FOUND")
        assert await refused(rate(stack, "t1", rating=0)) == (INVALID, "REQUIRED_FIELD")
        assert await refused(rate(stack, "t1", rating=9)) == (INVALID, "INVALID_FIELD")
        assert await refused(rate(stack, "t1", reason=99)) == (INVALID, "INVALID_FIELD")
        good_for_a_reason = {"rating": GOOD, "reason": router_pb2.RATING_REASON_TONE}
        assert await refused(rate(stack, "t1", **good_for_a_reason)) == (INVALID, "INVALID_FIELD")
        assert (await rate(stack, "t1")).counted
