"""`repartee ops watch`: the switch, the figures and the last changes on one screen that keeps itself up to date."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from libs.common.status import from_rpc_error
from repartee.v1 import rollout_pb2
from tools.connection import Connection, console
from tools.ops_stub import DESCRIPTOR, stub_of
from tools.ops_view import audit_table, metrics_table, share, state_table, verdict_lines
from tools.system_names import names_in

_SHOWN_CHANGES = 5
# A router that restarts is back in a few seconds; until then the screen says that it is away.
_RETRY_SECONDS = 1.0
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(slots=True)
class View:
    """What is known now. `missing` names what the router did not tell, and why."""

    state: rollout_pb2.RolloutState = field(default_factory=rollout_pb2.RolloutState)
    metrics: rollout_pb2.GetMetricsResponse = field(default_factory=rollout_pb2.GetMetricsResponse)
    audit: Sequence[rollout_pb2.AuditEntry] = ()
    missing: str = ""


async def watch(operator: Connection, *, tenant: str, window: str, every_seconds: float) -> None:
    """Shows the stack until it is cancelled; raises the router's error when it refuses."""
    async with operator.open("router", DESCRIPTOR) as channel:
        stub = stub_of(channel)
        view = View()
        if not console.is_terminal:
            await follow(stub, view, tenant=tenant, on_change=lambda: console.print(line(view), soft_wrap=True))
            return
        with Live(screen(view), console=console, screen=True, auto_refresh=False) as live:

            def draw() -> None:
                live.update(screen(view), refresh=True)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(follow(stub, view, tenant=tenant, on_change=draw))
                tasks.create_task(look(stub, view, tenant=tenant, window=window, seconds=every_seconds, after=draw))


async def follow(stub: Any, view: View, *, tenant: str, on_change: Callable[[], None]) -> None:
    """Keeps the state of `view` as the router streams it; a router that is away is asked again each second."""
    while True:
        try:
            async for response in stub.WatchRollout(rollout_pb2.WatchRolloutRequest(tenant_id=tenant)):
                view.state, view.missing = response.state, ""
                on_change()
        except grpc.aio.AioRpcError as failure:
            if failure.code() not in _AWAY:
                raise
            if not view.missing:
                view.missing = "The router does not answer; what is shown is what it said last."
                on_change()
        await asyncio.sleep(_RETRY_SECONDS)


async def look(stub: Any, view: View, *, tenant: str, window: str, seconds: float, after: Callable[[], None]) -> None:
    """Reads figures and changes again and again."""
    while True:
        await refresh(stub, view, tenant=tenant, window=window)
        after()
        await asyncio.sleep(seconds)


async def refresh(stub: Any, view: View, *, tenant: str, window: str) -> None:
    """Reads figures and changes once; raises the router's error unless it is only away."""
    metrics = rollout_pb2.GetMetricsRequest(tenant_id=tenant, window=window, detail=True)
    audit = rollout_pb2.ListAuditRequest(tenant_id=tenant, page_size=_SHOWN_CHANGES)
    try:
        view.metrics = await stub.GetMetrics(metrics)
        view.audit = (await stub.ListAudit(audit)).entries
    except grpc.aio.AioRpcError as failure:
        if failure.code() not in _AWAY:
            raise
        view.missing = f"The figures are not up to date: {from_rpc_error(failure).reason}."
    else:
        view.missing = ""


def screen(view: View) -> Group:
    """Returns everything known, as one picture."""
    figures = Group(
        metrics_table(view.metrics), Text(), *(Text.from_markup(each) for each in verdict_lines(view.metrics))
    )
    names = names_in(view.metrics)
    parts: list[Any] = [
        Panel(state_table(view.state), title="The switch", title_align="left"),
        Panel(figures, title=f"{names.classic.capitalize()} and {names.hybrid}", title_align="left"),
        Panel(audit_table(view.audit), title="Last changes", title_align="left"),
    ]
    if view.missing:
        parts.append(Text(view.missing, style="bold red"))
    parts.append(Text("Ctrl-C ends this.", style="dim"))
    return Group(*parts)


def line(view: View) -> str:
    """Returns the state in one line, for pipes and logs, with markup."""
    if view.missing:
        return f"[red]{escape(view.missing)}[/]"
    state = view.state
    marks = [
        f"version {state.version}",
        f"{names_in(state).hybrid} {share(state.percent)}",
        f"by {state.source}",
        *([f"plan {state.plan} step {state.step + 1}/{len(state.steps)}"] if state.steps else []),
        *(["EMERGENCY"] if state.emergency else []),
        *(["ROLLED BACK"] if state.needs_acknowledgement else []),
        *([f"{state.actor}: {state.reason}"] if state.actor else []),
    ]
    return escape(" · ".join(marks))
