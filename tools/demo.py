"""`repartee demo`: the whole product in one scripted conversation, every step checked."""

import asyncio
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from repartee.v1 import cache_pb2, cache_pb2_grpc, router_pb2, router_pb2_grpc
from tools.chat import attachment, served
from tools.connection import Connection, console, run
from tools.demo_script import ORDER, PRICE_QUESTION, script
from tools.say import speak
from tools.stack import Stack, StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder
from tools.up import table
from tools.waterfall import Span, read_spans, waterfall

_ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
_CACHE_ADMIN = cache_pb2.DESCRIPTOR.services_by_name["CacheAdminService"]


@dataclass(slots=True)
class Outcome:
    """What the script found so far."""

    failures: list[str] = field(default_factory=list[str])
    last: router_pb2.ChatResponse = field(default_factory=router_pb2.ChatResponse)

    def note(self, good: bool, expected: str) -> None:
        """Prints one verdict and keeps a failure."""
        console.print(f"  {'[green]✓[/]' if good else '[red]✗[/]'} [dim]{expected}[/]")
        if not good:
            self.failures.append(expected)


def demo(
    examples: Annotated[Path, typer.Option(help="Where the example tenants are.")] = Path("examples/tenants"),
    output: Annotated[Path, typer.Option(help="Where the spoken reply is written.")] = Path("out/reply.wav"),
    state: Annotated[
        Path | None, typer.Option(help="Keep data, logs and traces here.", show_default="a temporary folder")
    ] = None,
) -> None:
    """Start a stack of its own, play a day of two companies, and exit with 0 only if every step behaved."""
    if state is not None:
        kept = state.resolve()
        failures = run(lambda: _demo(examples, output, kept))
    else:
        with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
            failures = run(lambda: _demo(examples, output, Path(folder)))
    if failures:
        console.print(f"\n[bold red]{len(failures)} steps did not behave:[/]")
        for failure in failures:
            console.print(f"  {failure}")
        raise typer.Exit(1)
    console.print("\n[bold green]Every step behaved.[/]")


async def _demo(examples: Path, output: Path, state: Path) -> list[str]:
    options = StackOptions(state=state, port_base=free_port_base())
    began = time.monotonic()
    with console.status("Starting Valkey and six processes…") as starting:
        async with running_stack(options) as stack:
            starting.stop()
            console.print(table(stack))
            console.print(f"Healthy in {time.monotonic() - began:.1f} s\n")
            outcome = Outcome()
            operator = Connection.for_operator(port_base=options.port_base)
            await apply_folder(operator, examples, with_documents=True, reason="demo")
            await _play(stack, outcome)
            await _speak(stack, outcome, output)
            await _draw(stack, outcome)
            return outcome.failures


async def _play(stack: Stack, outcome: Outcome) -> None:
    names = {step.conversation: f"{step.conversation}-{secrets.token_hex(3)}" for step in script()}
    for step in script():
        if step.title:
            console.print(f"\n[bold]{step.title}[/]")
        pictures = "".join(f" 📎 {name}" for name in step.images)
        console.print(f"[green]{step.conversation} >[/] {step.message}{pictures}")
        if step.conversation == "koffi" and step.message == PRICE_QUESTION:
            await _wait_until_cached(stack, step.tenant, step.message)
        client = Connection.for_tenant(step.tenant, port_base=stack.options.port_base)
        async with client.open("router", _ROUTER) as channel:
            began = time.perf_counter()
            reply = await router_pb2_grpc.RouterServiceStub(channel).Chat(
                router_pb2.ChatRequest(
                    conversation_id=names[step.conversation],
                    user_id=step.conversation,
                    turn_id=secrets.token_hex(8),
                    message=step.message,
                    attachments=[attachment(Path(name)) for name in step.images],
                )
            )
            elapsed_ms = (time.perf_counter() - began) * 1000
        console.print(f"[cyan]bot >[/] {reply.text}", soft_wrap=True)
        console.print(f"  [dim]{served(reply)} · {elapsed_ms:.0f} ms[/]")
        outcome.note(step.check(reply), step.expected)
        outcome.last = reply


async def _wait_until_cached(stack: Stack, tenant: str, question: str) -> None:
    """An answer is kept after its reply has left, so a script that asks again at once must let it arrive."""
    operator = Connection.for_operator(port_base=stack.options.port_base)
    async with operator.open("cache", _CACHE_ADMIN) as channel:
        stub = cache_pb2_grpc.CacheAdminServiceStub(channel)
        request = cache_pb2.ExplainLookupRequest(
            lookup=cache_pb2.LookupAnswerRequest(tenant_id=tenant, query=question, locale="fr-CI")
        )
        for _ in range(40):
            if (await stub.ExplainLookup(request)).outcome == "exact":
                return
            await asyncio.sleep(0.05)


async def _speak(stack: Stack, outcome: Outcome, output: Path) -> None:
    console.print("\n[bold]A spoken reply[/]")
    client = Connection.for_tenant(ORDER, port_base=stack.options.port_base)
    text = "Votre colis part demain matin. Les 6 paquets coûtent 25.000 FCFA, merci de votre confiance."
    console.print(f"  {await speak(client, text, output, phrase='filler_ok')}")
    seconds = (output.stat().st_size - 44) / 2 / 8000
    outcome.note(2 < seconds < 30, f"the reply is {seconds:.1f} s of 8 kHz audio")


async def _draw(stack: Stack, outcome: Outcome) -> None:
    console.print("\n[bold]Where the time of the last turn went[/]")
    spans = await _spans(stack.options.state / "traces", outcome.last)
    console.print(waterfall(spans))
    services = {span.service for span in spans}
    outcome.note(
        {"router", "cache", "hybrid-engine", "rag"} <= services, f"one trace crosses {', '.join(sorted(services))}"
    )


async def _spans(folder: Path, reply: router_pb2.ChatResponse) -> list[Span]:
    """Returns the spans of a reply's trace; they are written within a second of the reply."""
    spans: list[Span] = []
    for _ in range(40):
        found = read_spans(folder, reply.trace_id)
        if (
            spans
            and len(found) == len(spans)
            and any(span.service == "router" and not span.parent_id for span in found)
        ):
            return found
        spans = found
        await asyncio.sleep(0.25)
    return spans
