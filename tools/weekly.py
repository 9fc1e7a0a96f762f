"""`repartee report weekly`: how the two systems compared over a week, and what the plan asks for next."""

from typing import Any

from rich.markup import escape

from repartee.v1 import rollout_pb2
from tools.connection import DEFAULT_PORT_BASE, HostOption, PortBaseOption, console
from tools.ops_stub import ForTenant, Window, call
from tools.ops_view import metrics_table, next_step, plan_line, shadow_lines, share, verdict_lines
from tools.system_names import SystemNames, names_in


def weekly(
    tenant: ForTenant = "",
    window: Window = "7d",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Compare the two systems over a week (or `1h`, `24h`, the plan's `step`), and say what to do next."""

    async def work(stub: Any) -> None:
        metrics = await stub.GetMetrics(rollout_pb2.GetMetricsRequest(tenant_id=tenant, window=window, detail=True))
        state = (await stub.GetRollout(rollout_pb2.GetRolloutRequest(tenant_id=tenant))).state
        shadow = await stub.GetShadowReport(rollout_pb2.GetShadowReportRequest(tenant_id=tenant))
        console.print(f"[bold]{escape(tenant) or 'Every tenant'}, the last {escape(window)}[/]")
        console.print(metrics_table(metrics))
        for line in verdict_lines(metrics):
            console.print(line, soft_wrap=True)
        if shadow.pairs or shadow.failed:
            console.print("\n[bold]Turns that both decided[/]")
            for line in shadow_lines(shadow)[:3]:
                console.print(line, soft_wrap=True)
        console.print("\n[bold]Next[/]")
        for line in advice(state, metrics.comparison.recommendation, names_in(metrics)):
            console.print(line, soft_wrap=True)

    call(work, host, port_base)


def advice(state: rollout_pb2.RolloutState, recommendation: str, names: SystemNames) -> list[str]:
    """Returns where the rollout stands and what an operator may do about it, with markup."""
    lines = [f"{escape(names.hybrid.capitalize())} gets {share(state.percent)} of conversations."]
    if state.needs_acknowledgement:
        return [*lines, "The guard rolled back. Look into it, then: repartee ops enable --acknowledge -r …"]
    if recommendation == names.recommended_classic:
        return [*lines, f"The figures speak for {escape(names.classic)}: repartee ops disable -r …"]
    if recommendation == "invalid_srm":
        return [*lines, "The groups are not as large as dealt; find out why before anything is concluded."]
    if not state.steps:
        if not state.percent:
            return [*lines, "No plan is followed. To begin one: repartee ops rollout --plan default -r …"]
        return [*lines, "No plan is followed."]
    return [*lines, f"Plan {plan_line(state)}", f"Next step: {next_step(state)}."]
