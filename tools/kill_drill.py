"""`repartee drill kill`: a process of a stack of its own dies under traffic, and what customers saw is printed."""

import asyncio
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import grpc.aio
import typer
from rich.table import Table

from repartee.v1 import router_pb2, router_pb2_grpc
from tools.connection import Connection, console, run
from tools.stack import Stack, StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder

_ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
_TENANT = "rue-du-gros"
_MESSAGES = ("Bonjour", "Je veux commander", "Quels sont vos horaires ?", "Livrez-vous à Cocody ?", "merci")
KILLABLE = ("hybrid-engine", "classic-engine", "rag", "cache", "router")
_CUSTOMERS = 6
_TURN_SECONDS, _AGAIN_SECONDS = 4.0, 0.05


@dataclass
class Seen:
    """What customers saw of one death: turns by what served them, calls sent again, and the longest wait."""

    service: str
    rungs: Counter[str] = field(default_factory=Counter[str])
    unanswered: int = 0
    sent_again: int = 0
    slowest_seconds: float = 0.0


def drill_kill(
    service: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {', '.join(KILLABLE)}.", show_default="each in turn")
    ] = None,
    calm_seconds: Annotated[float, typer.Option("--calm", help="Traffic before and after each death.", min=0.2)] = 1.0,
    dead_seconds: Annotated[float, typer.Option("--dead", help="How long it stays away.", min=0.2)] = 1.0,
) -> None:
    """Kill processes with -9 under the traffic of six customers, and print what these saw. Exit 1 if one got no reply.

    The stack is the drill's own. A call that finds no router is sent again with its turn_id, as clients should.

    Example:  repartee drill kill hybrid-engine --dead 3
    """
    services = tuple(service or KILLABLE)
    if unknown := set(services) - set(KILLABLE):
        raise typer.BadParameter(f"no service is called {', '.join(sorted(unknown))}; there are {', '.join(KILLABLE)}.")
    seen = run(lambda: play(services, calm_seconds=calm_seconds, dead_seconds=dead_seconds))
    console.print(table(seen))
    if silent := [each.service for each in seen if each.unanswered]:
        console.print(f"[bold red]Customers got no reply while {', '.join(silent)} was away.[/]")
        raise typer.Exit(1)
    console.print("[bold green]Every message got a reply.[/]")


async def play(services: Sequence[str], *, calm_seconds: float, dead_seconds: float) -> list[Seen]:
    """Kills each of `services` once on a stack of its own, and returns what was seen, in their order."""
    with tempfile.TemporaryDirectory(prefix="repartee-kill-") as folder:
        options = StackOptions(state=Path(folder), port_base=free_port_base(), fake_llm=True, traces=False)
        async with running_stack(options) as stack:
            operator = Connection.for_operator(port_base=options.port_base)
            await apply_folder(operator, Path("examples/tenants"), with_documents=True, reason="drill")
            return [
                await _one(stack, operator, each, calm_seconds=calm_seconds, dead_seconds=dead_seconds)
                for each in services
            ]


def table(seen: Sequence[Seen]) -> Table:
    """Returns a row for each death."""
    rungs = [name for name, _ in router_pb2.Rung.items() if any(each.rungs[name] for each in seen)]
    rows = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("killed", *(name.removeprefix("RUNG_").lower() for name in rungs), "no reply", "sent again"):
        rows.add_column(column, justify="left" if column == "killed" else "right")
    rows.add_column("longest wait", justify="right")
    for each in seen:
        counts = [str(each.rungs[name]) for name in rungs]
        rows.add_row(each.service, *counts, str(each.unanswered), str(each.sent_again), f"{each.slowest_seconds:.2f} s")
    return rows


async def _one(stack: Stack, operator: Connection, service: str, *, calm_seconds: float, dead_seconds: float) -> Seen:
    seen, over = Seen(service), asyncio.Event()
    async with operator.open("router", _ROUTER) as channel, asyncio.TaskGroup() as customers:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        for _ in range(_CUSTOMERS):
            customers.create_task(_talk(stub, seen, over))
        try:
            await asyncio.sleep(calm_seconds)
            with console.status(f"{service} is dead…"):
                await stack.kill(service)
                await asyncio.sleep(dead_seconds)
                await stack.restart(service)
            await asyncio.sleep(calm_seconds)
        finally:
            over.set()
    return seen


async def _talk(stub: Any, seen: Seen, over: asyncio.Event) -> None:
    conversation, number = f"drill-{secrets.token_hex(6)}", 0
    while not over.is_set():
        number += 1
        request = router_pb2.ChatRequest(
            tenant_id=_TENANT,
            conversation_id=conversation,
            turn_id=f"t{number}",
            message=_MESSAGES[number % len(_MESSAGES)],
        )
        began = time.monotonic()
        reply = await _reply(stub, request, seen, until=began + 2 * _TURN_SECONDS)
        seen.slowest_seconds = max(seen.slowest_seconds, time.monotonic() - began)
        if reply is None or not reply.text:
            seen.unanswered += 1
        else:
            seen.rungs[router_pb2.Rung.Name(reply.rung)] += 1


async def _reply(stub: Any, request: router_pb2.ChatRequest, seen: Seen, *, until: float) -> Any:
    while time.monotonic() < until:
        try:
            return await stub.Chat(request, timeout=_TURN_SECONDS)
        except grpc.aio.AioRpcError as failure:
            if failure.code() is not grpc.StatusCode.UNAVAILABLE:
                return None
        seen.sent_again += 1
        await asyncio.sleep(_AGAIN_SECONDS)
    return None
