"""`repartee up`: the whole stack on this machine, with a live table of how each service is."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from tools.child import resident_mib
from tools.connection import DEFAULT_PORT_BASE, PortBaseOption, console, run
from tools.stack import MODULES, Stack, StackOptions, running_stack

# What shells report for a command that Ctrl-C ended.
_INTERRUPTED = 130


def default_state() -> Path:
    """Returns the folder that keeps everything of an embedded stack."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "repartee"


def up(
    only: Annotated[
        str, typer.Option(help=f"Start these alone, separated by commas: {', '.join(MODULES)}.", show_default="all")
    ] = "",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
    state: Annotated[
        Path | None, typer.Option(help="Folder for data, logs and traces.", show_default="~/.local/state/repartee")
    ] = None,
    redis_url: Annotated[
        str, typer.Option(help="Use this Redis in place of an embedded Valkey.", envvar="REPARTEE_REDIS_URL")
    ] = "",
    hybrid: Annotated[
        bool, typer.Option("--hybrid/--classic", help="Which engine gets the traffic, unless USE_HYBRID_BOTLIVE says.")
    ] = True,
    with_fake_llm: Annotated[
        bool, typer.Option("--with-fake-llm", help="Let a double of a language model word replies, on this machine.")
    ] = False,
    traces: Annotated[bool, typer.Option("--traces/--no-traces", help="Keep traces in the state folder.")] = True,
) -> None:
    """Start the stack, wait until it is healthy, and show it. Ctrl-C stops everything (exit 0; 130 while starting).

    With nothing installed: an embedded Valkey keeps conversations and answers, Qdrant's engine runs inside the rag
    process, and everything works without a key or a network. Set REPARTEE_… variables to use your own servers.

    Then, in another terminal:  repartee tenants apply examples/tenants  ·  repartee chat -t rue-du-gros
    """
    names = [name.strip() for name in only.split(",") if name.strip()] or list(MODULES)
    if unknown := [name for name in names if name not in MODULES]:
        raise typer.BadParameter(f"no service is called {', '.join(unknown)}; there are {', '.join(MODULES)}.")
    options = StackOptions(
        state=(state or default_state()).resolve(),
        port_base=port_base,
        only=names,
        redis_url=redis_url,
        hybrid=hybrid,
        fake_llm=with_fake_llm,
        traces=traces,
    )
    run(lambda: _up(options))


async def _up(options: StackOptions) -> None:
    stop, healthy = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.ensure_future(_show_until(options, stop, healthy))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        # A signal while starting, or while showing: the block is left and everything in it stops.
        starting.cancel()
        console.print("Stopping…")
    await asyncio.gather(starting, return_exceptions=not starting.done())
    if not healthy.is_set():
        raise typer.Exit(_INTERRUPTED)


async def _show_until(options: StackOptions, stop: asyncio.Event, healthy: asyncio.Event) -> None:
    with console.status("Starting the stack…") as starting:
        async with running_stack(options) as stack:
            starting.stop()
            healthy.set()
            slowest = max(child.healthy_after_seconds for child in stack.children)
            said = f"Healthy in {slowest:.1f} s. State: {options.state}."
            if console.is_terminal:
                console.print(f"{said} Ctrl-C stops everything.")
                await _show_live(stack, stop)
            else:
                console.print(table(stack))
                console.print(said)
                await stop.wait()


async def _show_live(stack: Stack, stop: asyncio.Event) -> None:
    with Live(table(stack), console=console, auto_refresh=False) as live:
        while not stop.is_set():
            await stack.watch()
            live.update(table(stack), refresh=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await stop.wait()


def table(stack: Stack) -> Table:
    """Returns the picture of a stack: services, ports, health, memory."""
    rows = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("service", "address", "health", "pid", "memory"):
        # In a narrow terminal the last columns give way before a name or a port does.
        width = {"service": 14, "address": 15, "health": 7}.get(column)
        justify = "right" if column in ("pid", "memory") else "left"
        rows.add_column(column, justify=justify, min_width=width, max_width=28, no_wrap=True)
    colours = {"serving": "green", "starting": "yellow"}
    for child in stack.children:
        colour = colours.get(child.health, "red")
        rows.add_row(
            child.name,
            f"127.0.0.1:{child.port}",
            f"[{colour}]{child.health}[/]",
            str(child.process.pid),
            f"{child.resident_mib():.0f} MiB",
        )
    if stack.fake_llm is not None:
        rows.add_row("fake-llm", stack.fake_llm.base_url.removeprefix("http://"), "[green]serving[/]", "", "")
    if stack.redis_pid is not None:
        rows.add_row(
            "valkey",
            stack.redis_url,
            "[green]embedded[/]",
            str(stack.redis_pid),
            f"{resident_mib(stack.redis_pid):.0f} MiB",
        )
    else:
        rows.add_row("redis", "given", "[green]external[/]", "", "")
    return rows
