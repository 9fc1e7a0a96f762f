"""What every call passes through: statuses, credentials, tenants, deadlines, cancellation, streams."""

import asyncio
import logging

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2

from libs.common.errors import ErrorKind, NotFound
from libs.common.settings import ServiceSettings
from libs.common.status import RemoteError, from_rpc_error
from repartee.v1 import cache_pb2, rag_pb2, rag_pb2_grpc, router_pb2, router_pb2_grpc
from tests.fakes.common_services import CLIENT, OPERATOR, ScriptedRouter, running

Code = grpc.StatusCode
TURN = router_pb2.ChatRequest(conversation_id="c", message="bonjour")


async def refusal(call: grpc.aio.UnaryUnaryCall) -> RemoteError:
    """Returns how `call` failed, which it must."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def never(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_call_is_served_for_the_credentials_tenant() -> None:
    async with running() as run:
        assert (await run.chat.Chat(TURN)).text == "acme"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "CREDENTIAL_MISSING"),
        ([("authorization", "Bearer nobody")], "CREDENTIAL_UNKNOWN"),
        ([("authorization", CLIENT), ("authorization", CLIENT)], "CREDENTIAL_MISSING"),
        ([("authorization", CLIENT), ("authorization", OPERATOR)], "CREDENTIAL_MISSING"),
    ],
)
async def test_exactly_one_known_credential_is_demanded(metadata: list[tuple[str, str]], reason: str) -> None:
    async with running(authorization=None) as run:
        error = await refusal(run.chat.Chat(TURN, metadata=metadata))
        assert (error.code, error.reason) == (Code.UNAUTHENTICATED, reason)


async def test_a_foreign_tenant_in_the_body_is_refused() -> None:
    async with running() as run:
        error = await refusal(run.chat.Chat(router_pb2.ChatRequest(tenant_id="other", conversation_id="c")))
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "TENANT_MISMATCH")
        assert run.router.seen.contexts == []


async def test_an_operator_acts_on_the_tenant_it_names_and_on_none_otherwise() -> None:
    async with running(authorization=OPERATOR) as run:
        assert (await run.chat.Chat(router_pb2.ChatRequest(tenant_id="shop", conversation_id="c"))).text == "shop"
        error = await refusal(run.chat.Chat(TURN))
        assert (error.reason, error.violations[0].field) == ("REQUIRED_FIELD", "tenant_id")
        stats = await run.cache_admin.GetTenantStats(cache_pb2.GetTenantStatsRequest(tenant_id="shop"))
        assert list(stats.miss_reasons) == ["shop"]


async def test_a_client_gets_nothing_from_an_operators_service() -> None:
    async with running() as run:
        error = await refusal(run.cache_admin.GetTenantStats(cache_pb2.GetTenantStatsRequest(tenant_id="acme")))
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "OPERATOR_ONLY")


async def test_a_malformed_request_names_its_fields_and_never_reaches_the_handler() -> None:
    async with running() as run:
        stream = run.chat.StreamChat(router_pb2.StreamChatRequest(turn=router_pb2.ChatRequest(user_id="not ok")))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stream))
        error = from_rpc_error(caught.value)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "REQUIRED_FIELD")
        assert [each.field for each in error.violations] == ["turn.conversation_id", "turn.user_id"]
        assert run.router.seen.contexts == []


async def test_bytes_that_are_no_message_are_the_callers_fault() -> None:
    async with running() as run:
        call = run.channel.unary_unary("/repartee.v1.RouterService/Chat")
        error = await refusal(call(b"\xff\xff\xff"))
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_what_is_not_built_says_so_after_the_credential() -> None:
    async with running() as run:
        error = await refusal(run.chat.ListMessages(router_pb2.ListMessagesRequest()))
        assert (error.code, error.reason) == (Code.UNIMPLEMENTED, "NOT_BUILT")
        assert "repartee.v1.RouterService/ListMessages" in error.message


async def test_a_named_error_arrives_with_its_request_id() -> None:
    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        raise NotFound("TENANT_NOT_FOUND", "No such tenant.", metadata={"tenant": "acme"})

    async with running(ScriptedRouter(chat)) as run:
        call = run.chat.Chat(TURN, metadata=[("x-request-id", "r-1")])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        error = from_rpc_error(caught.value)
        assert (error.kind, error.reason, error.message) == (ErrorKind.NOT_FOUND, "TENANT_NOT_FOUND", "No such tenant.")
        assert dict(error.metadata) == {"tenant": "acme"}
        assert b"r-1" in dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
        assert (
            error_details_pb2.RequestInfo.DESCRIPTOR.full_name.encode()
            in (dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"])
        )


async def test_an_error_inside_a_task_group_keeps_its_name() -> None:
    async def fail() -> None:
        raise NotFound("TENANT_NOT_FOUND", "No such tenant.")

    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
        raise AssertionError

    async with running(ScriptedRouter(chat)) as run:
        assert (await refusal(run.chat.Chat(TURN))).reason == "TENANT_NOT_FOUND"


async def test_an_unforeseen_failure_shows_the_caller_nothing_and_the_log_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The exception quotes the customer, as parsers and SDKs do; only its type and stack may be logged."""
    caplog.set_level(logging.DEBUG)

    async def chat(request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        try:
            raise KeyError(request.message)
        except KeyError as cause:
            raise ValueError(f"cannot read {request.message}") from cause

    async with running(ScriptedRouter(chat)) as run:
        turn = router_pb2.ChatRequest(conversation_id="c", message="my-private-words")
        error = await refusal(run.chat.Chat(turn))
        assert (error.code, error.reason) == (Code.INTERNAL, "INTERNAL")
        assert "my-private-words" not in str(error) + caplog.text
        assert "ValueError" in caplog.text
        assert "KeyError" in caplog.text
        assert "in chat" in caplog.text


async def test_no_refusal_quotes_the_customer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as run:
        turn = router_pb2.ChatRequest(conversation_id="my private words", message="my private words" * 1000)
        error = await refusal(run.chat.Chat(turn))
        assert error.reason == "INVALID_FIELD"
        assert "private" not in str(error) + str(error.violations) + caplog.text


async def test_a_cancellation_raised_inside_a_handler_still_yields_a_status() -> None:
    """gRPC sends none by itself: the caller would wait until its deadline."""

    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        raise asyncio.CancelledError

    async with running(ScriptedRouter(chat)) as run:
        assert (await refusal(run.chat.Chat(TURN))).code is Code.INTERNAL


async def test_a_caller_that_cancels_cancels_the_handler() -> None:
    async with running(ScriptedRouter(never)) as run:
        call = asyncio.ensure_future(run.chat.Chat(TURN))
        await run.router.seen.started.wait()
        call.cancel()
        await asyncio.wait_for(run.router.seen.cancelled.wait(), 5)
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_caller_that_leaves_a_stream_ends_its_generator() -> None:
    async with running(ScriptedRouter(never)) as run:
        stream = run.chat.StreamChat(router_pb2.StreamChatRequest(turn=TURN))
        assert (await anext(aiter(stream))).sequence == 0
        await run.router.seen.started.wait()
        stream.cancel()
        await asyncio.wait_for(run.router.seen.cancelled.wait(), 5)


async def test_a_stream_is_served_in_order_under_its_context() -> None:
    async with running() as run:
        stream = run.chat.StreamChat(router_pb2.StreamChatRequest(turn=TURN))
        assert [(each.sequence, each.delta.text) async for each in stream] == [(0, ""), (1, "acme")]


async def test_a_stream_that_fails_half_way_ends_with_a_status() -> None:
    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        raise NotFound("TENANT_NOT_FOUND", "No such tenant.")

    async with running(ScriptedRouter(chat)) as run:
        stream = aiter(run.chat.StreamChat(router_pb2.StreamChatRequest(turn=TURN)))
        assert (await anext(stream)).sequence == 0
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(stream)
        assert from_rpc_error(caught.value).reason == "TENANT_NOT_FOUND"


async def upsert(stub: rag_pb2_grpc.RagServiceStub, *messages: tuple[str, str]) -> list[tuple[str, str]]:
    """Sends documents, each as tenant and id; returns each result as id and tenant served."""

    async def requests() -> object:
        for tenant, document_id in messages:
            document = rag_pb2.Document(document_id=document_id, content=b"x")
            yield rag_pb2.StreamUpsertDocumentsRequest(tenant_id=tenant, document=document)

    return [(each.result.document_id, each.result.reason) async for each in stub.StreamUpsertDocuments(requests())]


async def test_the_first_message_of_a_stream_names_the_operators_tenant() -> None:
    async with running(authorization=OPERATOR) as run:
        assert await upsert(run.rag, ("shop", "d1"), ("", "d2"), ("shop", "d3")) == [
            ("d1", "shop"),
            ("d2", "shop"),
            ("d3", "shop"),
        ]


@pytest.mark.parametrize(
    ("authorization", "messages", "reason"),
    [
        (CLIENT, [("", "d1"), ("other", "d2")], "TENANT_MISMATCH"),
        (OPERATOR, [("shop", "d1"), ("other", "d2")], "TENANT_MISMATCH"),
        (CLIENT, [("", "d1"), ("", "")], "REQUIRED_FIELD"),
        (CLIENT, [("", "not ok")], "INVALID_FIELD"),
    ],
)
async def test_every_message_of_a_stream_is_checked(
    authorization: str, messages: list[tuple[str, str]], reason: str
) -> None:
    async with running(authorization=authorization) as run:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await upsert(run.rag, *messages)
        assert from_rpc_error(caught.value).reason == reason


async def test_an_empty_stream_is_served() -> None:
    async with running() as run:
        assert await upsert(run.rag) == []


async def test_the_handler_knows_the_callers_deadline() -> None:
    async with running() as run:
        await run.chat.Chat(TURN, timeout=3)
        assert 2 < run.router.seen.contexts[0].budget.remaining() <= 3


async def test_without_a_deadline_the_default_holds_and_ends_the_call() -> None:
    async with running(ScriptedRouter(never), default_deadline_seconds=0.05) as run, bare(run.target) as stub:
        error = await refusal(stub.Chat(TURN, metadata=[("authorization", CLIENT)]))
        assert (error.code, error.reason) == (Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_long_deadline_is_cut_to_the_methods_most() -> None:
    async with running(max_deadline_seconds=5) as run:
        await run.chat.Chat(TURN, timeout=600)
        assert run.router.seen.contexts[0].budget.remaining() <= 5


@pytest.mark.parametrize("seconds", [4000, 1e6])
async def test_an_absurd_deadline_is_refused(seconds: float) -> None:
    async with running() as run:
        error = await refusal(run.chat.Chat(TURN, timeout=seconds))
        assert (error.code, error.reason, error.violations[0].field) == (
            Code.INVALID_ARGUMENT,
            "ABSURD_DEADLINE",
            "grpc-timeout",
        )


async def test_calls_above_the_limit_are_shed_and_room_returns() -> None:
    release = asyncio.Event()

    async def chat(_request: router_pb2.ChatRequest) -> router_pb2.ChatResponse:
        await release.wait()
        return router_pb2.ChatResponse(text="done")

    settings = ServiceSettings(port=0, drain_seconds=0, max_concurrent_calls=1)
    async with running(ScriptedRouter(chat), settings=settings) as run:
        first = asyncio.ensure_future(run.chat.Chat(TURN))
        await run.router.seen.started.wait()
        error = await refusal(run.chat.Chat(TURN))
        assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert error.retry_after_seconds
        release.set()
        assert (await first).text == "done"
        assert (await run.chat.Chat(TURN)).text == "done"


class bare:  # noqa: N801  # reads as a function
    """A stub over gRPC's own channel, which adds nothing."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target)

    async def __aenter__(self) -> router_pb2_grpc.RouterServiceStub:
        return router_pb2_grpc.RouterServiceStub(self._channel)

    async def __aexit__(self, *_exc: object) -> None:
        await self._channel.close()
