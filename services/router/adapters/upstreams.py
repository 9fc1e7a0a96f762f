"""The cache and the engines behind their channels: protobuf out, values in, gRPC errors as the domain's."""

from dataclasses import replace
from typing import Protocol

import grpc.aio

from libs.common.errors import ReparteeError
from libs.common.request_context import current
from libs.common.status import from_rpc_error
from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2, engine_pb2, engine_pb2_grpc
from services.router.adapters.wire import (
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
from services.router.turn import NO_STATE, CacheOutcome, Embedding, Message

_STORE_TIMEOUT_SECONDS = 1.0
# A call ends this much before its asker gives up, so that it is known to have hung.
_MARGIN_SECONDS = 0.01
# The contract's limit of a message.
_EARLIER_TEXT_BYTES = 4096


class Upstream(Protocol):
    """Something whose last call is remembered, for GetStatus."""

    is_failing: bool


class CacheClient:
    """The semantic cache over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: cache_pb2_grpc.CacheServiceAsyncStub = cache_pb2_grpc.CacheServiceStub(channel)
        self.is_failing = False

    async def lookup(self, question: str, *, agent: str, locale: str, timeout_seconds: float) -> Lookup:
        """Asks the cache; every fault of it is a miss."""
        request = cache_pb2.LookupAnswerRequest(
            tenant_id=current().principal.require_tenant(), query=question, agent=agent, locale=locale
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
                )
            )
        embedding = _read_embedding(response.embedding) if response.HasField("embedding") else None
        return Lookup(miss_reason=response.miss_reason, embedding=embedding)

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
        )
        try:
            await self._stub.StoreAnswer(request, timeout=_STORE_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error


class EngineClient:
    """One engine over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: engine_pb2_grpc.EngineServiceAsyncStub = engine_pb2_grpc.EngineServiceStub(channel)
        self.is_failing = False

    async def answer(self, question: EngineQuestion, *, timeout_seconds: float) -> EngineAnswer:
        """Asks the engine; raises RemoteError."""
        try:
            response = await self._stub.GenerateAnswer(
                _write_question(question), timeout=timeout_seconds - _MARGIN_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            self.is_failing = True
            raise from_rpc_error(error) from error
        self.is_failing = False
        return _read_answer(response.answer)


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
    )


def _write_earlier(message: Message) -> common_pb2.Message:
    # A bot's reply may be longer than an engine takes, and would have every later turn refused.
    if len(message.text) * 4 > _EARLIER_TEXT_BYTES:
        text = message.text.encode()[:_EARLIER_TEXT_BYTES].decode(errors="ignore")
        message = replace(message, text=text)
    return write_message(message)


def _read_answer(answer: engine_pb2.Answer) -> EngineAnswer:
    return EngineAnswer(
        text=answer.text,
        state=read_state(answer.state),
        knowledge_text=answer.knowledge_text,
        action=answer.action,
        agent=answer.agent,
        confidence=answer.confidence,
        reasoning=answer.reasoning,
        is_template=answer.wording == engine_pb2.WORDING_SOURCE_TEMPLATE,
        reasons=tuple(answer.reasons),
        sources=tuple(read_source(each) for each in answer.sources),
        usage=read_usage(answer.usage),
        llm_tier=answer.llm_tier,
        cacheable=answer.cacheable,
        knowledge_epoch=answer.knowledge_epoch,
        embedding=_read_embedding(answer.embedding) if answer.HasField("embedding") else None,
    )


def _read_embedding(embedding: common_pb2.Embedding) -> Embedding:
    # The message's own list: a turn hands it on unread.
    return Embedding(embedding.embedder_id, embedding.values)


def _write_embedding(embedding: Embedding | None) -> common_pb2.Embedding | None:
    if embedding is None:
        return None
    return common_pb2.Embedding(embedder_id=embedding.embedder_id, values=embedding.values)
