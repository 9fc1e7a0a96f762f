"""RolloutService as operators call it: real servers, real channels, a real Valkey, statuses with their fields."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from libs.common.errors import NotFound, Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.server import Registration, running_server
from libs.common.tenants.bundle import TenantBundle
from repartee.v1 import rollout_pb2, rollout_pb2_grpc, router_pb2
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.memory_shadow import MemoryShadowCounts
from services.router.adapters.redis_rollout import RedisRolloutStore
from services.router.admin.rollout import RolloutServicer
from services.router.judging.judge import Judge
from services.router.rollout import Rollout
from services.router.rollout.store import RolloutStore
from services.router.settings import RouterSettings
from services.router.turn import Variant
from tests.fakes.rollout_store import FragileRolloutStore
from tests.fakes.router_world import bundle

OPERATOR = (("authorization", "Bearer dev-operator"),)
CLIENT = (("authorization", "Bearer dev:shop"),)
INVALID = grpc.StatusCode.INVALID_ARGUMENT
REFUSED = grpc.StatusCode.FAILED_PRECONDITION
pb = rollout_pb2


class OneTenant:
    """A directory that knows `shop`, or nothing at all while it is down."""

    def __init__(self) -> None:
        self.is_down = False

    async def get(self, tenant: TenantId) -> TenantBundle:
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "The store is away.")
        if tenant != "shop":
            raise NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
        return bundle()


class Replica:
    """A server with its own rollout; `call` makes a call as an operator."""

    def __init__(self, rollout: Rollout, channel: grpc.aio.Channel, tenants: OneTenant) -> None:
        self.rollout = rollout
        self.tenants = tenants
        self.stub: Any = rollout_pb2_grpc.RolloutServiceStub(channel)

    async def call(self, name: str, request: Any, metadata: Any = OPERATOR) -> Any:
        return await getattr(self.stub, name)(request, metadata=metadata, timeout=8)

    async def set(self, **fields: Any) -> Any:
        return (await self.call("SetRollout", pb.SetRolloutRequest(**{"reason": "test", **fields}))).state

    async def state(self, tenant: str = "") -> Any:
        return (await self.call("GetRollout", pb.GetRolloutRequest(tenant_id=tenant))).state


async def start(exits: AsyncExitStack, store: RolloutStore, name: str = "one") -> Replica:
    rollout = await exits.enter_async_context(Rollout(store=store, replica=name))
    tenants = OneTenant()
    registration = Registration(
        pb.DESCRIPTOR.services_by_name["RolloutService"],
        rollout_pb2_grpc.add_RolloutServiceServicer_to_server,
        RolloutServicer(
            rollout,
            tenants=tenants,
            judge=Judge(MemoryMetrics(), standing=rollout.state, note=rollout.note),
            shadow_counts=MemoryShadowCounts(),
        ),
    )
    settings = RouterSettings(port=0, drain_seconds=0, stop_grace_seconds=5)
    server = await exits.enter_async_context(running_server(settings, name="router", registrations=[registration]))
    channel = await exits.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.port}"))
    return Replica(rollout, channel, tenants)


@pytest.fixture
async def exits() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def redis_store(url: str, exits: AsyncExitStack) -> RolloutStore:
    redis = RedisStore.connect(url, timeout_seconds=2.0)
    exits.push_async_callback(redis.aclose)
    return RedisRolloutStore(redis)


@pytest.fixture
async def one(redis_url: str, exits: AsyncExitStack) -> Replica:
    return await start(exits, redis_store(redis_url, exits))


async def refused(call: Any) -> tuple[grpc.StatusCode, str, list[str]]:
    """Returns code, reason and the fields that are named."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    status = rpc_status.from_call(raised.value)  # type: ignore[arg-type]
    assert status is not None
    info, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    for detail in status.details:
        detail.Unpack(fields)
    return raised.value.code(), info.reason, [each.field for each in fields.field_violations]


