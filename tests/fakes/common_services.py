"""Servicers with scripted behaviour, run in process behind everything that a server of ours adds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from opentelemetry.trace import Tracer

from libs.common import request_context
from libs.common.channel import open_channel
from libs.common.server import Registration, RunningServer, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import cache_pb2, cache_pb2_grpc, rag_pb2, rag_pb2_grpc, router_pb2, router_pb2_grpc

ROUTER = router_pb2.DESCRIPTOR.services_by_name["RouterService"]
RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
CACHE_ADMIN = cache_pb2.DESCRIPTOR.services_by_name["CacheAdminService"]

CLIENT = "Bearer dev:acme"
OPERATOR = "Bearer dev-operator"

Chat = Callable[[router_pb2.ChatRequest], Awaitable[router_pb2.ChatResponse]]


async def echo(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
    """Answers the tenant."""
    return router_pb2.ChatResponse(text=request_context.current().principal.require_tenant())


@dataclass
class Watched:
    """What a servicer saw."""

    contexts: list[request_context.RequestContext] = field(default_factory=list)
    metadata: list[Mapping[str, str | bytes]] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class ScriptedRouter(router_pb2_grpc.RouterServiceServicer):
    """Serves Chat and StreamChat by `chat`; leaves the rest unbuilt."""

    def __init__(self, chat: Chat = echo) -> None:
        self.chat = chat
        self.seen = Watched()

    async def Chat(self, request: router_pb2.ChatRequest, context: Any) -> router_pb2.ChatResponse:  # noqa: N802
        self.seen.contexts.append(request_context.current())
        self.seen.metadata.append(dict(context.invocation_metadata()))
        self.seen.started.set()
        try:
            return await self.chat(request)
        except asyncio.CancelledError:
            self.seen.cancelled.set()
            raise

    async def StreamChat(  # noqa: N802
        self, request: router_pb2.StreamChatRequest, context: Any
    ) -> AsyncIterator[router_pb2.StreamChatResponse]:
        self.seen.contexts.append(request_context.current())
        yield router_pb2.StreamChatResponse(sequence=0)
        self.seen.started.set()
        try:
            response = await self.chat(request.turn)
        finally:
            self.seen.cancelled.set()
        yield router_pb2.StreamChatResponse(sequence=1, delta={"text": response.text})


class ScriptedRag(rag_pb2_grpc.RagServiceServicer):
    """Serves StreamUpsertDocuments: one response a document."""

    async def StreamUpsertDocuments(  # noqa: N802
        self, requests: AsyncIterator[rag_pb2.StreamUpsertDocumentsRequest], context: Any
    ) -> AsyncIterator[rag_pb2.StreamUpsertDocumentsResponse]:
        tenant = request_context.current().principal.require_tenant()
        async for request in requests:
            result = rag_pb2.DocumentResult(document_id=request.document.document_id, reason=tenant)
            yield rag_pb2.StreamUpsertDocumentsResponse(result=result)


class ScriptedCacheAdmin(cache_pb2_grpc.CacheAdminServiceServicer):
    """Serves GetTenantStats."""

    async def GetTenantStats(  # noqa: N802
        self, request: cache_pb2.GetTenantStatsRequest, context: Any
    ) -> cache_pb2.GetTenantStatsResponse:
        return cache_pb2.GetTenantStatsResponse(miss_reasons={request_context.current().principal.require_tenant(): 1})


@dataclass
class Running:
    """A running server of all three, and the stubs of a client of it."""

    server: RunningServer
    router: ScriptedRouter
    channel: grpc.aio.Channel
    chat: router_pb2_grpc.RouterServiceStub
    rag: rag_pb2_grpc.RagServiceStub
    cache_admin: cache_pb2_grpc.CacheAdminServiceStub

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"


@contextlib.asynccontextmanager
async def running(
    router: ScriptedRouter | None = None,
    *,
    authorization: str | None = CLIENT,
    tracer: Tracer | None = None,
    settings: ServiceSettings | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """Runs the three services on a free port of loopback, with a client that sends `authorization`."""
    router = router or ScriptedRouter()
    registrations = [
        Registration(ROUTER, router_pb2_grpc.add_RouterServiceServicer_to_server, router),
        Registration(RAG, rag_pb2_grpc.add_RagServiceServicer_to_server, ScriptedRag()),
        Registration(CACHE_ADMIN, cache_pb2_grpc.add_CacheAdminServiceServicer_to_server, ScriptedCacheAdmin()),
    ]
    async with (
        running_server(
            settings or ServiceSettings(port=0, drain_seconds=0),
            name="router",
            registrations=registrations,
            tracer=tracer,
            **options,
        ) as server,
        open_channel(
            f"127.0.0.1:{server.port}",
            services=[ROUTER, RAG, CACHE_ADMIN],
            authorization=authorization,
            tracer=tracer,
        ) as channel,
    ):
        yield Running(
            server,
            router,
            channel,
            router_pb2_grpc.RouterServiceStub(channel),
            rag_pb2_grpc.RagServiceStub(channel),
            cache_pb2_grpc.CacheAdminServiceStub(channel),
        )
