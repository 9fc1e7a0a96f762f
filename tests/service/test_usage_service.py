"""QueryUsage and the refusal of a limit, on the wire."""

import contextlib
import datetime
import time
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from libs.common.channel import open_channel
from libs.common.request_context import Principal, TenantId, current
from libs.common.server import Registration, RunningServer, running_server
from libs.common.settings import ServiceSettings
from libs.common.spending.ledger import Allowance, Charge
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.status import from_rpc_error
from libs.common.tenants.bundle import Limits
from repartee.v1 import router_pb2, tenants_pb2, tenants_pb2_grpc
from services.router.adapters.memory_limits import MemoryLimits
from services.router.adapters.memory_usage import MemoryUsage
from services.router.admin.usage import UsageServicer
from services.router.turn import Rung, Variant
from services.router.turn_limits import TurnLimits
from services.router.turn_record import TurnRecord
from services.router.usage.query import UsageQuery
from services.router.usage.recording import UsageRecorder
from tests.fakes.common_services import CLIENT, OPERATOR, ScriptedRouter, running
from tools.connection import Connection
from tools.cost_model import ASSUMED_MIX
from tools.report import spent_sentences, usage_of

USAGE = tenants_pb2.DESCRIPTOR.services_by_name["UsageService"]
SHOP = TenantId("shop")
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC).timestamp()


@contextlib.asynccontextmanager
async def serving(now: float = NOON) -> AsyncIterator[RunningServer]:
    """Runs a server with four turns and one charge at `now`."""
    store, ledger = MemoryUsage(), MemoryLedger(clock=lambda: now)
    recorder = UsageRecorder(store)
    for number in range(4):
        recorder.record(
            TurnRecord(SHOP, f"c{number // 2}", f"t{number}", Variant.HYBRID, Rung.ASSIGNED, 0.5, now, llm_tier="groq")
        )
    await recorder.flush()
    held = await ledger.reserve(SHOP, Allowance(), tokens=0, micro_usd=0)
    await ledger.settle(
        held, [Charge(SHOP, "hybrid", "wording", "", "groq", "m", 100, 20, 1_500_000, True, now, "c0", "t0", 1)]
    )
    servicer = UsageServicer(UsageQuery(store, ledger, clock=lambda: now))
    registration = Registration(USAGE, tenants_pb2_grpc.add_UsageServiceServicer_to_server, servicer)
    async with running_server(
        ServiceSettings(port=0, drain_seconds=0), name="router", registrations=[registration], tracer=None
    ) as server:
        yield server


@contextlib.asynccontextmanager
async def usage(*, authorization: str = OPERATOR) -> AsyncIterator[tenants_pb2_grpc.UsageServiceStub]:
    async with (
        serving() as server,
        open_channel(f"127.0.0.1:{server.port}", services=[USAGE], authorization=authorization) as channel,
    ):
        yield tenants_pb2_grpc.UsageServiceStub(channel)


async def test_usage_of_the_last_days_comes_by_group() -> None:
    async with usage() as stub:
        response = await stub.QueryUsage(tenants_pb2.QueryUsageRequest(group_by=["tenant", "day", "tier"]))
    (row,) = response.rows
    assert dict(row.group) == {"tenant": "shop", "day": "2026-11-20", "tier": "groq"}
    assert (row.messages, row.conversations, row.calls, row.prompt_tokens, row.cost_usd) == (4, 2, 1, 100, 1.5)
    assert row.p50_time == pytest.approx(0.5, rel=0.05)


async def test_the_last_day_is_not_part_of_the_span() -> None:
    day = Timestamp(seconds=int(NOON))
    async with usage() as stub:
        request = tenants_pb2.QueryUsageRequest(tenant_id="shop", end_time=day, group_by=["variant"])
        assert not (await stub.QueryUsage(request)).rows
        request.end_time.seconds += 86_400
        assert len((await stub.QueryUsage(request)).rows) == 1


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (tenants_pb2.QueryUsageRequest(group_by=["moon"]), "UNKNOWN_GROUP", "group_by[0]"),
        (tenants_pb2.QueryUsageRequest(end_time=Timestamp(seconds=2**60)), "INVALID_FIELD", "end_time"),
        (
            tenants_pb2.QueryUsageRequest(start_time=Timestamp(seconds=86_400), end_time=Timestamp(seconds=86_400)),
            "INVALID_FIELD",
            "end_time",
        ),
    ],
)
async def test_a_question_that_is_not_one_is_refused(
    request_: tenants_pb2.QueryUsageRequest, reason: str, field: str
) -> None:
    async with usage() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.QueryUsage(request_)
    error = from_rpc_error(refused.value)
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert error.violations[0].field == field


async def test_usage_is_for_operators() -> None:
    async with usage(authorization=CLIENT) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.QueryUsage(tenants_pb2.QueryUsageRequest())
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_cost_report_reads_the_ledger_of_a_running_router() -> None:
    async with serving(now=time.time()) as server:
        by_component, by_variant = await usage_of(Connection.for_operator(port_base=server.port), "shop", days=2)
    assert [(row.group["component"], row.cost_usd) for row in by_component] == [("wording", 1.5)]
    assert [(row.group["variant"], row.messages) for row in by_variant] == [("hybrid", 4)]
    assert "5,000 such messages cost 1,875.00 dollars" in spent_sentences(by_component, by_variant, ASSUMED_MIX)[0]


async def test_a_turn_over_the_limit_learns_whose_it_is_and_when_to_come_back() -> None:
    limits = TurnLimits(None, MemoryLimits(clock=lambda: NOON))

    async def chat(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        principal: Principal = current().principal
        await limits.admit(principal, request.user_id, Limits(user_per_minute=1))
        return router_pb2.ChatResponse(text="bonjour")

    turn = router_pb2.ChatRequest(conversation_id="c", user_id="u", message="bonjour")
    async with running(ScriptedRouter(chat)) as run:
        await run.chat.Chat(turn)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await run.chat.Chat(turn)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailing = dict(refused.value.trailing_metadata() or ())
    assert trailing["retry-after-ms"] == "60000"
    rich = trailing["grpc-status-details-bin"]
    assert isinstance(rich, bytes)
    quota, retry = error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
    details = status_pb2.Status.FromString(rich).details
    assert any(each.Unpack(quota) for each in details)
    assert any(each.Unpack(retry) for each in details)
    assert (quota.violations[0].subject, quota.violations[0].description) == ("user", "at most 1 turns a minute")
    assert retry.retry_delay.ToMilliseconds() == 60_000
