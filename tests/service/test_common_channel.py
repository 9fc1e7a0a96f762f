"""What a channel adds to a call, and what it never does."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from opentelemetry.trace import SpanKind

from libs.common import request_context
from libs.common.channel import open_channel, service_config
from libs.common.errors import DeadlineExceeded
from libs.common.interceptors.outgoing import let_end
from libs.common.request_context import Budget, Principal, RequestContext, TenantId
from libs.common.settings import ServiceSettings
from libs.common.spans import RecordedSpan, RecordingTracer
from libs.common.telemetry import current_trace_id
from repartee.v1 import router_pb2, router_pb2_grpc
from tests.fakes.common_services import CLIENT, ROUTER, ScriptedRouter, running
from tests.fakes.ended_spans import EndedSpans

TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")


def context_with(seconds: float) -> RequestContext:
    return RequestContext(Principal("p", TenantId("acme")), "r-7", Budget.of(seconds), CLIENT)


async def test_a_call_hands_on_credential_request_id_and_what_is_left_of_the_deadline() -> None:
    async with running(authorization=None) as run:
        with request_context.use_context(context_with(2)):
            await run.chat.Chat(TURN)
        seen = run.router.seen.contexts[0]
        assert (seen.authorization, seen.request_id, seen.principal.tenant) == (CLIENT, "r-7", "acme")
        assert 1 < seen.budget.remaining() < 2


async def test_a_shorter_timeout_of_the_caller_wins_and_a_longer_one_does_not() -> None:
    async with running(authorization=None) as run:
        with request_context.use_context(context_with(2)):
            await run.chat.Chat(TURN, timeout=1)
            await run.chat.Chat(TURN, timeout=60)
        shorter, longer = (each.budget.remaining() for each in run.router.seen.contexts)
        assert shorter <= 1
        assert longer < 2


async def test_with_no_time_left_nothing_is_sent() -> None:
    async with running(authorization=None) as run:
        with request_context.use_context(context_with(0.001)), pytest.raises(DeadlineExceeded):
            await run.chat.Chat(TURN)
        assert run.router.seen.contexts == []


async def test_a_deadline_shrinks_from_hop_to_hop() -> None:
    async with running() as inner, open_channel(inner.target, services=[ROUTER]) as channel:
        following = router_pb2_grpc.RouterServiceStub(channel)

        async def chat(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
            return await following.Chat(request)

        async with running(ScriptedRouter(chat)) as outer:
            await outer.chat.Chat(TURN, timeout=5)
            first, second = outer.router.seen.contexts[0], inner.router.seen.contexts[0]
            assert second.budget.deadline < first.budget.deadline
            assert second.request_id == first.request_id


async def test_a_caller_that_leaves_cancels_every_hop() -> None:
    async def never(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with running(ScriptedRouter(never)) as inner, open_channel(inner.target, services=[ROUTER]) as channel:
        following = router_pb2_grpc.RouterServiceStub(channel)

        async def chat(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
            return await following.Chat(request)

        async with running(ScriptedRouter(chat)) as outer:
            call = asyncio.ensure_future(outer.chat.Chat(TURN))
            await inner.router.seen.started.wait()
            call.cancel()
            await asyncio.wait_for(inner.router.seen.cancelled.wait(), 5)
            with pytest.raises(asyncio.CancelledError):
                await call


async def test_one_trace_runs_through_every_hop() -> None:
    spans: list[RecordedSpan] = []
    tracer = RecordingTracer(spans.append)
    ids: list[str] = []

    async def remember(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        ids.append(current_trace_id())
        return router_pb2.ChatResponse(text="x")

    async with (
        running(ScriptedRouter(remember), tracer=tracer) as inner,
        open_channel(inner.target, services=[ROUTER], tracer=tracer) as channel,
    ):
        following = router_pb2_grpc.RouterServiceStub(channel)

        async def chat(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
            return await following.Chat(request)

        async with running(ScriptedRouter(chat), tracer=tracer) as outer:
            await outer.chat.Chat(TURN)
            request_ids = [each.router.seen.contexts[0].request_id for each in (outer, inner)]
    spans.sort(key=lambda span: span.start_ns)
    assert [span.kind.name for span in spans] == ["CLIENT", "SERVER", "CLIENT", "SERVER"]
    assert len({span.trace_id for span in spans}) == 1
    assert [span.parent_id for span in spans] == [0, *(span.span_id for span in spans[:-1])]
    assert ids == [spans[0].trace_id]
    # Who sends no request id finds the log by the trace.
    assert request_ids == ids * 2
    assert spans[1].attributes == {
        "rpc.system": "grpc",
        "rpc.service": "repartee.v1.RouterService",
        "rpc.method": "Chat",
        "rpc.grpc.status_code": 0,
        "rpc.response.status_code": "OK",
        "repartee.tenant": "acme",
        "repartee.request_id": ids[0],
    }


async def test_a_refused_call_marks_both_spans_without_the_customers_words() -> None:
    spans = EndedSpans()
    async with running(tracer=spans.tracer) as run:
        with pytest.raises(grpc.aio.AioRpcError):
            await run.chat.Chat(router_pb2.ChatRequest(conversation_id="private words", message="private words"))
        await spans.ended(2)
    assert {span.attributes["rpc.response.status_code"] for span in spans.kept} == {"INVALID_ARGUMENT"}
    # A request that is wrong is no fault of the server.
    assert {span.kind: span.is_error for span in spans.kept} == {SpanKind.CLIENT: True, SpanKind.SERVER: False}
    assert "INVALID_FIELD" in [span.attributes.get("repartee.reason") for span in spans.kept]
    assert "private" not in str([span.attributes for span in spans.kept])


async def test_a_cancelled_call_ends_both_spans() -> None:
    async def never(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        await asyncio.Event().wait()
        raise AssertionError

    spans = EndedSpans()
    async with running(ScriptedRouter(never), tracer=spans.tracer) as run:
        call = run.chat.Chat(TURN)
        await run.router.seen.started.wait()
        call.cancel()
        await spans.ended(2)
        with pytest.raises(asyncio.CancelledError):
            await call
    assert [span.attributes["rpc.response.status_code"] for span in spans.kept] == ["CANCELLED", "CANCELLED"]


async def test_spans_of_a_stream_end_with_its_last_message() -> None:
    spans = EndedSpans()
    async with running(tracer=spans.tracer) as run:
        stream = aiter(run.chat.StreamChat(router_pb2.StreamChatRequest(turn=TURN)))
        await anext(stream)
        assert [span.kind.name for span in spans.kept if span.kind.name == "CLIENT"] == []
        assert [each.sequence async for each in stream] == [1]
        await spans.ended(2)
    assert {span.attributes["rpc.response.status_code"] for span in spans.kept} == {"OK"}


async def test_a_stream_that_is_left_after_its_last_message_has_ended() -> None:
    spans = EndedSpans()
    async with running(tracer=spans.tracer) as run:
        call = run.chat.StreamChat(router_pb2.StreamChatRequest(turn=TURN))
        assert [(await call.read()).sequence for _ in range(2)] == [0, 1]
        await let_end(call)
        call.cancel()
        await spans.ended(2)
    assert {span.attributes["rpc.response.status_code"] for span in spans.kept} == {"OK"}


def test_only_calls_that_the_proto_calls_idempotent_are_retried_and_only_when_nobody_answered() -> None:
    config = service_config([ROUTER])
    (retried,) = config["methodConfig"]
    assert [each["method"] for each in retried["name"]] == [
        "Chat",
        "ListMessages",
        "AmendReply",
        "RateReply",
        "DeleteConversation",
    ]
    assert retried["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert config["healthCheckConfig"] == {"serviceName": "repartee.v1.RouterService"}
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    # All calls that one replica takes at once may be lost with it, and all of them are sent again.
    assert config["retryThrottling"]["maxTokens"] / 2 >= ServiceSettings().max_concurrent_calls


async def test_an_idempotent_call_survives_one_refusal_and_a_stream_does_not() -> None:
    """Counted at a plain gRPC server that is unavailable to every first attempt."""
    attempts: dict[str, int] = {"Chat": 0, "StreamChat": 0}

    class Flaky(router_pb2_grpc.RouterServiceServicer):
        async def Chat(  # noqa: N802
            self, request: router_pb2.ChatRequest, context: grpc.aio.ServicerContext
        ) -> router_pb2.ChatResponse:
            attempts["Chat"] += 1
            if attempts["Chat"] == 1:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "")
            return router_pb2.ChatResponse(text="second")

        async def StreamChat(  # noqa: N802
            self, request: router_pb2.StreamChatRequest, context: grpc.aio.ServicerContext
        ) -> AsyncIterator[router_pb2.StreamChatResponse]:
            attempts["StreamChat"] += 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "")
            yield router_pb2.StreamChatResponse()

    server = grpc.aio.server()
    router_pb2_grpc.add_RouterServiceServicer_to_server(Flaky(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with open_channel(f"127.0.0.1:{port}", services=[ROUTER], authorization=CLIENT) as channel:
            stub = router_pb2_grpc.RouterServiceStub(channel)
            assert (await stub.Chat(TURN)).text == "second"
            with pytest.raises(grpc.aio.AioRpcError):
                await anext(aiter(stub.StreamChat(router_pb2.StreamChatRequest(turn=TURN))))
    finally:
        await server.stop(None)
    assert attempts == {"Chat": 2, "StreamChat": 1}
