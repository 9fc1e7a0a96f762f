"""CacheService: protobuf in, use cases, protobuf out."""

from libs.common.attributes import Names
from libs.common.request_context import current
from libs.common.stages import note_on_call
from repartee.v1 import cache_pb2, cache_pb2_grpc, common_pb2
from services.cache.entries import SourceRef
from services.cache.flights import Flights, Led
from services.cache.keeping import Keeping
from services.cache.lookup import IN_FLIGHT, NOTHING_FOUND, Hit, Question
from services.cache.offers import GivenEmbedding, Offer
from services.cache.rechecking import Rechecking

# Left of a caller's time when a wait for somebody else's answer ends.
_ANSWER_RESERVE_SECONDS = 0.05


class CacheServicer(cache_pb2_grpc.CacheServiceServicer):
    """Serves lookups and keeps answers, for the credential's tenant."""

    def __init__(self, flights: Flights, keeping: Keeping, rechecking: Rechecking, *, embedder_id: str) -> None:
        self._flights = flights
        self._keeping = keeping
        self._rechecking = rechecking
        self._embedder_id = embedder_id

    async def LookupAnswer(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.LookupAnswerRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.LookupAnswerResponse:
        call = current()
        wait_seconds = call.budget.timeout(request.wait_ms / 1000, reserve=_ANSWER_RESERVE_SECONDS)
        led = await self._flights.look_up(
            call.principal, question_of(request), may_lead=request.may_lead, wait_seconds=wait_seconds
        )
        note_on_call({Names.CACHE: led.lookup.outcome})
        return _lookup_response(led, self._embedder_id)

    async def StoreAnswer(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.StoreAnswerRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.StoreAnswerResponse:
        owner = current().principal
        kept = await self._keeping.keep(owner, _offer_of(request))
        if request.lease and kept.key:
            await self._flights.give_back(owner, kept.key, request.lease, is_kept=bool(kept.entry_id))
        return cache_pb2.StoreAnswerResponse(entry_id=kept.entry_id, refused_reason=kept.refused_reason)

    async def AbandonAnswer(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.AbandonAnswerRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.AbandonAnswerResponse:
        owner = current().principal
        key = await self._keeping.key_of(owner, question=request.query, agent=request.agent, locale=request.locale)
        await self._flights.give_back(owner, key, request.lease, is_kept=False)
        return cache_pb2.AbandonAnswerResponse()

    async def ReportRecheck(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.ReportRecheckRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.ReportRecheckResponse:
        verdict = await self._rechecking.compare(current().principal, entry_id=request.entry_id, text=request.text)
        return cache_pb2.ReportRecheckResponse(agrees=verdict.agrees, threshold=verdict.threshold)

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
        nothing_found=request.nothing_found,
        wording=request.wording,
        confidence=request.confidence,
        is_truncated=request.truncated,
    )


def _lookup_response(led: Led, embedder_id: str) -> cache_pb2.LookupAnswerResponse:
    found = led.lookup
    if found.hit is not None:
        return cache_pb2.LookupAnswerResponse(hit=_cached_answer(found.hit))
    response = cache_pb2.LookupAnswerResponse(
        miss_reason=found.miss_reason,
        in_flight=found.miss_reason == IN_FLIGHT,
        lease=led.lease,
        nothing_found=found.miss_reason == NOTHING_FOUND,
    )
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
        recheck=hit.is_sample,
    )
