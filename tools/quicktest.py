"""`repartee quicktest`: is the stack well, and does each question reach the right agent?"""

import secrets
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from repartee.v1 import router_pb2, router_pb2_grpc
from tools.connection import PORTS, Connection, console, run
from tools.health import is_serving
from tools.stack import StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder

_DESCRIPTOR = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
_QUESTIONS = (("Comment automatiser mes emails?", "audrey"), ("Aide-moi à créer un reel Instagram", "carole"))


def quicktest(
    port_base: Annotated[
        int, typer.Option(help="Test the stack that runs there; without it, one is started for the test.")
    ] = 0,
    examples: Annotated[Path, typer.Option(help="Where the example tenants are.")] = Path("examples/tenants"),
) -> None:
    """Ask every service for its health, and two questions that two different agents must answer."""
    failed = run(lambda: _own_stack(examples) if port_base == 0 else _check(port_base))
    if failed:
        raise typer.Exit(1)


async def _own_stack(examples: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="repartee-") as state:
        async with running_stack(StackOptions(state=Path(state), port_base=free_port_base())) as stack:
            operator = Connection.for_operator(port_base=stack.options.port_base)
            await apply_folder(operator, examples, with_documents=True, reason="quick test")
            return await _check(stack.options.port_base)


async def _check(port_base: int) -> int:
    failed = 0
    for name, offset in PORTS.items():
        healthy = await is_serving("127.0.0.1", port_base + offset)
        failed += not healthy
        console.print(f"{_mark(healthy)}  {name} is {'serving' if healthy else 'not serving'}")
    client = Connection.for_tenant("escopines", port_base=port_base)
    async with client.open("router", _DESCRIPTOR) as channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        for question, agent in _QUESTIONS:
            reply = await stub.Chat(
                router_pb2.ChatRequest(conversation_id=f"quick-{secrets.token_hex(4)}", message=question)
            )
            right = reply.agent == agent
            failed += not right
            console.print(f"{_mark(right)}  {question} → {reply.agent} ({reply.confidence:.2f})")
    return failed


def _mark(good: bool) -> str:
    return "[green]pass[/]" if good else "[red]FAIL[/]"
