"""RouterService: protobuf in, the use cases, protobuf out."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from libs.common.attributes import Names
from libs.common.errors import Denied, FieldViolation, InvalidRequest
from libs.common.interceptors.admission import deadline_of
from libs.common.request_context import Budget, RequestContext, current
from libs.common.stages import note_on_call
from repartee.v1 import router_pb2, router_pb2_grpc
from services.router.adapters.chat_stream import turn_events
from services.router.adapters.wire import VARIANTS, read_turn, write_message, write_reply
from services.router.adapters.wire_rating import read_rating
from services.router.adapters.wire_state import write_state
from services.router.afterwards.rating import Rating
from services.router.chat import Answered, Chat
from services.router.conversations import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from services.router.keeping import Keeping
from services.router.turn import NO_STATE, Reply, Rung, Stored, Turn, Variant

# How long a turn may take that brings no deadline, and one that brings a longer one.
DEFAULT_TURN_SECONDS = 8.0
MAX_TURN_SECONDS = 60.0
# Metadata by which an operator tries one of the systems, whatever the rollout says; an emergency stop wins over it.
FORCED_VARIANT = "x-repartee-variant"

_STORED = {
    Stored.DURABLE: router_pb2.STORED_DURABLE,
    Stored.PENDING: router_pb2.STORED_PENDING,
    Stored.MEMORY: router_pb2.STORED_MEMORY,
    Stored.NOT_KEPT: router_pb2.STORED_UNSPECIFIED,
}
_FINISH_REASONS = {"canned": "template", "extract": "stop"}


class RouterServicer(router_pb2_grpc.RouterServiceServicer):
    """Serves turns of customers."""

    def __init__(self, *, chat: Chat, keeping: Keeping, rating: Rating) -> None:
        self._chat = chat
        self._keeping = keeping
        self._rating = rating

    async def Chat(self, request: router_pb2.ChatRequest, context: Any) -> router_pb2.ChatResponse:
        call = current()
        answered = await self._chat.reply(_forced(_admit(request), call, context), call)
        return _response(answered, for_operator=call.principal.is_operator)

    async def StreamChat(
        self, request: router_pb2.StreamChatRequest, context: Any
    ) -> AsyncIterator[router_pb2.StreamChatResponse]:
        call = _within_a_turn(current(), context)
        asked = _forced(_admit(request.turn, field_path="turn."), call, context)
        turn, variant = self._chat.opening(asked, call)
        started = router_pb2.ChatStarted(turn_id=turn.turn_id, variant=VARIANTS[variant])
        events = turn_events(
            started,
            lambda sink: self._chat.reply(turn, call, sink),
            lambda answered: _completed(answered, for_operator=call.principal.is_operator),
        )
        async with aclosing(events):
            async for event in events:
                yield event

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

    async def AmendReply(self, request: router_pb2.AmendReplyRequest, context: Any) -> router_pb2.AmendReplyResponse:
        changed = await self._keeping.amend(
            current().principal, request.conversation_id, request.turn_id, heard_text=request.heard_text
        )
        return router_pb2.AmendReplyResponse(changed=changed)

    async def RateReply(self, request: router_pb2.RateReplyRequest, context: Any) -> router_pb2.RateReplyResponse:
        is_good, reason = read_rating(request)
        rated = await self._rating.rate(
            current().principal, request.conversation_id, request.turn_id, is_good=is_good, reason=reason
        )
        standing = router_pb2.RATING_GOOD if rated.is_good else router_pb2.RATING_BAD
        return router_pb2.RateReplyResponse(counted=rated.counted, rating=standing)

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


def _forced(turn: Turn, call: RequestContext, context: Any) -> Turn:
    """Returns the turn with the variant that an operator's metadata asks for; raises InvalidRequest, Denied."""
    wanted = [str(value) for key, value in context.invocation_metadata() or () if key == FORCED_VARIANT]
    if not wanted:
        return turn
    if not call.principal.is_operator:
        raise Denied("OPERATOR_ONLY", f"Only operators may send {FORCED_VARIANT}.")
    names = {variant.value: variant for variant in Variant}
    if len(wanted) > 1 or wanted[0] not in names:
        raise InvalidRequest(
            "INVALID_FIELD",
            "There is no such variant.",
            violations=[FieldViolation(FORCED_VARIANT, f"expected {' or '.join(sorted(names))}, once")],
        )
    return replace(turn, forced=names[wanted[0]])


def _within_a_turn(call: RequestContext, context: Any) -> RequestContext:
    """Returns `call` with the time of a turn of Chat: a stream may last an hour, an answer may not."""
    seconds = deadline_of(context.time_remaining(), default_seconds=DEFAULT_TURN_SECONDS, max_seconds=MAX_TURN_SECONDS)
    return replace(call, budget=Budget.of(seconds))


def _response(answered: Answered, *, for_operator: bool) -> router_pb2.ChatResponse:
    reply = answered.reply
    note_on_call(
        {
            Names.VARIANT: reply.variant.value,
            Names.SERVED_BY: reply.served_by.value if reply.served_by else "",
            Names.RUNG: reply.rung.name.lower(),
            Names.CACHE: reply.cache.type or reply.cache.miss_reason,
            Names.STORED: answered.stored.value,
            Names.REPLAYED: answered.replayed,
        }
    )
    response = write_reply(reply)
    response.stored = _STORED[answered.stored]
    response.replayed = answered.replayed
    if not for_operator:
        response.ClearField("reasoning")
        response.ClearField("attempts")
    return response


def _completed(answered: Answered, *, for_operator: bool) -> router_pb2.ChatCompleted:
    return router_pb2.ChatCompleted(
        response=_response(answered, for_operator=for_operator),
        complete=answered.reply.complete,
        finish_reason=_finish_reason(answered.reply),
    )


def _finish_reason(reply: Reply) -> str:
    if reply.cache.hit:
        return "cached"
    if reply.rung is Rung.EMERGENCY:
        return "emergency"
    if reply.rung is Rung.TEMPLATE:
        return "template"
    # A reply that is repeated is kept without its engine's word for how it ended.
    return _FINISH_REASONS.get(reply.finish_reason, reply.finish_reason) or ("stop" if reply.complete else "stall")


def _page_size(asked: int) -> int:
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
