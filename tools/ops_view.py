"""What operators see of the switch: its state, the comparison and the audit, as tables and lines."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from rich.markup import escape
from rich.table import Table

from repartee.v1 import rollout_pb2
from tools.system_names import names_in

_SOURCES = {
    "kill_switch": "an emergency stop",
    "api": "an operator's call",
    "file": "the watched file",
    "environment": "the environment",
    "default": "the default",
}
_POLICIES = {
    rollout_pb2.SWITCH_POLICY_PIN_CONVERSATION: "running conversations stay where they began, for 24 hours",
}
_NEXT_REQUEST = "running conversations follow with their next message"


def state_table(state: rollout_pb2.RolloutState) -> Table:
    """Returns the state in force, one fact a row; what is not set has no row."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, fact in state_rows(state):
        table.add_row(name, fact)
    return table


def state_rows(state: rollout_pb2.RolloutState) -> list[tuple[str, str]]:
    """Returns the facts of a state, with markup."""
    hybrid = escape(names_in(state).hybrid)
    rows = [
        ("for", escape(state.tenant_id) or "every tenant"),
        (f"{hybrid} gets", f"[bold]{share(state.percent)}[/] of conversations"),
        ("said by", f"{_SOURCES.get(state.source, escape(state.source))}, version {state.version}"),
        ("a switch means", _POLICIES.get(state.switch_policy, _NEXT_REQUEST)),
    ]
    if state.plan or state.steps:
        rows.append(("plan", plan_line(state)))
        rows.append(("next", next_step(state)))
    if state.always_hybrid:
        rows.append((f"always {hybrid}", escape(", ".join(state.always_hybrid))))
    if state.shadow_percent:
        rows.append(("shadowed", f"{share(state.shadow_percent)} of turns"))
    if state.experiment:
        rows.append(("experiment", escape(state.experiment)))
    if state.HasField("update_time"):
        reason = f": {escape(state.reason)}" if state.reason else ""
        rows.append(("changed", f"{when(state.update_time)} by {escape(state.actor) or 'nobody'}{reason}"))
    if state.emergency:
        rows.append(("", "[bold red]An emergency stop holds: pins and forced variants are ignored.[/]"))
    if state.needs_acknowledgement:
        rows.append(("", "[bold red]Rolled back by the guard; the next enable needs --acknowledge.[/]"))
    return rows


def plan_line(state: rollout_pb2.RolloutState) -> str:
    """Returns a plan's steps with the current one marked, such as `default: 0 → [10] → 50 → 100 %`."""
    steps = " → ".join(
        f"[bold]\\[{step.percent:g}][/]" if number == state.step else f"{step.percent:g}"
        for number, step in enumerate(state.steps)
    )
    return f"{escape(state.plan) or 'own steps'}: {steps} %"


def next_step(state: rollout_pb2.RolloutState) -> str:
    """Returns what the plan waits for before its next step, or that it is at its end."""
    if state.step + 1 >= len(state.steps):
        return "the plan is at its last step"
    after = share(state.steps[state.step + 1].percent)
    waits: list[str] = []
    if state.seconds_left:
        waits.append(length(state.seconds_left))
    if state.samples_left:
        waits.append(f"{state.samples_left} more turns in the smaller group")
    if waits:
        return f"{after} after {' and '.join(waits)}"
    return f"{after} by itself" if state.auto_advance else f"{after}, ready: repartee ops advance"


