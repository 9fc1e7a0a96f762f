"""Processes killed with -9 on a running stack: a turn still ends with an answer, and says how."""

import os
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from repartee.v1 import common_pb2, router_pb2, router_pb2_grpc
from tools.connection import Connection
from tools.stack import Stack, StackOptions, free_port_base, running_stack
from tools.tenants import apply_folder

ROOT = Path(__file__).parent.parent.parent
TENANT = "rue-du-gros"
ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
QUESTION = "Quels sont vos horaires ?"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    options = StackOptions(state=tmp_path, port_base=free_port_base())
    async with running_stack(options) as running:
        operator = Connection.for_operator(port_base=options.port_base)
        await apply_folder(operator, ROOT / "examples" / "tenants", with_documents=True, reason="test")
        yield running


async def kill(stack: Stack, name: str) -> None:
    child = next(child for child in stack.children if child.name == name)
    child.process.kill()
    await child.process.wait()


async def ask(
    stack: Stack, message: str, *, conversation: str = "", turn_id: str = "", image: str = ""
) -> router_pb2.ChatResponse:
    client = Connection.for_tenant(TENANT, port_base=stack.options.port_base)
    attachments = [common_pb2.Attachment(kind=common_pb2.Attachment.KIND_IMAGE, uri=image)] if image else []
    async with client.open("router", ROUTER) as channel:
        reply = await router_pb2_grpc.RouterServiceStub(channel).Chat(
            router_pb2.ChatRequest(
                conversation_id=conversation or secrets.token_hex(6),
                turn_id=turn_id,
                message=message,
                attachments=attachments,
            ),
            timeout=5,
        )
    assert reply.text
    return reply


async def test_without_the_cache_the_engine_answers(stack: Stack) -> None:
    await kill(stack, "cache")
    reply = await ask(stack, QUESTION)
    assert reply.cache.miss_reason == "CACHE_UNAVAILABLE"
    assert "8h" in reply.text


async def test_without_rag_the_order_goes_on(stack: Stack) -> None:
    await kill(stack, "rag")
    reply = await ask(stack, "Voici la photo", image="colis.jpg")
    assert reply.action == "ask_payment"
    assert "RETRIEVAL_UNAVAILABLE" in (await ask(stack, QUESTION)).reasons


async def test_without_any_engine_the_next_missing_slot_is_asked_for(stack: Stack) -> None:
    """The photo is not asked for again once it is there."""
    await ask(stack, "Voici la photo", conversation="order", image="colis.jpg")
    await kill(stack, "hybrid-engine")
    await kill(stack, "classic-engine")
    reply = await ask(stack, "ok", conversation="order")
    assert reply.rung == router_pb2.RUNG_EMERGENCY
    assert "+225 0787360757" in reply.text
    assert (await ask(stack, "bonjour")).text == "Envoyez photo du paquet 📦"


async def test_without_redis_the_reply_leaves_and_says_that_it_is_not_kept_yet(stack: Stack) -> None:
    assert stack.redis_pid is not None
    await ask(stack, "Voici la photo", conversation="order", image="colis.jpg")
    os.kill(stack.redis_pid, signal.SIGKILL)
    reply = await ask(stack, "", conversation="order", image="capture.png")
    assert reply.stored == router_pb2.STORED_PENDING
    # The order is where it was: its state is remembered by the router that served it.
    assert reply.action == "ask_zone"


async def test_with_everything_behind_the_router_dead_it_still_answers(stack: Stack) -> None:
    assert stack.redis_pid is not None
    await ask(stack, "bonjour")
    for name in ("cache", "rag", "hybrid-engine", "classic-engine"):
        await kill(stack, name)
    os.kill(stack.redis_pid, signal.SIGKILL)
    reply = await ask(stack, QUESTION)
    assert reply.rung == router_pb2.RUNG_EMERGENCY


async def test_what_was_durable_survives_a_killed_router_and_a_retry_has_one_effect(stack: Stack) -> None:
    first = await ask(stack, "Voici la photo", conversation="order", turn_id="t1", image="colis.jpg")
    assert first.stored == router_pb2.STORED_DURABLE
    await kill(stack, "router")
    stack.children = [child for child in stack.children if child.name != "router"]
    options = StackOptions(
        state=stack.options.state, port_base=stack.options.port_base, only=["router"], redis_url=stack.redis_url
    )
    async with running_stack(options):
        again = await ask(stack, "Voici la photo", conversation="order", turn_id="t1", image="colis.jpg")
        assert again.replayed
        assert again.text == first.text
        onwards = await ask(stack, "", conversation="order", turn_id="t2", image="capture.png")
        assert onwards.action == "ask_zone"
        assert onwards.state.event_count == 2
