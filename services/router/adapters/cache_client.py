"""The semantic cache behind its channel: protobuf out, values in, and every fault of a lookup a miss."""

import grpc.aio

from libs.common.errors import ReparteeError
from libs.common.request_context import current
from libs.common.status import from_rpc_error
from repartee.v1 import cache_pb2, cache_pb2_grpc
from services.router.adapters.upstream import MARGIN_SECONDS, read_embedding, write_embedding
from services.router.adapters.wire import read_source, write_source
from services.router.answers import CachedAnswer, Lookup, NewAnswer
from services.router.turn import CacheOutcome

_STORE_TIMEOUT_SECONDS = 1.0


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
            response = await self._stub.LookupAnswer(request, timeout=timeout_seconds - MARGIN_SECONDS)
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
        embedding = read_embedding(response.embedding) if response.HasField("embedding") else None
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
            embedding=write_embedding(answer.embedding),
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
