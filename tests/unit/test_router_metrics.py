"""GetMetrics and ResetMetrics as operators see them, and the recorder on the path of a reply."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson

from libs.common.errors import InvalidRequest
from libs.common.request_context import Budget, Principal, RequestContext, use_context
from repartee.v1 import rollout_pb2
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.admin.metrics import MetricsMethods
from services.router.admin.scopes import Scopes
from services.router.judging.judge import Judge
from services.router.turn import Variant
from tests.fakes.metrics_world import SHOP, State, World, record_example, turn

KNOWN = """{
  "hybrid_enabled": true,
  "old_system": {
    "count": 150,
    "errors": 12,
    "avg_time": 2.3
  },
  "hybrid_system": {
    "count": 200,
    "errors": 3,
    "avg_time": 0.8
  },
  "comparison": {
    "old_error_rate": "8.0%",
    "hybrid_error_rate": "1.5%",
    "time_improvement": "+65.2%",
    "recommendation": "hybrid"
  }
}"""


class Methods(MetricsMethods):
    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.scopes = Scopes()


@pytest.fixture
def world() -> World:
    return World(MemoryMetrics(), states={"": State(percent=100 * 200 / 350)})


async def metrics(world: World, **request: Any) -> rollout_pb2.GetMetricsResponse:
    return await Methods(world.judge()).GetMetrics(rollout_pb2.GetMetricsRequest(**request), None)


@pytest.mark.parametrize("tenant", ["", SHOP])
@pytest.mark.parametrize("window", ["", "1h", "24h", "7d", "step"])
async def test_the_known_example_prints_byte_for_byte(world: World, tenant: str, window: str) -> None:
    recorder = world.recorder()
    record_example(recorder)
    await recorder.flush()
    assert MessageToJson(await metrics(world, tenant_id=tenant, window=window)) == KNOWN


async def test_without_turns_everything_still_prints(world: World) -> None:
    world.states[""] = State(percent=0.0)
    printed = json.loads(MessageToJson(await metrics(world, tenant_id="nobody")))
    nothing = {"count": 0, "errors": 0, "avg_time": 0.0}
    assert printed == {
        "hybrid_enabled": False,
        "old_system": nothing,
        "hybrid_system": nothing,
        "comparison": {
            "old_error_rate": "n/a",
            "hybrid_error_rate": "n/a",
            "time_improvement": "n/a",
            "recommendation": "insufficient_data",
        },
    }


async def test_detail_says_more_when_asked_for(world: World) -> None:
    recorder = world.recorder()
    record_example(recorder)
    await recorder.flush()
    detail = (await metrics(world, detail=True)).detail
    assert detail.window == "24h"
    assert detail.old_system.p50_time == pytest.approx(2.3, rel=0.05)
    assert dict(detail.hybrid_system.fallback_levels) == {"0": 200, "1": 0, "2": 0, "3": 0}
    assert detail.hybrid_system.conversations == 200
    assert detail.evidence.better == pytest.approx(40.7, abs=0.05)
    assert set(detail.evidence.harm) == {"error", "slow", "soft"}
    assert detail.evidence.sample_ratio_p == pytest.approx(1.0)
    assert detail.evidence.risk_ratio_upper < 1
    assert detail.explanation == (
        "Hybrid fails less (evidence 40.7, where 20 is enough); "
        "hybrid fails in 1.5% of 200 turns, classic in 8.0% of 150."
    )


@pytest.mark.parametrize(("field", "value"), [("window", "2h"), ("tenant_id", "a:b")])
async def test_what_is_not_known_is_named(world: World, field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await metrics(world, **{field: value})
    assert caught.value.reason == "INVALID_FIELD"
    assert [violation.field for violation in caught.value.violations] == [field]


async def test_reset_is_the_operators_and_is_audited(world: World) -> None:
    recorder = world.recorder()
    record_example(recorder)
    await recorder.flush()
    call = RequestContext(Principal("ama", None, is_operator=True), "r1", Budget.of(5.0), "")
    with use_context(call):
        await Methods(world.judge()).ResetMetrics(
            rollout_pb2.ResetMetricsRequest(tenant_id=SHOP, reason="a new prompt"), None
        )
    assert world.audit == [(SHOP, "ama", "ResetMetrics", "a new prompt")]
    assert (await metrics(world, tenant_id=SHOP)).old_system.count == 0


async def test_what_cannot_be_audited_is_not_reset(world: World) -> None:
    recorder = world.recorder()
    record_example(recorder)
    await recorder.flush()

    async def refuse(tenant: str, **entry: str) -> None:
        raise InvalidRequest("NO_AUDIT", "No.")

    judge = Judge(world.store, standing=world.standing, note=refuse, clock=lambda: world.now)
    with pytest.raises(InvalidRequest):
        await judge.reset(SHOP, actor="ama", reason="x")
    assert (await metrics(world)).old_system.count == 150


async def test_classic_is_measured_before_hybrid_is_ever_switched_on(world: World) -> None:
    world.states[""] = State(percent=0.0)
    recorder = world.recorder()
    recorder.record(turn("c1", Variant.CLASSIC))
    assert recorder.take_touched() == frozenset()
    await recorder.flush()
    assert recorder.take_touched() == {SHOP}
    assert (await metrics(world)).old_system.count == 1


async def test_recording_only_notes(world: World) -> None:
    recorder = world.recorder()
    recorder.record(turn("c1"))
    assert recorder.waiting == 1
    assert (await metrics(world)).hybrid_system.count == 0
