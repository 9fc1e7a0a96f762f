"""The engine with its models switched off: every order is completed, and nothing connects to a provider."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

import grpc.aio
from pydantic import SecretStr

from benchmarks.figure import Figure
from benchmarks.fixed_conversations import CONVERSATIONS, Conversation
from benchmarks.prompt_cost import FolderPassages
from libs.common.request_context import TenantId, current
from libs.common.tenants.memory_source import MemoryTenantStore
from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc
from services.hybrid_engine.app import running
from services.hybrid_engine.settings import EngineSettings
from services.hybrid_engine.turn import Found, Vector
from tests.fakes.engine_parts import example_yaml

TENANTS = ("rue-du-gros", "escopines")


class CallersPassages:
    """The example documents of the tenant that asks."""

    def __init__(self) -> None:
        self._of = {tenant: FolderPassages(tenant) for tenant in TENANTS}

    async def find(self, question: str, *, agent: str, embedding: Vector | None) -> Found:
        """Finds passages among the caller's documents."""
        tenant = current().principal.require_tenant()
        return await self._of[tenant].find(question, agent=agent, embedding=embedding)


async def measure() -> list[Figure]:
    """Serves every conversation with LLM_MODE=disabled, beside a provider that counts who connects."""
    connections = 0

    def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(await asyncio.start_server(count, "127.0.0.1", 0))
        port = provider.sockets[0].getsockname()[1]
        tenants = MemoryTenantStore()
        for tenant in TENANTS:
            await tenants.put(TenantId(tenant), example_yaml(tenant), actor="bench", reason="measured")
        settings = EngineSettings(
            port=0,
            llm_base_url=f"http://127.0.0.1:{port}/v1",
            llm_model="any",
            llm_api_key=SecretStr("none"),
            llm_mode="disabled",
        )
        server = await stack.enter_async_context(running(settings, tenants=tenants, passages=CallersPassages()))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{server.port}"))
        engine = engine_pb2_grpc.EngineServiceStub(channel)
        served = [await _serve(engine, each) for each in CONVERSATIONS]
    replies = [text for texts, _ in served for text in texts]
    # Orders that end with the customer's yes.
    wanted = [phase for each, (_, phase) in zip(CONVERSATIONS, served, strict=True) if "oui" in each.messages]
    unfinished = sum(phase != "done" for phase in wanted)
    print(f"  {len(replies)} turns without a model, {len(wanted)} orders, {connections} connections to a provider")
    return [
        Figure("disabled_provider_connections", connections, "connections", ("==", 0)),
        Figure("disabled_silent_turns", sum(not text.strip() for text in replies), "turns", ("==", 0)),
        Figure("disabled_unfinished_orders", unfinished, "orders", ("==", 0)),
    ]


async def _serve(engine: "engine_pb2_grpc.EngineServiceAsyncStub", talk: Conversation) -> tuple[list[str], str]:
    texts: list[str] = []
    state = common_pb2.FlowState()
    for at, message in enumerate(talk.messages):
        picture = message.startswith("[image")
        digest = hashlib.sha256(message.encode()).hexdigest()
        image = common_pb2.Attachment(kind=common_pb2.Attachment.KIND_IMAGE, sha256=digest)
        turn = engine_pb2.GenerateAnswerRequest(
            conversation_id="c",
            turn_id=f"t{at}",
            text="" if picture else message,
            attachments=[image] if picture else [],
            state=state,
        )
        metadata = (("authorization", f"Bearer dev:{talk.tenant}"),)
        answer = (await engine.GenerateAnswer(turn, metadata=metadata, timeout=8)).answer
        texts.append(answer.text)
        state = answer.state
    return texts, state.phase


if __name__ == "__main__":
    for figure in asyncio.run(measure()):
        print(figure)