async def test_every_switch_by_hand(one: Replica) -> None:
    first = await one.state()
    assert (first.hybrid_enabled, first.version, first.source) == (False, 1, "default")
    enabled = await one.call("EnableHybrid", pb.EnableHybridRequest(reason="go", request_id="r1"))
    assert (enabled.changed, enabled.state.percent, enabled.state.version) == (True, 100.0, 2)
    assert (enabled.state.source, enabled.state.actor, enabled.state.reason) == ("api", "dev-operator", "go")
    again = await one.call("EnableHybrid", pb.EnableHybridRequest(reason="go"))
    assert (again.changed, again.state.version) == (False, 2)
    toggled = await one.call("ToggleHybrid", pb.ToggleHybridRequest(reason="t", expected_version=2))
    assert (toggled.state.hybrid_enabled, toggled.last_writer_wins) == (False, False)
    toggled = await one.call("ToggleHybrid", pb.ToggleHybridRequest(reason="t"))
    assert (toggled.state.hybrid_enabled, toggled.last_writer_wins) == (True, True)
    disabled = await one.call("DisableHybrid", pb.DisableHybridRequest(reason="bad", emergency=True))
    assert (disabled.changed, list(disabled.propagated_to), list(disabled.pending)) == (True, ["one"], [])
    assert (disabled.state.source, disabled.state.emergency, disabled.state.version) == ("kill_switch", True, 5)
    retried = await one.call("EnableHybrid", pb.EnableHybridRequest(reason="go", request_id="r1"))
    assert (retried.changed, retried.state.emergency) == (True, True)


async def test_a_plan_from_its_start_to_a_refused_step(one: Replica) -> None:
    state = await one.set(tenant_id="shop", plan="default", auto_advance=True)
    assert [step.percent for step in state.steps] == [0, 10, 50, 100]
    assert (state.plan, state.step, state.percent, state.auto_advance) == ("default", 0, 0.0, True)
    assert (state.samples_left, 604_790 < state.seconds_left <= 604_800) == (100, True)
    advance = pb.AdvanceRolloutRequest(tenant_id="shop", reason="on")
    assert (await refused(one.call("AdvanceRollout", advance)))[:2] == (REFUSED, "STEP_NOT_DONE")
    stale = pb.AdvanceRolloutRequest(tenant_id="shop", reason="on", force=True, expected_version=1)
    assert (await refused(one.call("AdvanceRollout", stale)))[:2] == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    forced = pb.AdvanceRolloutRequest(tenant_id="shop", reason="on", force=True)
    advanced = (await one.call("AdvanceRollout", forced)).state
    assert (advanced.step, advanced.percent, advanced.version) == (1, 10.0, 3)
    assert (await one.state("shop")).step_time.seconds > 0
    await one.rollout.roll_back("shop", reason="errors", evidence={"e": 1})
    for name, request in (
        ("AdvanceRollout", forced),
        ("EnableHybrid", pb.EnableHybridRequest(tenant_id="shop", reason="r")),
        ("ToggleHybrid", pb.ToggleHybridRequest(tenant_id="shop", reason="r")),
        ("SetRollout", pb.SetRolloutRequest(tenant_id="shop", reason="r", percent=5)),
    ):
        assert (await refused(one.call(name, request)))[:2] == (REFUSED, "NEEDS_ACKNOWLEDGEMENT")
    assert (await one.state("shop")).needs_acknowledgement
    lifted = await one.set(tenant_id="shop", percent=5.0, acknowledge=True)
    assert (lifted.needs_acknowledgement, lifted.percent, lifted.plan) == (False, 5.0, "")
    none = pb.AdvanceRolloutRequest(tenant_id="shop", reason="on")
    assert (await refused(one.call("AdvanceRollout", none)))[:2] == (REFUSED, "NO_PLAN")


