"""`repartee chat`: talk to a tenant's bot from the terminal."""

import asyncio
import contextlib
import hashlib
import secrets
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.markup import escape

from libs.common.status import from_rpc_error
from repartee.v1 import common_pb2, router_pb2, router_pb2_grpc
from tools.connection import (
    DEFAULT_PORT_BASE,
    Connection,
    HostOption,
    PortBaseOption,
    TenantOption,
    console,
    print_error,
    run,
)

# What a customer would press, after a reply.
_THUMBS = {"/bien": router_pb2.RATING_GOOD, "/mauvais": router_pb2.RATING_BAD}
_DESCRIPTOR = router_pb2.DESCRIPTOR.services_by_name["RouterService"]


def chat(
    message: Annotated[str, typer.Argument(help="One message; without it, a conversation until Ctrl-D.")] = "",
    tenant: TenantOption = "rue-du-gros",
    conversation: Annotated[str, typer.Option("--conversation", "-c", help="Go on with this conversation.")] = "",
    image: Annotated[
        list[Path] | None, typer.Option("--image", "-i", help="Attach a picture; its digest is sent, not the picture.")
    ] = None,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Send messages as a customer would, and see each reply with the rung, the engine and the cache that served it.

    In a conversation, `/image FILE…` attaches pictures (any name will do for trying things out); `/bien` and `/mauvais`
    rate the last reply.

    Examples:  repartee chat -t rue-du-gros  ·  repartee chat "Combien coûtent 6 paquets ?"  ·  repartee chat -i a.jpg
    """
    connection = Connection.for_tenant(tenant, host=host, port_base=port_base)
    conversation_id = conversation or f"cli-{secrets.token_hex(4)}"
    images = [attachment(path) for path in image or []]
    run(lambda: _chat(connection, conversation_id, message, images))


def attachment(path: Path) -> common_pb2.Attachment:
    """Returns the picture at `path` as an attachment; a file that is not there is told apart by its name."""
    content = path.read_bytes() if path.is_file() else str(path).encode()
    return common_pb2.Attachment(
        kind=common_pb2.Attachment.KIND_IMAGE, uri=path.name, sha256=hashlib.sha256(content).hexdigest()
    )


def served(reply: router_pb2.ChatResponse) -> str:
    """Returns how a reply came to be, in one line."""
    rung = router_pb2.Rung.Name(reply.rung).removeprefix("RUNG_").lower()
    variant = router_pb2.Variant.Name(reply.served_by).removeprefix("VARIANT_").lower()
    parts = [rung]
    if reply.cache.hit:
        parts.append(f"cache {reply.cache.type} {reply.cache.confidence:.2f}")
    elif reply.served_by:
        parts.append(variant)
    if reply.action:
        parts.append(reply.action)
    if reply.agent:
        parts.append(f"{reply.agent} {reply.confidence:.2f}")
    parts.extend(reply.reasons)
    return " · ".join(parts)


async def _chat(
    connection: Connection, conversation_id: str, message: str, images: list[common_pb2.Attachment]
) -> None:
    async with connection.open("router", _DESCRIPTOR) as channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        last_turn = ""

        async def say(text: str, attachments: list[common_pb2.Attachment]) -> None:
            nonlocal last_turn
            last_turn = secrets.token_hex(8)
            reply = await stub.Chat(
                router_pb2.ChatRequest(
                    conversation_id=conversation_id,
                    turn_id=last_turn,
                    message=text,
                    attachments=attachments,
                )
            )
            console.print(f"[bold]{escape(reply.text)}[/]", soft_wrap=True)
            console.print(f"[dim]{escape(served(reply))}[/]", soft_wrap=True)

        async def rate(rating: router_pb2.Rating) -> None:
            if not last_turn:
                console.print("[dim]There is no reply to rate yet.[/]")
                return
            request = router_pb2.RateReplyRequest(conversation_id=conversation_id, turn_id=last_turn, rating=rating)
            rated = await stub.RateReply(request)
            console.print("[dim]Noted.[/]" if rated.counted else "[dim]That reply was rated before.[/]")

        if message or images:
            await say(message, images)
            return
        console.print(
            f"[dim]Conversation {conversation_id}. Ctrl-D ends it; /image FILE attaches a picture, "
            "/bien and /mauvais rate the last reply.[/]"
        )
        async for line in lines():
            text, pictures = read_line(line)
            if not text and not pictures:
                continue
            try:
                if text in _THUMBS:
                    await rate(_THUMBS[text])
                else:
                    await say(text, pictures)
            except grpc.aio.AioRpcError as failure:
                # A message that is refused does not end the conversation; a stack that is gone does.
                if failure.code() is grpc.StatusCode.UNAVAILABLE:
                    raise
                print_error(from_rpc_error(failure))


def read_line(line: str) -> tuple[str, list[common_pb2.Attachment]]:
    """Returns the message and the pictures of one line: `/image a.jpg b.jpg` attaches two."""
    text = line.strip()
    command, _, names = text.partition(" ")
    if command != "/image":
        return text, []
    return "", [attachment(Path(name)) for name in names.split() or ["photo.jpg"]]


async def lines() -> AsyncIterator[str]:
    """Yields what is typed, until Ctrl-D. The thread that reads is a daemon: Ctrl-C does not wait for its line."""
    loop = asyncio.get_running_loop()
    while True:
        console.print("[green]vous >[/] ", end="")
        typed: asyncio.Future[str] = loop.create_future()
        threading.Thread(target=_type_into, args=(typed, loop), daemon=True).start()
        line = await typed
        if not line:
            return
        yield line


def _type_into(typed: asyncio.Future[str], loop: asyncio.AbstractEventLoop) -> None:
    line = sys.stdin.readline()

    def give() -> None:
        if not typed.done():
            typed.set_result(line)

    with contextlib.suppress(RuntimeError):  # the loop is closed after Ctrl-C
        loop.call_soon_threadsafe(give)
