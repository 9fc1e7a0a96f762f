"""`repartee ops` against a running service: what it asks for, what it prints, and how mistakes read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typer.testing import CliRunner

from repartee.v1 import rollout_pb2
from tests.fakes.rollout_servicer import FakeRollout, serving_operators
from tools import ops_watch
from tools.cli import app
from tools.connection import Connection


class Operator:
    """A command line in front of a service."""

    def __init__(self, rollout: FakeRollout, port: int) -> None:
        self.rollout = rollout
        self.port = port

    async def says(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `repartee ops …`, blanks folded."""

        def run() -> tuple[int, str]:
            result = CliRunner().invoke(app, ["ops", *arguments, "--port-base", str(self.port)])
            assert result.exception is None or isinstance(result.exception, SystemExit)
            return result.exit_code, " ".join(result.output.split())

        return await asyncio.to_thread(run)


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    rollout = FakeRollout()
    async with serving_operators(rollout) as port:
        yield Operator(rollout, port)


async def test_status_says_who_gets_what_and_why(operator: Operator) -> None:
    state = operator.rollout.state
    state.percent, state.source, state.plan = 12.5, "file", "default"
    state.steps.extend(rollout_pb2.RolloutStep(percent=percent) for percent in (0, 12.5, 100))
    state.step, state.seconds_left, state.samples_left = 1, 90_061, 40
    state.needs_acknowledgement = True
    code, output = await operator.says("status")
    assert code == 0
    for part in (
        "hybrid gets 12.5 % of conversations",
        "the watched file, version 1",
        "default: 0 → [12.5] → 100 %",
        "100 % after 1 d 1 h and 40 more turns in the smaller group",
        "the next enable needs --acknowledge",
    ):
        assert part in output


async def test_enable_disable_and_toggle(operator: Operator) -> None:
    assert "hybrid gets 100 %" in (await operator.says("enable", "-r", "go", "-t", "shop"))[1]
    assert (operator.rollout.requests[-1].tenant_id, operator.rollout.requests[-1].reason) == ("shop", "go")
    assert "nothing changed" in (await operator.says("enable", "-r", "again"))[1]
    _, output = await operator.says("disable", "--emergency", "-r", "wrong prices")
    assert "Followed by router-2." in output
    assert "Not yet told: redis." in output
    assert operator.rollout.requests[-1].emergency
    assert "overruled" in (await operator.says("toggle", "-r", "x"))[1]
    code, output = await operator.says("toggle", "-r", "x", "--expected-version", "2")
    assert (code, "VERSION_MISMATCH Somebody changed it first" in output) == (1, True)


async def test_reason_is_asked_for(operator: Operator) -> None:
    code, output = await operator.says("enable")
    assert (code, "Missing option '--reason'" in output) == (2, True)


async def test_rollout_keeps_what_is_not_named(operator: Operator) -> None:
    state = operator.rollout.state
    state.percent, state.switch_policy = 10, rollout_pb2.SWITCH_POLICY_PIN_CONVERSATION
    state.always_hybrid.append("awa")
    await operator.says("rollout", "--shadow", "5", "-r", "look first")
    sent = operator.rollout.requests[-1]
    assert (sent.percent, sent.shadow_percent, sent.expected_version, list(sent.always_hybrid)) == (10, 5, 1, ["awa"])
    assert sent.switch_policy == rollout_pb2.SWITCH_POLICY_PIN_CONVERSATION
    await operator.says("rollout", "-p", "12.5", "--no-pin", "--always", "", "-r", "more")
    sent = operator.rollout.requests[-1]
    assert (sent.percent, sent.expected_version, list(sent.always_hybrid)) == (12.5, 2, [])
    assert not sent.HasField("shadow_percent")
    assert sent.switch_policy == rollout_pb2.SWITCH_POLICY_NEXT_REQUEST


async def test_percent_and_plan_exclude_each_other_and_a_plan_is_not_lost_by_the_way(operator: Operator) -> None:
    code, output = await operator.says("rollout", "-p", "1", "--plan", "default", "-r", "x")
    assert (code, "Name a percent or a plan, not both" in output) == (1, True)
    operator.rollout.state.plan = "default"
    code, output = await operator.says("rollout", "--shadow", "5", "-r", "x")
    assert (code, "A plan is running there" in output) == (1, True)
    assert operator.rollout.requests == []


async def test_advance_and_its_refusal(operator: Operator) -> None:
    code, output = await operator.says("advance", "-r", "x")
    assert (code, "NO_PLAN" in output) == (1, True)
    await operator.says("rollout", "--plan", "default", "-r", "x")
    assert "hybrid gets 50 %" in (await operator.says("advance", "-r", "x"))[1]