async def test_all_that_a_rollout_can_be_told(one: Replica) -> None:
    state = await one.set(
        tenant_id="shop",
        steps=[
            pb.RolloutStep(percent=12.345, min_duration_seconds=60, min_samples_per_arm=7),
            pb.RolloutStep(percent=100),
        ],
        switch_policy=pb.SWITCH_POLICY_PIN_CONVERSATION,
        always_hybrid=["tester-2", "tester-1"],
        shadow_percent=3.5,
        experiment="second",
    )
    assert (state.percent, state.plan, state.switch_policy) == (12.345, "own", pb.SWITCH_POLICY_PIN_CONVERSATION)
    assert (list(state.always_hybrid), state.shadow_percent, state.experiment) == (
        ["tester-1", "tester-2"],
        3.5,
        "second",
    )
    kept = await one.set(tenant_id="shop", percent=0.001)
    assert (kept.shadow_percent, kept.experiment, list(kept.always_hybrid)) == (3.5, "second", [])
    assert (await one.set(tenant_id="shop", percent=0.001, shadow_percent=0.0)).shadow_percent == 0.0


@pytest.mark.parametrize(
    ("fields", "reason", "violations"),
    [
        ({"percent": -1.0}, "INVALID_FIELD", ["percent"]),
        ({"percent": 101.0}, "INVALID_FIELD", ["percent"]),
        ({"percent": 12.3456}, "INVALID_FIELD", ["percent"]),
        ({"percent": math.nan}, "INVALID_FIELD", ["percent"]),
        ({"percent": math.inf}, "INVALID_FIELD", ["percent"]),
        ({"shadow_percent": 100.5}, "INVALID_FIELD", ["shadow_percent"]),
        ({"plan": "slow"}, "UNKNOWN_PLAN", ["plan"]),
        ({"always_hybrid": ["a"] * 101}, "INVALID_FIELD", ["always_hybrid"]),
        ({"always_hybrid": ["ok", "a b"]}, "INVALID_FIELD", ["always_hybrid[1]"]),
        ({"experiment": "a|b"}, "INVALID_FIELD", ["experiment"]),
        ({"steps": [pb.RolloutStep(percent=1.0), pb.RolloutStep(percent=-1.0)]}, "INVALID_FIELD", ["steps[1].percent"]),
        ({"reason": ""}, "REQUIRED_FIELD", ["reason"]),
        ({"reason": "  "}, "REQUIRED_FIELD", ["reason"]),
        ({"reason": "x" * 501}, "INVALID_FIELD", ["reason"]),
        ({"tenant_id": "a:b"}, "INVALID_FIELD", ["tenant_id"]),
    ],
)
async def test_bad_rollouts_are_refused_by_name_and_change_nothing(
    one: Replica, fields: dict[str, Any], reason: str, violations: list[str]
) -> None:
    assert await refused(one.set(**fields)) == (INVALID, reason, violations)
    assert (await one.state()).version == 1
    assert not (await one.call("ListAudit", pb.ListAuditRequest())).entries


@pytest.mark.parametrize(
    ("name", "request_type"),
    [
        ("GetRollout", pb.GetRolloutRequest),
        ("EnableHybrid", pb.EnableHybridRequest),
        ("DisableHybrid", pb.DisableHybridRequest),
        ("ToggleHybrid", pb.ToggleHybridRequest),
        ("SetRollout", pb.SetRolloutRequest),
        ("AdvanceRollout", pb.AdvanceRolloutRequest),
        ("ExplainAssignment", pb.ExplainAssignmentRequest),
        ("WatchRollout", pb.WatchRolloutRequest),
        ("GetMetrics", pb.GetMetricsRequest),
        ("ResetMetrics", pb.ResetMetricsRequest),
        ("ListAudit", pb.ListAuditRequest),
        ("GetShadowReport", pb.GetShadowReportRequest),
    ],
)
async def test_unknown_tenants_missing_reasons_and_customers_are_refused(
    one: Replica, name: str, request_type: Any
) -> None:
    fields = {each.name for each in request_type.DESCRIPTOR.fields}
    needed = {each: "x" for each in ("reason", "conversation_id") if each in fields}

    async def called(metadata: Any, **given: str) -> None:
        call = getattr(one.stub, name)(request_type(**given), metadata=metadata, timeout=8)
        await (call.read() if name == "WatchRollout" else call)

    nobody = await refused(called(OPERATOR, tenant_id="nobody", **needed))
    assert nobody[:2] == (grpc.StatusCode.NOT_FOUND, "TENANT_NOT_FOUND")
    assert (await refused(called(CLIENT, tenant_id="shop", **needed)))[:2] == (
        grpc.StatusCode.PERMISSION_DENIED,
        "OPERATOR_ONLY",
    )
    if "reason" in fields:
        assert await refused(called(OPERATOR)) == (INVALID, "REQUIRED_FIELD", ["reason"])


