"""`repartee load`: how fast each RPC is, how streams flow, and what overload, neighbours and crowds do to a stack."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from libs.common.errors import FieldViolation, InvalidRequest
from tools.connection import TenantOption, console, run
from tools.load.calls import CALLS, STREAMS
from tools.load.driver import Driver, choose
from tools.load.ghz_driver import GhzDriver
from tools.load.h2load_driver import H2loadDriver
from tools.load.left_out import LEFT_OUT
from tools.load.own_driver import OwnDriver
from tools.load.own_stack import BUSY, own_stack
from tools.load.pace import Pace
from tools.load.picture import picture
from tools.load.playing import GENTLE, Part, Scene, play
from tools.load.report import Report
from tools.load.target import local_stack, named_services
from tools.stack import Stack

DRIVERS: Sequence[Driver] = (GhzDriver(), H2loadDriver(), OwnDriver())
"""In the order in which `auto` takes them."""


def load(
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="SERVICE=HOST:PORT of a running stack, repeatable; a bare HOST:PORT is its router.",
            show_default="a stack of the test's own",
        ),
    ] = None,
    port_base: Annotated[
        int, typer.Option(help="Load the stack that `repartee up` runs here, with its router on this port.")
    ] = 0,
    part: Annotated[
        list[Part] | None,
        typer.Option(help="What to do; repeatable.", show_default="all on an own stack, else rpcs and streams"),
    ] = None,
    rpc: Annotated[list[str] | None, typer.Option(help="Only this RPC, such as Chat; repeatable.")] = None,
    rate: Annotated[float, typer.Option(help="Calls a second for each RPC; 0 sends one after another instead.")] = 40,
    seconds: Annotated[float, typer.Option(help="Seconds for each RPC.")] = 4,
    calls: Annotated[int, typer.Option(help="Calls for each RPC at most.")] = 10_000,
    concurrency: Annotated[int, typer.Option(help="Callers at once, for --rate 0, and streams at once.")] = 8,
    connections: Annotated[
        int, typer.Option(help="Connections to spread calls over; one reaches one replica only.")
    ] = 4,
    driver: Annotated[
        str, typer.Option(help="ghz, h2load, own, or auto: the first of these that is installed.")
    ] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder for load.md and load.svg.", show_default="nothing is written")
    ] = None,
    tenant: TenantOption = BUSY,
    tls: Annotated[bool, typer.Option("--tls", help="Call with TLS, by the system's roots.")] = False,
    ca: Annotated[Path | None, typer.Option(help="Call with TLS, by the roots of this PEM file.")] = None,
    examples: Annotated[Path, typer.Option(help="Where the example tenants are.")] = Path("examples/tenants"),
    sure: Annotated[
        bool,
        typer.Option("--yes-not-loopback", help="The target is mine and may be loaded, though not on this machine."),
    ] = False,
) -> None:
    """Load a stack and judge it by ratios, which hold on any machine: each RPC against a health check of the same run.

    Without a target a stack of its own is started on this machine, with the companies that the parts need.

    The parts: `rpcs` sends each RPC at a gentle pace; `streams` times the first chunk and the gaps of text and speech;
    `overload` sends twice what the stack can serve; `neighbours` lets one company rush while another works on; `crowd`
    holds 200 conversations at once. On a running stack the last three are felt: name them to have them.

    Credentials of a running stack come from REPARTEE_TOKEN, a customer channel's, and REPARTEE_OPERATOR_TOKEN. Use a
    company made for tests: its conversations `load-…` stay until they expire.

    The exit code is 1 when a call failed or an RPC was slower than the table allows. docs/LOAD.md tells the rest.

    Examples:  repartee load --rpc Chat --rate 100 --seconds 10     repartee load --port-base 50051 --out out/load
    """

    async def work() -> Report:
        _refuse_unknown(rpc or ())
        pace = Pace(seconds=seconds, calls=calls, per_second=rate, concurrency=concurrency, connections=connections)
        sender = choose(driver, DRIVERS)
        async with AsyncExitStack() as exits:
            stack: Stack | None = None
            if target:
                found = named_services(target, tenant=tenant, ca_file=ca, tls=tls, allow_strangers=sure)
            elif port_base:
                found = local_stack(tenant, port_base)
            else:
                with console.status("Starting a stack…"):
                    stack, found = await exits.enter_async_context(own_stack(examples))
            scene = Scene(target=found, driver=sender, pace=pace, stack=stack, only=rpc or ())
            report = Report(
                target="an embedded stack of its own" if stack else ", ".join(found.addresses.values()),
                pace=pace,
                drivers=[await each.version() for each in {sender.name: sender, "own": OwnDriver()}.values()],
            )
            await _play(scene, part or (GENTLE if stack is None else tuple(Part)), report)
            return report

    report = run(work)
    _show(report, out)
    if report.shortfalls:
        raise typer.Exit(1)


async def _play(scene: Scene, parts: Sequence[Part], report: Report) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=scene.steps(parts))
        await play(scene, parts, report, lambda words: progress.update(bar, advance=1, description=words))


def _refuse_unknown(names: Sequence[str]) -> None:
    known = {each.method.partition("/")[2] for each in (*CALLS, *STREAMS)}
    reasons = {method.partition("/")[2]: reason for reason, methods in LEFT_OUT.items() for method in methods}
    wrong = [
        FieldViolation(name, f"not loaded: it {reasons[name]}" if name in reasons else "no RPC of that name")
        for name in names
        if name not in known
    ]
    if wrong:
        raise InvalidRequest("RPC_NOT_LOADED", f"These can be loaded: {', '.join(sorted(known))}.", violations=wrong)


def _show(report: Report, out: Path | None) -> None:
    for table in report.tables():
        console.print(table)
        console.print()
    for sentence in report.sentences():
        console.print(sentence, soft_wrap=True)
    for short in report.shortfalls:
        console.print(f"[bold red]short[/]  {short}", soft_wrap=True)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "load.md").write_text(report.markdown(), encoding="utf-8")
        caption = f"{report.target}; {'; '.join(report.drivers)}; {report.conditions['Cores']} cores"
        (out / "load.svg").write_text(picture(report.rpcs, report.streams, caption=caption), encoding="utf-8")
        console.print(f"Written to {out}/load.md and {out}/load.svg")
