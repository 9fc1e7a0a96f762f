"""The router behind its channel: a spoken turn out, its reply as it comes in."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc.aio

from libs.common.errors import ReparteeError, Unavailable
from libs.common.interceptors.outgoing import let_end
from libs.common.status import from_rpc_error
from repartee.v1 import router_pb2, router_pb2_grpc
from services.voice.reply_feed import Delta, Replied, Reset, RouterEvent, SpokenTurn

# What a stream ends with whose router died: nobody said why.
_NOBODY_SAID_WHY = frozenset({"UNAVAILABLE", "STREAM_CUT"})


class RouterClient:
    """Takes turns whose `request` is a ChatRequest; a reply's `message` is a ChatResponse."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: router_pb2_grpc.RouterServiceAsyncStub = router_pb2_grpc.RouterServiceStub(channel)
        self.is_failing = False

    async def stream(self, turn: SpokenTurn, *, timeout_seconds: float) -> AsyncGenerator[RouterEvent, None]:
        """Yields the reply as it comes; raises ReparteeError, also for a stream without an end (STREAM_CUT).

        A stream that breaks off is asked for once more: by the turn's id another router gives the same reply, or makes
        the only one.
        """
        ends = time.monotonic() + timeout_seconds
        try:
            async with aclosing(self._stream(turn, timeout_seconds)) as events:
                async for event in events:
                    yield event
            return
        except ReparteeError as error:
            if error.reason not in _NOBODY_SAID_WHY:
                raise
        yield Reset()
        async with aclosing(self._stream(turn, ends - time.monotonic())) as events:
            async for event in events:
                yield event

    async def _stream(self, turn: SpokenTurn, timeout_seconds: float) -> AsyncGenerator[RouterEvent, None]:
        request = router_pb2.StreamChatRequest(turn=_request_of(turn))
        call = self._stub.StreamChat(request, timeout=timeout_seconds)
        try:
            async for response in call:
                match response.WhichOneof("event"):
                    case "delta":
                        yield Delta(response.delta.text)
                    case "reset":
                        yield Reset()
                    case "completed":
                        self.is_failing = False
                        yield _replied(response.completed)
                        await let_end(call)
                        return
                    case _:
                        pass
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error
        finally:
            call.cancel()
        raise Unavailable("STREAM_CUT", "The router ended its stream without a reply.")

    async def amend(self, turn: SpokenTurn, heard_text: str, *, timeout_seconds: float) -> None:
        """Keeps of the reply what was heard; raises ReparteeError."""
        request = router_pb2.AmendReplyRequest(
            conversation_id=_request_of(turn).conversation_id, turn_id=turn.turn_id, heard_text=heard_text
        )
        try:
            await self._stub.AmendReply(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise self._failed(error) from error

    def _failed(self, error: grpc.aio.AioRpcError) -> ReparteeError:
        self.is_failing = error.code() is grpc.StatusCode.UNAVAILABLE
        return from_rpc_error(error)


def _request_of(turn: SpokenTurn) -> router_pb2.ChatRequest:
    if not isinstance(turn.request, router_pb2.ChatRequest):
        raise TypeError("a turn for the router is a ChatRequest")
    return turn.request


def _replied(completed: router_pb2.ChatCompleted) -> Replied:
    response = completed.response
    return Replied(response.text, response.state.phase, completed.complete, response)
