"""The weekly report: one week's figures, and the plan's next step."""

import asyncio

import pytest
from typer.testing import CliRunner

from repartee.v1 import rollout_pb2
from tests.fakes.rollout_servicer import FakeRollout, serving_operators
from tools.cli import app
from tools.system_names import SystemNames
from tools.weekly import advice

STEPS = [rollout_pb2.RolloutStep(percent=percent) for percent in (0, 10, 50, 100)]


async def test_a_week_is_compared_and_the_next_step_named() -> None:
    rollout = FakeRollout()
    rollout.state.percent, rollout.state.plan, rollout.state.step, rollout.state.seconds_left = 10, "default", 1, 3600
    rollout.state.steps.extend(STEPS)
    rollout.shadow.pairs = rollout.shadow.same_state = 3
    async with serving_operators(rollout) as port:
        arguments = ["report", "weekly", "--port-base", str(port)]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    output = " ".join(result.output.split())
    assert result.exit_code == 0, output
    for part in (
        "Every tenant, the last 7d",
        "turns 150 200",
        "Recommendation: hybrid",
        "3 turns were decided by both",
        "Plan default: 0 → [10] → 50 → 100 %",
        "Next step: 50 % after 1 h.",
    ):
        assert part in output
    assert rollout.requests[0].window == "7d"


@pytest.mark.parametrize(
    ("fields", "recommendation", "expected"),
    [
        ({"needs_acknowledgement": True}, "hybrid", "The guard rolled back"),
        ({"percent": 10}, "old", "speak for classic"),
        ({"percent": 10}, "invalid_srm", "not as large as dealt"),
        ({}, "insufficient_data", "To begin one"),
        ({"percent": 100}, "hybrid", "No plan is followed."),
        ({"percent": 100, "plan": "default", "steps": STEPS, "step": 3}, "hybrid", "the plan is at its last step"),
        ({"percent": 10, "plan": "default", "steps": STEPS, "step": 1}, "hybrid", "50 %, ready: repartee ops advance"),
    ],
)
def test_advice_follows_what_is_known(fields: dict[str, object], recommendation: str, expected: str) -> None:
    state = rollout_pb2.RolloutState(**fields)  # type: ignore[arg-type]
    assert expected in " ".join(advice(state, recommendation, SystemNames()))