@pytest.mark.parametrize(
    ("name", "request_type"), [("ToggleHybrid", pb.ToggleHybridRequest), ("SetRollout", pb.SetRolloutRequest)]
)
async def test_a_stale_version_is_refused(one: Replica, name: str, request_type: Any) -> None:
    await one.set(percent=10.0)
    stale = one.call(name, request_type(reason="r", expected_version=1))
    assert await refused(stale) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH", ["expected_version"])
    assert (await one.state()).percent == 10.0


async def test_a_reset_of_the_metrics_is_in_the_audit_and_changes_no_state(one: Replica) -> None:
    await one.call("ResetMetrics", pb.ResetMetricsRequest(tenant_id="shop", reason="new model"))
    entry = (await one.call("ListAudit", pb.ListAuditRequest(tenant_id="shop"))).entries[0]
    assert (entry.action, entry.actor, entry.reason) == ("ResetMetrics", "dev-operator", "new model")
    assert (await one.state("shop")).version == 1


async def test_the_audit_is_paged_by_tenant_and_intact(one: Replica) -> None:
    for number in range(1, 8):
        await one.set(tenant_id="shop" if number % 2 else "", percent=float(number))
    page = await one.call("ListAudit", pb.ListAuditRequest(page_size=3))
    assert ([each.sequence for each in page.entries], page.chain_intact) == ([7, 6, 5], True)
    newest = page.entries[0]
    assert (newest.actor, newest.action, newest.reason, newest.tenant_id) == (
        "dev-operator",
        "SetRollout",
        "test",
        "shop",
    )
    assert newest.previous_hash == page.entries[1].hash
    assert ('"percent":5.0' in newest.before, '"percent":7.0' in newest.after) == (True, True)
    mine = await one.call("ListAudit", pb.ListAuditRequest(tenant_id="shop", page_size=2))
    assert [each.sequence for each in mine.entries] == [7, 5]
    rest = await one.call("ListAudit", pb.ListAuditRequest(tenant_id="shop", page_token=mine.next_page_token))
    assert ([each.sequence for each in rest.entries], rest.next_page_token, rest.chain_intact) == ([3, 1], "", True)
    wrong = one.call("ListAudit", pb.ListAuditRequest(page_token="x"))
    assert await refused(wrong) == (INVALID, "INVALID_FIELD", ["page_token"])


async def test_an_entry_changed_in_redis_is_seen(one: Replica, redis_url: str, exits: AsyncExitStack) -> None:
    for percent in (1.0, 2.0, 3.0):
        await one.set(percent=percent)
    redis = RedisStore.connect(redis_url, timeout_seconds=2.0)
    exits.push_async_callback(redis.aclose)
    key = redis.platform.key("rollout", "audit")
    entry = await redis.platform.command("LINDEX", key, 1)
    await redis.platform.command("LSET", key, 1, entry.replace(b'"actor":"dev-operator"', b'"actor":"somebody"'))
    assert not (await one.call("ListAudit", pb.ListAuditRequest())).chain_intact