async def test_guards_rollback_is_lifted_knowingly(operator: Operator) -> None:
    operator.rollout.state.needs_acknowledgement = True
    code, output = await operator.says("enable", "-r", "x")
    assert (code, "NEEDS_ACKNOWLEDGEMENT" in output) == (1, True)
    assert (await operator.says("enable", "-r", "x", "--acknowledge"))[0] == 0


async def test_metrics_as_a_table_and_as_json(operator: Operator) -> None:
    operator.rollout.metrics.detail.explanation = "Hybrid fails less."
    _, table = await operator.says("metrics", "-w", "7d")
    assert "turns 150 200" in table
    assert "error rate 8.0% 1.5%" in table
    assert "Recommendation: hybrid, time +65.2% Hybrid fails less." in table
    assert (operator.rollout.requests[-1].window, operator.rollout.requests[-1].detail) == ("7d", True)
    _, as_json = await operator.says("metrics", "--json")
    assert '"old_system": { "count": 150, "errors": 12, "avg_time": 2.3 }' in as_json


async def test_audit_and_a_broken_chain(operator: Operator) -> None:
    await operator.says("enable", "-r", "[bold]go[/]")
    code, output = await operator.says("audit")
    assert (code, "EnableHybrid" in output, "[bold]go[/]" in output) == (0, True, True)
    operator.rollout.chain_intact = False
    code, output = await operator.says("audit")
    assert (code, "The chain is broken." in output) == (1, True)


async def test_shadow_and_explain(operator: Operator) -> None:
    assert "No turn was given to both yet" in (await operator.says("shadow"))[1]
    operator.rollout.shadow = rollout_pb2.GetShadowReportResponse(
        pairs=4, same_state=3, same_ask=4, failed=1, differing_turns=["c1 t2"]
    )
    output = (await operator.says("shadow"))[1]
    assert "Same state after: 3 (75.0%)" in output
    assert "differs: c1 t2" in output
    output = (await operator.says("explain", "c1", "-t", "shop"))[1]
    assert "hybrid, by api: bucket 7 of 100000, hybrid has those under 12500 (12.5 %)." in output


async def test_figures_that_are_not_known_yet_are_left_out(operator: Operator) -> None:
    evidence = operator.rollout.metrics.detail.evidence
    evidence.better, evidence.risk_ratio_upper = 1, float("inf")
    assert "Failures at most" not in (await operator.says("metrics"))[1]
    evidence.risk_ratio_upper = 0.5
    assert "Failures at most 0.50 times classic's." in (await operator.says("metrics"))[1]
    operator.rollout.shadow = rollout_pb2.GetShadowReportResponse(failed=2)
    output = (await operator.says("shadow"))[1]
    assert "2 more had no answer" in output
    assert "Same state" not in output


async def test_precondition_is_said_once(operator: Operator) -> None:
    output = (await operator.says("advance", "-r", "x"))[1]
    assert output.count("No plan is followed there.") == 1


async def test_watch_into_a_pipe_prints_each_change(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes: asyncio.Queue[str] = asyncio.Queue()

    class Printed:
        is_terminal = False

        def print(self, text: str, **_: Any) -> None:
            changes.put_nowait(text)

    monkeypatch.setattr(ops_watch, "console", Printed())
    watching = asyncio.create_task(
        ops_watch.watch(Connection.for_operator(port_base=operator.port), tenant="", window="", every_seconds=1)
    )
    assert await changes.get() == "version 1 · hybrid 0 % · by default"
    operator.rollout.change(25, rollout_pb2.SetRolloutRequest(reason="a quarter"), "SetRollout")
    assert await changes.get() == "version 2 · hybrid 25 % · by api · dev-operator: a quarter"
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_screen_shows_state_figures_and_last_changes(operator: Operator) -> None:
    operator.rollout.change(25, rollout_pb2.SetRolloutRequest(reason="a quarter"), "SetRollout")
    view = ops_watch.View(state=operator.rollout.state)
    async with Connection.for_operator(port_base=operator.port).open("router", ops_watch.DESCRIPTOR) as channel:
        stub: Any = ops_watch.stub_of(channel)
        await ops_watch.refresh(stub, view, tenant="", window="24h")
    with ops_watch.console.capture() as captured:
        ops_watch.console.print(ops_watch.screen(view))
    for part in ("hybrid gets", "25 %", "150", "SetRollout", "a quarter", "Ctrl-C"):
        assert part in captured.get()


async def test_stack_that_is_away_is_said_and_not_a_crash() -> None:
    view = ops_watch.View()
    async with Connection.for_operator(port_base=1).open("router", ops_watch.DESCRIPTOR) as channel:
        await ops_watch.refresh(ops_watch.stub_of(channel), view, tenant="", window="")
    assert view.missing == "The figures are not up to date: UNAVAILABLE."
    assert "UNAVAILABLE" in ops_watch.line(view)
