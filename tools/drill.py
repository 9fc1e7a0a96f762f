"""`repartee drill`: emergencies on purpose, with a stopwatch."""

import secrets
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from libs.common.errors import InvalidRequest
from repartee.v1 import rollout_pb2, rollout_pb2_grpc, router_pb2, router_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.isolation_drill import drill_isolation
from tools.kill_drill import drill_kill
from tools.rollback_drill import Measured, Probe, Replica, Scene, play
from tools.stack import StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder

_ROLLOUT = rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"]
_ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
_LONGEST_PROBE_SECONDS = 2.0

drill = typer.Typer(
    help="""Stage an emergency, and see whether what was promised holds.

    `rollback`: hybrid is harmful, how fast is everybody back on classic? `isolation`: does one company ever get
    another's answer? `kill`: what do customers see when a process dies? Rehearse them with a stack of their own before
    customers come, and `rollback` again with the people who will be on call.
    """,
    no_args_is_help=True,
)
drill.command("kill")(drill_kill)


@drill.command()
def isolation(
    companies: Annotated[
        list[int] | None, typer.Option(help="How many companies; repeatable.", show_default="10 and 1000", min=2)
    ] = None,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Keep an answer to the same question for many companies, then ask for it as each of them and as strangers.

    The exit code is 1 when one company is given another's answer. The companies are made for the drill and forgotten.
    """
    operator = Connection.for_operator(host=host, port_base=port_base)
    run(lambda: drill_isolation(operator, tuple(companies or (10, 1000))))


@drill.command()
def rollback(
    own: Annotated[bool, typer.Option("--own", help="Start a stack of its own, with several routers.")] = False,
    replicas: Annotated[int, typer.Option(help="Routers of that stack.", min=1, max=8)] = 4,
    tenant: Annotated[
        str, typer.Option("--tenant", "-t", help="Whose turns are watched, and switched.")
    ] = "rue-du-gros",
    replica: Annotated[
        list[str] | None,
        typer.Option(
            help="HOST:PORT of a router of the running stack; repeatable.", show_default="the one on the base port"
        ),
    ] = None,
    switch_file: Annotated[Path | None, typer.Option(help="The file that those routers watch.")] = None,
    sure: Annotated[bool, typer.Option("--yes", help="Switch the running stack's tenant on and off.")] = False,
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Take hybrid away in each of the three ways, and print how long every router went on giving it.

    The ways are the watched file, the RPC and Python; 3 s are promised for the file, 1 s for the others. The exit code
    is 1 when a way took longer. A running stack's tenant is on classic afterwards.

    Example:  repartee drill rollback --own --replicas 4
    """

    async def work() -> list[Measured]:
        if own:
            async with _own_scene(replicas, tenant) as scene:
                return await play(scene)
        if not sure:
            raise InvalidRequest(
                "NOT_SURE",
                f"This switches {tenant} to hybrid and back on a running stack; say --yes, or use --own.",
            )
        targets = replica or [Connection(port_base=port_base).target("router")]
        async with AsyncExitStack() as stack:
            found = [await _replica(stack, target, _explains(tenant)) for target in targets]
            return await play(Scene(tuple(found), tenant=tenant, switch_file=switch_file))

    measured = run(work)
    console.print(table(measured))
    if late := [each for each in measured if not each.holds]:
        console.print(f"[bold red]Too slow: {', '.join(each.way for each in late)}.[/]")
        raise typer.Exit(1)
    console.print("[bold green]Every way held its promise on every router.[/]")


def table(measured: list[Measured]) -> Table:
    """Returns a row for each way, with the seconds that each router took."""
    rows = Table(box=None, header_style="bold", pad_edge=False)
    rows.add_column("way")
    for name in measured[0].seconds if measured else ():
        rows.add_column(name, justify="right")
    for column in ("slowest", "promised", "turns"):
        rows.add_column(column, justify="right")
    for each in measured:
        colour = "green" if each.holds else "bold red"
        rows.add_row(
            each.way,
            *(f"{seconds:.3f} s" for seconds in each.seconds.values()),
            f"[{colour}]{each.slowest:.3f} s[/]",
            f"{each.promise_seconds:g} s",
            str(each.turns),
        )
    return rows


@asynccontextmanager
async def _own_scene(replicas: int, tenant: str) -> AsyncGenerator[Scene]:
    """Starts a stack whose routers watch one file, and whose turns are real."""
    with tempfile.TemporaryDirectory(prefix="repartee-drill-") as folder:
        file = Path(folder) / "switch.env"
        file.write_text("USE_HYBRID_BOTLIVE=false\n", encoding="utf-8")
        options = StackOptions(
            state=Path(folder) / "state",
            port_base=free_port_base(),
            only=("cache", "rag", "hybrid-engine", "classic-engine", "router"),
            replicas=replicas,
            traces=False,
            environment={"REPARTEE_SWITCH_FILE": str(file)},
        )
        async with AsyncExitStack() as stack:
            with console.status(f"Starting a stack with {replicas} routers…"):
                running = await stack.enter_async_context(running_stack(options))
            operator = Connection.for_operator(port_base=options.port_base)
            await apply_folder(operator, Path("examples/tenants"), with_documents=False, reason="drill")
            names = [child.name for child in running.children if child.name.startswith("router")]
            found = [
                await _replica(stack, f"127.0.0.1:{running.port(name)}", _chats(tenant), name=name) for name in names
            ]
            yield Scene(tuple(found), tenant="", switch_file=file)


async def _replica(stack: AsyncExitStack, target: str, probe: "_ProbeOf", *, name: str = "") -> Replica:
    host, _, port = target.rpartition(":")
    operator = Connection.for_operator(host=host, port_base=int(port))
    channel = await stack.enter_async_context(operator.open("router", _ROLLOUT))
    stub: Any = rollout_pb2_grpc.RolloutServiceStub(channel)
    return Replica(name or target, target=target, rollout=stub, probe=await probe(stack, operator, stub))


class _ProbeOf:
    """Makes the question that shows which system a router gives: a dry run, or a real turn."""

    def __init__(self, tenant: str, *, with_turns: bool) -> None:
        self._tenant = tenant
        self._with_turns = with_turns

    async def __call__(self, stack: AsyncExitStack, operator: Connection, rollout: Any) -> Probe:
        if not self._with_turns:
            return self._explained(rollout)
        channel = await stack.enter_async_context(operator.open("router", _ROUTER))
        return self._answered(router_pb2_grpc.RouterServiceStub(channel))

    def _explained(self, rollout: Any) -> Probe:
        async def ask() -> bool:
            request = rollout_pb2.ExplainAssignmentRequest(tenant_id=self._tenant, conversation_id="drill")
            return (await rollout.ExplainAssignment(request, timeout=_LONGEST_PROBE_SECONDS)).variant == _HYBRID

        return ask

    def _answered(self, router: Any) -> Probe:
        async def ask() -> bool:
            conversation = f"drill-{secrets.token_hex(6)}"
            request = router_pb2.ChatRequest(tenant_id=self._tenant, conversation_id=conversation, message="commander")
            return (await router.Chat(request, timeout=_LONGEST_PROBE_SECONDS)).variant == _HYBRID

        return ask


_HYBRID = router_pb2.VARIANT_HYBRID


def _explains(tenant: str) -> _ProbeOf:
    return _ProbeOf(tenant, with_turns=False)


def _chats(tenant: str) -> _ProbeOf:
    return _ProbeOf(tenant, with_turns=True)
