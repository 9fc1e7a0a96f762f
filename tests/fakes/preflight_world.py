"""A stack that is ready for customers, and says whatever else it is told to say."""

import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from repartee.v1 import (
    cache_pb2,
    common_pb2,
    engine_pb2,
    rag_pb2,
    rollout_pb2,
    router_pb2,
    tenants_pb2,
    voice_pb2,
)
from tools.connection import Connection
from tools.preflight_site import Site

TENANT = "rue-du-gros"
BUNDLE = Path(__file__).parent.parent.parent / "examples" / "tenants" / TENANT / "tenant.yaml"
_UP = common_pb2.Dependency.STATE_UP
_FILES = (cache_pb2, common_pb2, engine_pb2, rag_pb2, rollout_pb2, router_pb2, tenants_pb2, voice_pb2)
_METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in _FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
_VARIANTS = {"classic": router_pb2.VARIANT_CLASSIC, "hybrid": router_pb2.VARIANT_HYBRID}

Answer = Callable[[Any, Mapping[str, str]], Message]


class Refused(Exception):
    """What a fake call ends with."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass
class World:
    """What every call answers, by method name; changed at will before the checks look."""

    answers: dict[str, Answer]
    redis_url: str
    operator: Connection = field(default_factory=Connection)
    metrics: tuple[str, ...] = ()
    replicas: tuple[str, ...] = ()
    turns: int = 0

    def site(self, *, tenant: str = "") -> Site:
        """Returns the world as the preflight sees it."""
        return Site(self.operator, tenant, redis_url=self.redis_url, metrics=self.metrics, replicas=self.replicas)

    def says(self, method: str, **fields: Any) -> None:
        """Changes fields of what a method answers from now on."""
        usual = self.answers[method]

        def changed(request: Any, metadata: Mapping[str, str]) -> Message:
            answer = usual(request, metadata)
            changes = type(answer)(**fields)
            for name in fields:
                answer.ClearField(name)
            answer.MergeFrom(changes)
            return answer

        self.answers[method] = changed

    def refuses(self, method: str, code: grpc.StatusCode) -> None:
        """Lets a method fail."""

        def refuse(request: Any, metadata: Mapping[str, str]) -> Message:
            raise Refused(code)

        self.answers[method] = refuse

    def counts(self, method: str, name: str) -> None:
        """Lets a field of an answer grow with each call, as if two replicas differed."""
        usual, calls = self.answers[method], iter(range(1, 1000))

        def counted(request: Any, metadata: Mapping[str, str]) -> Message:
            answer: Any = usual(request, metadata)
            number = next(calls)
            if name == "version" and isinstance(answer, common_pb2.GetStatusResponse):
                answer.version = f"0.{number}.0"
            else:
                answer.state.version = number
            return answer

        self.answers[method] = counted


class OneServer(Connection):
    """Every service at one address; `host` is what the preflight believes."""

    __slots__ = ()

    def target(self, service: str) -> str:
        """Returns the address of the only server."""
        del service
        return f"127.0.0.1:{self.port_base}"


@contextlib.asynccontextmanager
async def preflight_world(redis_url: str) -> AsyncGenerator[World]:
    """A stack that is ready, on one server."""
    world = World(_usual_answers(), redis_url)
    world.answers["Chat"] = lambda request, metadata: _chat(world, metadata)
    world.answers["ListMessages"] = lambda request, metadata: _messages(world)
    world.answers["DeleteConversation"] = lambda request, metadata: _forget(world)
    server, health = grpc.aio.server(), HealthServicer()
    for name in {each.containing_service.full_name for each in _METHODS.values()}:
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    server.add_generic_rpc_handlers((_Handlers(world),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    world.operator = OneServer("127.0.0.1", port, "Bearer issued")
    with _metrics_endpoint() as place:
        world.metrics = (place,)
        try:
            yield world
        finally:
            await server.stop(None)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, world: World) -> None:
        self._world = world

    def service(self, handler_call_details: Any) -> Any:
        """Answers each method of the contracts by its name."""
        method = _METHODS.get(handler_call_details.method)
        if method is None:
            return None
        metadata = {str(key): str(value) for key, value in handler_call_details.invocation_metadata}

        async def unary(request: Any, context: Any) -> Message:
            try:
                return self._world.answers[method.name](request, metadata)
            except Refused as refused:
                await context.abort(refused.code, "as told")
                raise

        async def stream(request: Any, context: Any) -> AsyncGenerator[Message]:
            yield await unary(request, context)

        make, work = (
            (grpc.unary_stream_rpc_method_handler, stream)
            if method.server_streaming
            else (grpc.unary_unary_rpc_method_handler, unary)
        )
        return make(
            work,  # type: ignore[arg-type]
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )


def _usual_answers() -> dict[str, Answer]:
    embedding = common_pb2.Embedding(embedder_id="local-1")
    usual: dict[str, Message] = {
        "GetRollout": rollout_pb2.GetRolloutResponse(
            state=rollout_pb2.RolloutState(hybrid_enabled=True, percent=10, version=4, source="api")
        ),
        "GetMetrics": rollout_pb2.GetMetricsResponse(comparison=rollout_pb2.Comparison(recommendation="equivalent")),
        "ListAudit": rollout_pb2.ListAuditResponse(chain_intact=True),
        "ListTenants": tenants_pb2.ListTenantsResponse(tenants=[tenants_pb2.Tenant(tenant_id=TENANT)]),
        "GetTenant": tenants_pb2.GetTenantResponse(
            tenant=tenants_pb2.Tenant(tenant_id=TENANT, version=1, actor="alice", bundle_yaml=BUNDLE.read_text())
        ),
        "QueryUsage": tenants_pb2.QueryUsageResponse(),
        "ListTiers": engine_pb2.ListTiersResponse(),
        "LookupAnswer": cache_pb2.LookupAnswerResponse(miss_reason="NO_CANDIDATE", embedding=embedding),
        "RetrievePassages": rag_pb2.RetrievePassagesResponse(embedding=embedding),
        "ListDocuments": rag_pb2.ListDocumentsResponse(
            documents=[rag_pb2.DocumentSummary(document_id="tarifs", status="indexed")]
        ),
        "GetPatterns": rag_pb2.GetPatternsResponse(patterns=[rag_pb2.Pattern(field="prix")], version=1),
        "Say": voice_pb2.SayResponse(chunk=voice_pb2.AudioChunk(samples=b"\0" * 320)),
        "ListPhrases": voice_pb2.ListPhrasesResponse(phrases=[voice_pb2.Phrase(key="greet", ready=True)]),
    }
    answers: dict[str, Answer] = {name: always(answer) for name, answer in usual.items()}
    answers["GetStatus"] = lambda request, metadata: _status(metadata)
    return answers


def always(answer: Message) -> Answer:
    def copy(request: Any, metadata: Mapping[str, str]) -> Message:
        other = type(answer)()
        other.CopyFrom(answer)
        return other

    return copy


def _status(metadata: Mapping[str, str]) -> Message:
    if metadata["authorization"] != "Bearer issued":
        raise Refused(grpc.StatusCode.UNAUTHENTICATED)
    return common_pb2.GetStatusResponse(
        version="0.1.0",
        dependencies=[
            common_pb2.Dependency(name="isolation", state=_UP),
            common_pb2.Dependency(name="certificate", state=_UP, detail="valid until 2030-01-01"),
        ],
    )


def _chat(world: World, metadata: Mapping[str, str]) -> Message:
    world.turns += 1
    variant = _VARIANTS[metadata.get("x-repartee-variant", "hybrid")]
    return router_pb2.ChatResponse(
        text="Bonjour", served_by=variant, stored=router_pb2.STORED_DURABLE, trace_id="0" * 32
    )


def _messages(world: World) -> router_pb2.ListMessagesResponse:
    messages = [common_pb2.Message(text="Bonjour") for _ in range(2 * world.turns)]
    for each in messages:
        each.create_time.FromNanoseconds(time.time_ns())
    return router_pb2.ListMessagesResponse(messages=messages)


def _forget(world: World) -> Message:
    world.turns = 0
    return router_pb2.DeleteConversationResponse(deleted_count=1)


@contextlib.contextmanager
def _metrics_endpoint() -> Any:
    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"repartee_turns_total 1\n")

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Metrics)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
