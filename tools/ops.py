"""`repartee ops`: the switch between the two systems, for operators."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from libs.common.client import metrics_dict
from repartee.v1 import rollout_pb2, router_pb2
from tools.audit_export import export_audit
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.ops_changes import advance, disable, enable, rollout, toggle
from tools.ops_stub import ForTenant, Window, call
from tools.ops_view import audit_table, metrics_table, shadow_lines, share, state_table, verdict_lines
from tools.ops_watch import watch as watch_stack
from tools.system_names import names_in

if TYPE_CHECKING:
    from repartee.v1.rollout_pb2_grpc import RolloutServiceAsyncStub

ops = typer.Typer(
    help="""Switch between the classic and the hybrid system, compare them, and see who changed what.

    In trouble: `repartee ops disable --emergency -r "what you saw"` gives everybody the classic system at once.
    """,
    no_args_is_help=True,
)


@ops.command()
def status(
    tenant: ForTenant = "", host: HostOption = "127.0.0.1", port_base: PortBaseOption = DEFAULT_PORT_BASE
) -> None:
    """Say who gets what, which source decided it, and what the plan waits for."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        response = await stub.GetRollout(rollout_pb2.GetRolloutRequest(tenant_id=tenant))
        console.print(state_table(response.state))

    call(work, host, port_base)


ops.command()(enable)
ops.command()(disable)
ops.command()(toggle)
ops.command()(rollout)
ops.command()(advance)


@ops.command()
def metrics(
    tenant: ForTenant = "",
    window: Window = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON, for programs.")] = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Compare the two systems, and say what the figures allow to conclude."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        request = rollout_pb2.GetMetricsRequest(tenant_id=tenant, window=window, detail=not as_json)
        response = await stub.GetMetrics(request)
        if as_json:
            print(json.dumps(metrics_dict(response), indent=2))
            return
        console.print(metrics_table(response))
        for line in verdict_lines(response):
            console.print(line, soft_wrap=True)

    call(work, host, port_base)


@ops.command()
def audit(
    tenant: ForTenant = "",
    count: Annotated[int, typer.Option("--count", "-n", help="The newest this many.", min=1, max=200)] = 20,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write every entry to this file, or those that it lacks.")
    ] = None,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """List who changed what and why, newest first, and whether the chain of hashes is whole.

    With --export, all tenants' entries go to a file, and the chain must still run through those that are in it: kept
    where the store's administrators cannot write, it shows if the whole audit was replaced.
    """

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        if export is not None:
            added, newest = await export_audit(stub, export)
            console.print(f"{added} entries added; the newest is {newest.sequence}, hash {newest.hash or 'none'}.")
            return
        page = await stub.ListAudit(rollout_pb2.ListAuditRequest(tenant_id=tenant, page_size=count))
        console.print(audit_table(page.entries))
        whole = "[green]The chain is whole.[/]" if page.chain_intact else "[bold red]The chain is broken.[/]"
        console.print(whole)
        if not page.chain_intact:
            raise typer.Exit(1)

    call(work, host, port_base)


@ops.command()
def shadow(
    tenant: ForTenant = "", host: HostOption = "127.0.0.1", port_base: PortBaseOption = DEFAULT_PORT_BASE
) -> None:
    """Say how the unseen system would have done on the turns that both decided."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        report = await stub.GetShadowReport(rollout_pb2.GetShadowReportRequest(tenant_id=tenant))
        for line in shadow_lines(report):
            console.print(line, soft_wrap=True)

    call(work, host, port_base)


@ops.command()
def explain(
    conversation: Annotated[str, typer.Argument(help="The conversation.")],
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Its tenant.")],
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Say which system a conversation's next turn gets, and by which rule."""

    async def work(stub: "RolloutServiceAsyncStub") -> None:
        request = rollout_pb2.ExplainAssignmentRequest(tenant_id=tenant, conversation_id=conversation)
        said = await stub.ExplainAssignment(request)
        names = names_in(said)
        variant = names.hybrid if said.variant == router_pb2.VARIANT_HYBRID else names.classic
        console.print(
            f"[bold]{escape(variant)}[/], by {escape(said.decided_by)}: bucket {said.bucket} of 100000, "
            f"{escape(names.hybrid)} has those under {round(said.percent * 1000)} ({share(said.percent)})."
        )

    call(work, host, port_base)


@ops.command()
def watch(
    tenant: ForTenant = "",
    window: Window = "24h",
    every: Annotated[float, typer.Option(help="Seconds between two looks at the figures.", min=0.2)] = 2.0,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Keep the state, both systems' figures and the last changes on screen. Into a pipe, print each change."""
    operator = Connection.for_operator(host=host, port_base=port_base)
    run(lambda: watch_stack(operator, tenant=tenant, window=window, every_seconds=every))
