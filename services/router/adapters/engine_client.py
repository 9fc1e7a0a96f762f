"""An engine behind its channel: protobuf out, values in, gRPC errors as the domain's."""

import asyncio
from dataclasses import replace
from typing import Protocol

import grpc.aio

from libs.common.errors import Unavailable
from libs.common.interceptors.outgoing import let_end
from libs.common.request_context import current
from libs.common.status import from_rpc_error
from repartee.v1 import common_pb2, engine_pb2, engine_pb2_grpc
from services.router.adapters.upstream import MARGIN_SECONDS, read_embedding, write_embedding
from services.router.adapters.wire import (
    read_attempts,
    read_source,
    read_usage,
    write_attachment,
    write_message,
)
from services.router.adapters.wire_state import read_state, write_state
from services.router.ladder import EngineAnswer, EngineQuestion
from services.router.shown import Sink
from services.router.turn import NO_STATE, Message

# Silence after which a stream that has begun to speak counts as dead. An engine bounds the gaps of its models itself,
# and may then ask another; its first piece has no bound but the call's, because it may check a text before it shows it.
MAX_SILENCE_SECONDS = 4.0
# The contract's limit of a message.
_EARLIER_TEXT_BYTES = 4096
# Texts that were written before the turn.
_TEMPLATES = frozenset({engine_pb2.WORDING_SOURCE_TEMPLATE, engine_pb2.WORDING_SOURCE_CANNED})
_WORDINGS = {
    engine_pb2.WORDING_SOURCE_MODEL: "model",
    engine_pb2.WORDING_SOURCE_TEMPLATE: "template",
    engine_pb2.WORDING_SOURCE_EXTRACT: "extract",
    engine_pb2.WORDING_SOURCE_CANNED: "canned",
}


class _AnswerEvents(Protocol):
    """The part of a call that reads one event after another; anything else at the end of the stream."""

    async def read(self) -> object: ...


class EngineClient:
    """One engine over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: engine_pb2_grpc.EngineServiceAsyncStub = engine_pb2_grpc.EngineServiceStub(channel)
        self.is_failing = False

    async def answer(
        self, question: EngineQuestion, *, timeout_seconds: float, sink: Sink | None = None
    ) -> EngineAnswer:
        """Asks the engine, by a stream when there is a sink; raises RemoteError, Unavailable (STREAM_CUT, …STALLED)."""
        request, timeout = _write_question(question), timeout_seconds - MARGIN_SECONDS
        try:
            if sink is None:
                response = await self._stub.GenerateAnswer(request, timeout=timeout)
                answer = _read_answer(response.answer)
            else:
                answer = await self._stream(engine_pb2.StreamAnswerRequest(turn=request), timeout, sink)
        except grpc.aio.AioRpcError as error:
            self.is_failing = True
            raise from_rpc_error(error) from error
        except Unavailable:
            self.is_failing = True
            raise
        self.is_failing = False
        return answer

    async def _stream(self, request: engine_pb2.StreamAnswerRequest, seconds: float, sink: Sink) -> EngineAnswer:
        call = self._stub.StreamAnswer(request, timeout=seconds)
        # Nobody wants the rest of a stream that stalled, or whose caller left.
        try:
            answer = await _answer_of(call, sink)
            await let_end(call)
            return answer
        finally:
            call.cancel()


async def _answer_of(call: _AnswerEvents, sink: Sink) -> EngineAnswer:
    """Shows a stream's pieces and returns the answer that ends it."""
    bound: float | None = None
    while True:
        try:
            async with asyncio.timeout(bound):
                event = await call.read()
        except TimeoutError:
            raise Unavailable("STREAM_STALLED", "The engine fell silent in the middle of its answer.") from None
        if not isinstance(event, engine_pb2.StreamAnswerResponse):
            raise Unavailable("STREAM_CUT", "The engine's stream ended before its answer was complete.")
        match event.WhichOneof("event"):
            case "delta":
                sink.delta(event.delta.text)
                bound = MAX_SILENCE_SECONDS
            case "reset":
                sink.reset(event.reset.reason)
            case "completed":
                done = event.completed
                answer = _read_answer(done.answer)
                return replace(
                    answer,
                    complete=done.complete,
                    cacheable=answer.cacheable and done.complete,
                    finish_reason=done.finish_reason or answer.finish_reason,
                )
            case _:
                pass


def _write_question(question: EngineQuestion) -> engine_pb2.GenerateAnswerRequest:
    state = question.state
    return engine_pb2.GenerateAnswerRequest(
        tenant_id=current().principal.require_tenant(),
        conversation_id=question.conversation_id,
        turn_id=question.turn_id,
        text=question.text,
        attachments=[write_attachment(each) for each in question.attachments],
        history=[_write_earlier(each) for each in question.history],
        state=None if state is NO_STATE else write_state(state),
        embedding=write_embedding(question.embedding),
        locale=question.locale,
        channel=question.channel,
        agent=question.agent,
        shadow=question.shadow,
        assigned_variant=question.assigned_variant,
        nothing_found=question.nothing_found,
    )


def _write_earlier(message: Message) -> common_pb2.Message:
    # A bot's reply may be longer than an engine takes, and would have every later turn refused.
    if len(message.text) * 4 > _EARLIER_TEXT_BYTES:
        text = message.text.encode()[:_EARLIER_TEXT_BYTES].decode(errors="ignore")
        message = replace(message, text=text)
    return write_message(message)


def _read_answer(answer: engine_pb2.Answer) -> EngineAnswer:
    # An engine that does not say how its text ended has not cut it.
    complete = answer.complete or not answer.finish_reason
    return EngineAnswer(
        text=answer.text,
        state=read_state(answer.state),
        knowledge_text=answer.knowledge_text,
        action=answer.action,
        agent=answer.agent,
        confidence=answer.confidence,
        reasoning=answer.reasoning,
        is_template=answer.wording in _TEMPLATES,
        wording=_WORDINGS.get(answer.wording, ""),
        reasons=tuple(answer.reasons),
        sources=tuple(read_source(each) for each in answer.sources),
        usage=read_usage(answer.usage),
        llm_tier=answer.llm_tier,
        cacheable=answer.cacheable and complete,
        knowledge_epoch=answer.knowledge_epoch,
        embedding=read_embedding(answer.embedding) if answer.HasField("embedding") else None,
        attempts=read_attempts(answer.attempts),
        complete=complete,
        finish_reason=answer.finish_reason,
        nothing_found=answer.nothing_found,
    )