def metrics_table(metrics: rollout_pb2.GetMetricsResponse) -> Table:
    """Returns both systems side by side, with details where the response has them."""
    old, hybrid = metrics.old_system, metrics.hybrid_system
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    names = names_in(metrics)
    table.add_column(names.classic, justify="right")
    table.add_column(names.hybrid, justify="right")
    table.add_row("turns", str(old.count), str(hybrid.count))
    table.add_row("failed", str(old.errors), str(hybrid.errors))
    rates = metrics.comparison
    table.add_row("error rate", rates.old_error_rate, rates.hybrid_error_rate)
    table.add_row("mean time", f"{old.avg_time:.2f} s", f"{hybrid.avg_time:.2f} s")
    if metrics.HasField("detail"):
        left, right = metrics.detail.old_system, metrics.detail.hybrid_system
        for name, times in (
            ("median", (left.p50_time, right.p50_time)),
            ("95 %", (left.p95_time, right.p95_time)),
            ("99 %", (left.p99_time, right.p99_time)),
        ):
            table.add_row(name, *(f"{seconds:.2f} s" for seconds in times))
        for name, counts in (
            ("rescued by the other", (left.rescued, right.rescued)),
            ("templates", (left.templates, right.templates)),
            ("handed to a person", (left.escalations, right.escalations)),
            ("asked again", (left.asked_again, right.asked_again)),
            ("given up half-way", (left.abandoned, right.abandoned)),
            ("rated good", (left.rated_good, right.rated_good)),
            ("rated bad", (left.rated_bad, right.rated_bad)),
        ):
            table.add_row(name, *map(str, counts))
        table.add_row("cost", f"{left.cost_usd:.4f} $", f"{right.cost_usd:.4f} $")
    return table


def verdict_lines(metrics: rollout_pb2.GetMetricsResponse) -> list[str]:
    """Returns the recommendation, why, and what it rests on, with markup."""
    said = metrics.comparison
    lines = [f"Recommendation: [bold]{escape(said.recommendation) or 'none'}[/], time {said.time_improvement or 'n/a'}"]
    if not metrics.HasField("detail"):
        return lines
    detail = metrics.detail
    if detail.explanation:
        lines.append(escape(detail.explanation))
    evidence = detail.evidence
    if evidence.harm or evidence.better:
        risk = _risk(evidence.risk_ratio_upper, names_in(metrics).classic)
        harm = ", ".join(f"{name} {value:.3g}" for name, value in sorted(evidence.harm.items())) or "none"
        lines.append(
            f"[dim]Evidence of harm: {escape(harm)}. Of fewer failures: {evidence.better:.3g}. "
            f"Sample ratio p = {evidence.sample_ratio_p:.3g}.{risk}[/]"
        )
    return lines


def _risk(ratio: float, classic: str) -> str:
    """Returns what the bound allows to say: nothing while there are too few turns for one."""
    return f" Failures at most {ratio:.2f} times {escape(classic)}'s." if 0 < ratio < math.inf else ""


def audit_table(entries: Sequence[rollout_pb2.AuditEntry]) -> Table:
    """Returns changes, in the order given."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("#", "when", "who", "what", "for", "why"):
        table.add_column(column, no_wrap=column in ("#", "when"))
    for entry in entries:
        table.add_row(
            str(entry.sequence),
            when(entry.time),
            escape(entry.actor),
            escape(entry.action),
            escape(entry.tenant_id) or "all",
            escape(entry.reason),
        )
    return table


def shadow_lines(report: rollout_pb2.GetShadowReportResponse) -> list[str]:
    """Returns how the unseen engine did, with markup."""
    if not report.pairs and not report.failed:
        return ["No turn was given to both yet; repartee ops rollout --shadow 5 begins."]
    lines = [
        f"[bold]{report.pairs}[/] turns were decided by both; {report.failed} more had no answer from the unseen one."
    ]
    if not (pairs := report.pairs):
        return lines
    lines += [
        f"Same state after: {report.same_state} ({report.same_state / pairs:.1%}). "
        f"Same question next: {report.same_ask} ({report.same_ask / pairs:.1%}).",
        f"Seconds a turn: {report.served_seconds:.2f} served, {report.shadow_seconds:.2f} unseen. "
        f"Tokens: {report.served_tokens:.0f} and {report.shadow_tokens:.0f}. "
        f"Cost: {report.served_cost_usd:.4f} $ and {report.shadow_cost_usd:.4f} $.",
    ]
    return [*lines, *(f"  differs: {escape(turn)}" for turn in report.differing_turns)]


def share(percent: float) -> str:
    """Returns `12.5 %`."""
    return f"{percent:g} %"


def when(moment: Timestamp) -> str:
    """Returns a time in UTC, to the second."""
    return datetime.fromtimestamp(moment.seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def length(seconds: int) -> str:
    """Returns `6 d 4 h`, `3 h 5 min`, `4 min` or `30 s`: the two largest parts that count."""
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")] if days or hours else [(minutes, "min"), (seconds % 60, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(shown) or "0 s"
