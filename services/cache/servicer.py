"""CacheService: protobuf in, use cases, protobuf out."""

from libs.common.request_context import current
from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2
from services.cache.answers import Answers
from services.cache.entries import SourceRef
from services.cache.keeping import GivenEmbedding, Keeping, Offer
from services.cache.lookup import Hit, Lookup, Question


class CacheServicer(cache_pb2_grpc.CacheServiceServicer):
    """Serves lookups and keeps answers, for the credential's tenant."""

    def __init__(self, answers: Answers, keeping: Keeping, *, embedder_id: str) -> None:
        self._answers = answers
        self._keeping = keeping
        self._embedder_id = embedder_id

    async def LookupAnswer(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.LookupAnswerRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.LookupAnswerResponse:
        found = await self._answers.look_up(current().principal, question_of(request))
        return _lookup_response(found, self._embedder_id)

    async def StoreAnswer(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.StoreAnswerRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.StoreAnswerResponse:
        kept = await self._keeping.keep(current().principal, _offer_of(request))
        return cache_pb2.StoreAnswerResponse(entry_id=kept.entry_id, refused_reason=kept.refused_reason)

    async def InvalidateAnswers(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.InvalidateAnswersRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.InvalidateAnswersResponse:
        owner = current().principal
        removed = await self._keeping.forget(
            owner,
            document_id=request.document_id,
            question=request.query,
            everything=request.all,
        )
        return cache_pb2.InvalidateAnswersResponse(removed_count=removed)


def question_of(request: cache_pb2.LookupAnswerRequest) -> Question:
    """Returns the question that a request asks."""
    return Question(
        text=request.query,
        agent=request.agent,
        locale=request.locale,
        awaiting_slot=request.awaiting_slot,
        min_confidence=request.min_confidence,
    )


def _offer_of(request: cache_pb2.StoreAnswerRequest) -> Offer:
    given = request.embedding if request.HasField("embedding") else None
    return Offer(
        question=request.query,
        text=request.text,
        agent=request.agent,
        locale=request.locale,
        answered_by=request.answered_by,
        sources=tuple(SourceRef(s.document_id, s.chunk, s.title, s.score) for s in request.sources),
        embedding=GivenEmbedding(given.embedder_id, given.values) if given is not None else None,
        knowledge_epoch=request.knowledge_epoch,
        ttl_seconds=request.ttl_seconds,
    )


def _lookup_response(found: Lookup, embedder_id: str) -> cache_pb2.LookupAnswerResponse:
    if found.hit is not None:
        return cache_pb2.LookupAnswerResponse(hit=_cached_answer(found.hit))
    response = cache_pb2.LookupAnswerResponse(miss_reason=found.miss_reason)
    if found.vector is not None:
        response.embedding.embedder_id = embedder_id
        response.embedding.values.extend(found.vector.tolist())
    return response


def _cached_answer(hit: Hit) -> cache_pb2.CachedAnswer:
    entry = hit.entry
    return cache_pb2.CachedAnswer(
        entry_id=entry.entry_id,
        text=entry.text,
        type=hit.type,
        confidence=hit.confidence,
        age_seconds=int(hit.age_seconds),
        sources=[
            common_pb2.Source(document_id=s.document_id, chunk=s.chunk, title=s.title, score=s.score)
            for s in entry.sources
        ],
        agent=entry.answered_by,
    )
