"""`repartee replay`: record conversations, and run them through both engines again."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc, router_pb2, router_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.recording import Recording, read_recordings, write_recordings
from tools.replay_page import page
from tools.replaying import CLASSIC, ENGINES, HYBRID, Outcome, ReplayedTurn, replay, totals

_ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
_ENGINE = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]
_PAGE_SIZE = 200
_SHOWN_CHARACTERS = 24
_LEAST_WIDTHS = {"turn": 9, "states": 9}


class _FileOrVerb(TyperGroup):
    """Takes `replay FILE` for `replay run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["run", *args]
        return super().parse_args(ctx, args)


replays = typer.Typer(
    cls=_FileOrVerb,
    help="""Record conversations, and run them through both engines again: `repartee replay FILE`.

    Hybrid must decide as it did, bit for bit; the first turn where it does not ends with exit code 1.
    """,
    no_args_is_help=True,
)


@replays.command()
def record(
    conversations: Annotated[list[str], typer.Argument(help="The conversations to record.")],
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Their tenant.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; it will hold what customers said.")
    ],
    locale: Annotated[str, typer.Option(help="The language that the turns named.", show_default="the tenant's")] = "",
    channel: Annotated[str, typer.Option(help="The channel that the turns named.", show_default="the tenant's")] = "",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Write conversations of a running stack to a file."""

    async def work() -> None:
        operator = Connection.for_operator(host=host, port_base=port_base)
        async with operator.open("router", _ROUTER) as channel_:
            stub: Any = router_pb2_grpc.RouterServiceStub(channel_)
            found = [
                Recording(tenant, each, await _messages(stub, tenant, each), locale, channel) for each in conversations
            ]
        write_recordings(found, output)
        count = sum(len(each.messages) for each in found)
        console.print(f"{count} messages of {len(found)} conversations are in {escape(str(output))}.", soft_wrap=True)

    run(work)


@replays.command("run", hidden=True)
def run_file(
    file: Annotated[Path, typer.Argument(help="A recording.")],
    html: Annotated[Path | None, typer.Option(help="Draw the comparison as a page of its own, too.")] = None,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Run recorded conversations through both engines of a running stack, and compare."""

    async def work() -> list[ReplayedTurn]:
        operator = Connection.for_operator(host=host, port_base=port_base)
        return await _replay_all(operator, read_recordings(file))

    turns = run(work)
    console.print(turns_table(turns))
    console.print(totals_table(turns))
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page(turns, title=file.stem), encoding="utf-8")
        console.print(f"The page is {escape(str(html))}.", soft_wrap=True)
    first = next((turn for turn in turns if not turn.is_faithful), None)
    if first is not None:
        console.print(f"[bold red]Hybrid decides otherwise than it did:[/] {escape(difference(first))}", soft_wrap=True)
        raise typer.Exit(1)
    compared = sum(turn.by_engine and bool(turn.recorded_digest) for turn in turns)
    console.print(f"[bold green]Hybrid decides {compared} of {compared} turns as it did, bit for bit.[/]")


def difference(turn: ReplayedTurn) -> str:
    """Returns where a replay left its recording."""
    now = turn.outcomes[HYBRID]
    got = now.failure or f"{now.action}, state {now.digest[:12]}"
    return f"turn {turn.name} was {turn.turn.reply.action}, state {turn.recorded_digest[:12]}, and is now {got}."


def turns_table(turns: Sequence[ReplayedTurn]) -> Table:
    """Returns a row for each turn, with a line between conversations."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("turn", "states", "said", "recorded", *(f"{name}, ms" for name in ENGINES)):
        # On a narrow screen the words give way, not the names.
        table.add_column(column, no_wrap=True, overflow="ellipsis", min_width=_LEAST_WIDTHS.get(column))
    for at, turn in enumerate(turns):
        action = escape(turn.turn.reply.action)
        table.add_row(
            escape(turn.turn.said.turn_id),
            _sameness(turn),
            escape(_short(turn.turn.said)),
            action if turn.by_engine else f"[dim]{action}[/]",
            *(_cell(turn.outcomes[name]) for name in ENGINES),
            end_section=at + 1 < len(turns) and turns[at + 1].conversation != turn.conversation,
        )
    return table


def totals_table(turns: Sequence[ReplayedTurn]) -> Table:
    """Returns both engines side by side."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", *ENGINES):
        table.add_column(column, justify="left" if not column else "right")
    left, right = totals(turns, CLASSIC), totals(turns, HYBRID)
    table.add_row("turns answered", str(left.answered), str(right.answered))
    table.add_row("turns failed", str(left.failed), str(right.failed))
    table.add_row("mean time", f"{left.mean_seconds * 1000:.1f} ms", f"{right.mean_seconds * 1000:.1f} ms")
    table.add_row("95 % within", f"{left.p95_seconds * 1000:.1f} ms", f"{right.p95_seconds * 1000:.1f} ms")
    table.add_row("tokens", str(left.tokens), str(right.tokens))
    table.add_row("cost", f"{left.cost_micro_usd / 1e6:.6f} $", f"{right.cost_micro_usd / 1e6:.6f} $")
    return table


async def _replay_all(operator: Connection, recordings: Sequence[Recording]) -> list[ReplayedTurn]:
    async with AsyncExitStack() as stack:
        engines: dict[str, Any] = {}
        for name in ENGINES:
            channel = await stack.enter_async_context(operator.open(f"{name}-engine", _ENGINE))
            engines[name] = engine_pb2_grpc.EngineServiceStub(channel)
        bar = Progress(
            TextColumn("Replaying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task("", total=sum(len(list(each.turns())) for each in recordings))
            turns: list[ReplayedTurn] = []
            for recording in recordings:
                turns += await replay(recording, engines, after_turn=lambda _: bar.advance(task))
                await asyncio.sleep(0)
            return turns


async def _messages(stub: Any, tenant: str, conversation: str) -> list[common_pb2.Message]:
    """Returns a whole conversation, oldest first: pages come newest first."""
    messages: list[common_pb2.Message] = []
    token = ""
    while True:
        request = router_pb2.ListMessagesRequest(
            tenant_id=tenant, conversation_id=conversation, page_size=_PAGE_SIZE, page_token=token
        )
        page_ = await stub.ListMessages(request)
        messages[:0] = page_.messages
        token = page_.next_page_token
        if not token:
            return messages


def _short(said: common_pb2.Message) -> str:
    text = " ".join(said.text.split()) + " 📎" * len(said.attachments)
    return text.strip() if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _cell(outcome: Outcome) -> str:
    if outcome.failure:
        return f"[red]{escape(outcome.failure)}[/]"
    return f"[dim]{outcome.seconds * 1000:5.0f}[/] {escape(outcome.action)}"


def _sameness(turn: ReplayedTurn) -> str:
    if not turn.is_faithful:
        return "[bold red]changed[/]"
    if not turn.by_engine:
        return "[dim]no engine[/]"
    if turn.outcomes[CLASSIC].failure or turn.outcomes[HYBRID].failure:
        return "[green]as then[/]"
    return "[green]same[/]" if turn.agrees else "[yellow]differ[/]"
