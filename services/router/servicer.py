"""RouterService: protobuf in, the use cases, protobuf out."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.interceptors.admission import deadline_of
from libs.common.request_context import Budget, RequestContext, current
from repartee.v1 import router_pb2, router_pb2_grpc
from services.router.adapters.wire import VARIANTS, read_turn, write_message, write_reply, write_state
from services.router.chat import Answered, Chat
from services.router.conversations import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from services.router.keeping import Keeping
from services.router.turn import NO_STATE, Rung, Stored, Turn

# How long a turn may take that brings no deadline, and one that brings a longer one.
DEFAULT_TURN_SECONDS = 8.0
MAX_TURN_SECONDS = 60.0

_STORED = {
    Stored.DURABLE: router_pb2.STORED_DURABLE,
    Stored.PENDING: router_pb2.STORED_PENDING,
    Stored.MEMORY: router_pb2.STORED_MEMORY,
    Stored.NOT_KEPT: router_pb2.STORED_UNSPECIFIED,
}
_FINISH_REASONS = {Rung.TEMPLATE: "template", Rung.EMERGENCY: "emergency"}


class RouterServicer(router_pb2_grpc.RouterServiceServicer):
    """Serves turns of customers."""

    def __init__(self, *, chat: Chat, keeping: Keeping) -> None:
        self._chat = chat
        self._keeping = keeping

    async def Chat(self, request: router_pb2.ChatRequest, context: Any) -> router_pb2.ChatResponse:
        answered = await self._chat.reply(_admit(request), current())
        return _response(answered, for_operator=current().principal.is_operator)

    async def StreamChat(
        self, request: router_pb2.StreamChatRequest, context: Any
    ) -> AsyncIterator[router_pb2.StreamChatResponse]:
        # The whole reply is held back until it is sure: a replacement of what was shown is worse than a short wait.
        call = _within_a_turn(current(), context)
        turn, variant = self._chat.opening(_admit(request.turn, field_path="turn."), call)
        started = router_pb2.ChatStarted(turn_id=turn.turn_id, variant=VARIANTS[variant])
        yield router_pb2.StreamChatResponse(sequence=0, started=started)
        answered = await self._chat.reply(turn, call)
        response = _response(answered, for_operator=call.principal.is_operator)
        yield router_pb2.StreamChatResponse(sequence=1, delta=router_pb2.ChatDelta(text=response.text))
        completed = router_pb2.ChatCompleted(response=response, complete=True, finish_reason=_finish_reason(answered))
        yield router_pb2.StreamChatResponse(sequence=2, completed=completed)

    async def ListMessages(
        self, request: router_pb2.ListMessagesRequest, context: Any
    ) -> router_pb2.ListMessagesResponse:
        page = await self._keeping.page(
            current().principal, request.conversation_id, size=_page_size(request.page_size), token=request.page_token
        )
        return router_pb2.ListMessagesResponse(
            messages=[write_message(each) for each in page.messages],
            next_page_token=page.next_page_token,
            state=None if page.state is NO_STATE else write_state(page.state),
        )

    async def DeleteConversation(
        self, request: router_pb2.DeleteConversationRequest, context: Any
    ) -> router_pb2.DeleteConversationResponse:
        count = await self._keeping.delete(
            current().principal, conversation_id=request.conversation_id, user_id=request.user_id
        )
        return router_pb2.DeleteConversationResponse(deleted_count=count)


def _admit(request: router_pb2.ChatRequest, *, field_path: str = "") -> Turn:
    if not request.attachments and not request.message.strip():
        raise InvalidRequest(
            "REQUIRED_FIELD",
            "A turn needs a message, or something attached.",
            violations=[FieldViolation(f"{field_path}message", "may be empty only when something is attached")],
        )
    return read_turn(request)


def _within_a_turn(call: RequestContext, context: Any) -> RequestContext:
    """Returns `call` with the time of a turn of Chat: a stream may last an hour, an answer may not."""
    seconds = deadline_of(context.time_remaining(), default_seconds=DEFAULT_TURN_SECONDS, max_seconds=MAX_TURN_SECONDS)
    return replace(call, budget=Budget.of(seconds))


def _response(answered: Answered, *, for_operator: bool) -> router_pb2.ChatResponse:
    response = write_reply(answered.reply)
    response.stored = _STORED[answered.stored]
    response.replayed = answered.replayed
    if not for_operator:
        response.ClearField("reasoning")
    return response


def _finish_reason(answered: Answered) -> str:
    if answered.reply.cache.hit:
        return "cached"
    return _FINISH_REASONS.get(answered.reply.rung, "stop")


def _page_size(asked: int) -> int:
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