async def test_the_assignment_is_explained(one: Replica) -> None:
    ask = pb.ExplainAssignmentRequest(tenant_id="shop", conversation_id="c1")
    await one.set(tenant_id="shop", percent=0.0, always_hybrid=["c1"])
    allowed = await one.call("ExplainAssignment", ask)
    assert (allowed.variant, allowed.decided_by) == (router_pb2.VARIANT_HYBRID, "always_hybrid")
    await one.set(tenant_id="shop", percent=50.0)
    hashed = await one.call("ExplainAssignment", ask)
    assert (hashed.decided_by, hashed.percent, hashed.unit_kind) == ("api", 50.0, "conversation")
    assert (hashed.variant == router_pb2.VARIANT_HYBRID) == (hashed.bucket < 50_000)
    await one.call("DisableHybrid", pb.DisableHybridRequest(reason="r", emergency=True))
    assert (await one.call("ExplainAssignment", ask)).decided_by == "kill_switch"


async def test_a_watch_says_what_is_and_each_change_and_ends_with_the_rollout(one: Replica) -> None:
    watch = one.stub.WatchRollout(pb.WatchRolloutRequest(tenant_id="shop"), metadata=OPERATOR)
    async with asyncio.timeout(10):
        assert (await watch.read()).state.percent == 0.0
        for percent in (10.0, 20.0):
            await one.set(percent=percent)
            seen = (await watch.read()).state
            assert (seen.percent, seen.tenant_id) == (percent, "shop")
        one.rollout.end_watches()
        assert await watch.read() is grpc.aio.EOF
    assert await watch.code() is grpc.StatusCode.OK


async def test_a_cancelled_watch_leaves_nothing_behind(one: Replica) -> None:
    watch = one.stub.WatchRollout(pb.WatchRolloutRequest(), metadata=OPERATOR)
    await watch.read()
    assert one.rollout.watcher_count == 1
    watch.cancel()
    async with asyncio.timeout(10):
        while one.rollout.watcher_count:  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.001)


async def test_four_replicas_follow_and_confirm(redis_url: str, exits: AsyncExitStack) -> None:
    replicas = [await start(exits, redis_store(redis_url, exits), f"replica-{number}") for number in range(4)]
    watches = [each.stub.WatchRollout(pb.WatchRolloutRequest(), metadata=OPERATOR) for each in replicas]
    async with asyncio.timeout(10):
        for watch in watches:
            await watch.read()
        await replicas[2].call("EnableHybrid", pb.EnableHybridRequest(reason="go"))
        for watch in watches:
            assert (await watch.read()).state.version == 2
        answer = await replicas[1].call("DisableHybrid", pb.DisableHybridRequest(reason="stop"))
    assert list(answer.propagated_to) == [f"replica-{number}" for number in range(4)]
    assert list(answer.pending) == []
    assert [(await each.state()).hybrid_enabled for each in replicas] == [False] * 4


async def test_disable_answers_ok_with_everything_dead(exits: AsyncExitStack) -> None:
    store = FragileRolloutStore()
    one = await start(exits, store)
    await one.call("EnableHybrid", pb.EnableHybridRequest(tenant_id="shop", reason="go"))
    store.is_down = one.tenants.is_down = True
    answer = await one.call("DisableHybrid", pb.DisableHybridRequest(tenant_id="shop", reason="bad", emergency=True))
    assert (answer.changed, answer.state.source) == (True, "kill_switch")
    assert (list(answer.propagated_to), list(answer.pending)) == (["one"], ["fragile"])
    assert one.rollout.assignment("shop", "c1").variant is Variant.CLASSIC
    assert (await one.state("shop")).emergency
    enable = one.call("EnableHybrid", pb.EnableHybridRequest(tenant_id="shop", reason="go"))
    assert (await refused(enable))[:2] == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


async def test_a_rollout_outlives_its_replicas(redis_url: str, exits: AsyncExitStack) -> None:
    async with AsyncExitStack() as first:
        before = await start(first, redis_store(redis_url, first))
        await before.set(tenant_id="shop", plan="fast")
    after = await (await start(exits, redis_store(redis_url, exits))).state("shop")
    assert (after.plan, after.percent, after.version) == ("fast", 10.0, 2)
