"""The cache and the engines behind their channels: protobuf out, values in, gRPC errors as the domain's."""

import asyncio
from dataclasses import replace
from typing import Protocol

import grpc.aio

from libs.common.errors import ReparteeError, Unavailable
from libs.common.request_context import current
from libs.common.status import from_rpc_error
from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2, engine_pb2, engine_pb2_grpc
from services.router.adapters.wire import (
    read_attempts,
    read_source,
    read_state,
    read_usage,
    write_attachment,
    write_message,
    write_source,
    write_state,
)
from services.router.answers import CachedAnswer, Lookup, NewAnswer
from services.router.ladder import EngineAnswer, EngineQuestion
from services.router.shown import Sink
from services.router.turn import NO_STATE, CacheOutcome, Embedding, Message

_STORE_TIMEOUT_SECONDS = 1.0
# A call ends this much before its asker gives up, so that it is known to have hung.
_MARGIN_SECONDS = 0.01
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


class Upstream(Protocol):
    """Something whose last call is remembered, for GetStatus."""

    is_failing: bool


class CacheClient:
    """The semantic cache over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: cache_pb2_grpc.CacheServiceAsyncStub = cache_pb2_grpc.CacheServiceStub(channel)
        self.is_failing = False

    async def lookup(
        self, question: str, *, agent: str, locale: str, timeout_seconds: float, wait_seconds: float = 0.0
    ) -> Lookup:
        """Asks the cache; every fault of it is a miss."""
        request = cache_pb2.LookupAnswerRequest(
            tenant_id=current().principal.require_tenant(),
            query=question,
            agent=agent,
            locale=locale,
            may_lead=True,
            wait_ms=round(wait_seconds * 1000),
        )
        try:
            response = await self._stub.LookupAnswer(request, timeout=timeout_seconds - _MARGIN_SECONDS)
        except grpc.aio.AioRpcError:
            self.is_failing = True
            return Lookup(miss_reason="CACHE_UNAVAILABLE")
        except ReparteeError:
            # Too little time was left to ask at all, which says nothing about the cache.
            return Lookup(miss_reason="CACHE_UNAVAILABLE")
        self.is_failing = False
        if response.HasField("hit"):
            hit = response.hit
            return Lookup(
                CachedAnswer(
                    hit.text,
                    CacheOutcome(True, hit.type, hit.confidence, hit.entry_id, hit.age_seconds),
                    hit.agent,
                    tuple(read_source(each) for each in hit.sources) if hit.sources else (),
                    hit.recheck,
                )
            )
        embedding = _read_embedding(response.embedding) if response.HasField("embedding") else None
        return Lookup(
            miss_reason=response.miss_reason,
            embedding=embedding,
            lease=response.lease,
            is_in_flight=response.in_flight,
            nothing_found=response.nothing_found,
        )

    async def store(self, answer: NewAnswer) -> None:
        """Hands an answer over; raises RemoteError."""
        request = cache_pb2.StoreAnswerRequest(
            tenant_id=current().principal.require_tenant(),
            query=answer.question,
            text=answer.text,
            agent=answer.agent,
            answered_by=answer.answered_by,
            locale=answer.locale,
            sources=[write_source(each) for each in answer.sources],
            embedding=_write_embedding(answer.embedding),
            knowledge_epoch=answer.knowledge_epoch,
            lease=answer.lease,
            nothing_found=answer.nothing_found,
            wording=answer.wording,
            confidence=answer.confidence,
        )
        if answer.nothing_found:
            # The contract wants a text, and nobody will see this one.
            request.text = "-"
        try:
            await self._stub.StoreAnswer(request, timeout=_STORE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    async def abandon(self, question: str, *, agent: str, locale: str, lease: str) -> None:
        """Hands a lease back; raises RemoteError."""
        request = cache_pb2.AbandonAnswerRequest(
            tenant_id=current().principal.require_tenant(), query=question, agent=agent, locale=locale, lease=lease
        )
        try:
            await self._stub.AbandonAnswer(request, timeout=_STORE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    async def report(self, entry_id: str, *, question: str, text: str, locale: str) -> None:
        """Reports an answer made anew; raises RemoteError."""
        request = cache_pb2.ReportRecheckRequest(
            tenant_id=current().principal.require_tenant(),
            entry_id=entry_id,
            query=question,
            text=text,
            locale=locale,
        )
        try:
            await self._stub.ReportRecheck(request, timeout=_STORE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error


class EngineClient:
    """One engine over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: engine_pb2_grpc.EngineServiceAsyncStub = engine_pb2_grpc.EngineServiceStub(channel)
        self.is_failing = False

    async def answer(
        self, question: EngineQuestion, *, timeout_seconds: float, sink: Sink | None = None
    ) -> EngineAnswer:
        """Asks the engine, by a stream when there is a sink; raises RemoteError, Unavailable (STREAM_CUT, …STALLED)."""
        request, timeout = _write_question(question), timeout_seconds - _MARGIN_SECONDS
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
            return await _answer_of(call, sink)
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
        embedding=_write_embedding(question.embedding),
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
        embedding=_read_embedding(answer.embedding) if answer.HasField("embedding") else None,
        attempts=read_attempts(answer.attempts),
        complete=complete,
        finish_reason=answer.finish_reason,
        nothing_found=answer.nothing_found,
    )


def _read_embedding(embedding: common_pb2.Embedding) -> Embedding:
    # The message's own list: a turn hands it on unread.
    return Embedding(embedding.embedder_id, embedding.values)


def _write_embedding(embedding: Embedding | None) -> common_pb2.Embedding | None:
    if embedding is None:
        return None
    return common_pb2.Embedding(embedder_id=embedding.embedder_id, values=embedding.values)
