"""Protobuf messages of rag to and from the values of its use cases."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.facts import Fact
from repartee.v1 import common_pb2, rag_pb2
from services.rag.catalog import Listed
from services.rag.documents import SubmittedDocument
from services.rag.outcomes import DocumentOutcome, Outcome
from services.rag.reranking import RankedHit
from services.rag.retrieval import (
    DEFAULT_CANDIDATES,
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_PASSAGES,
    GivenEmbedding,
    Question,
    Retrieval,
)

_OUTCOMES = {
    Outcome.INDEXED: rag_pb2.DocumentResult.OUTCOME_INDEXED,
    Outcome.UNCHANGED: rag_pb2.DocumentResult.OUTCOME_UNCHANGED,
    Outcome.REFUSED: rag_pb2.DocumentResult.OUTCOME_REFUSED,
    Outcome.QUARANTINED: rag_pb2.DocumentResult.OUTCOME_QUARANTINED,
}


def in_range(value: int, *, field: str, default: int, most: int) -> int:
    """Returns `value`, or `default` for 0; raises InvalidRequest (INVALID_FIELD) above `most`."""
    if value > most:
        raise InvalidRequest(
            "INVALID_FIELD",
            f"Some fields are malformed; look at {field}.",
            violations=[FieldViolation(field, f"expected 1 to {most}, or 0 for {default}")],
        )
    return value or default


def read_question(request: rag_pb2.RetrievePassagesRequest, *, path: str = "") -> Question:
    """Returns the question; raises InvalidRequest (INVALID_FIELD). `path` is put before the names of fields."""
    given = request.embedding
    return Question(
        text=request.query,
        agent=request.agent,
        embedding=GivenEmbedding(given.embedder_id, given.values) if request.HasField("embedding") else None,
        candidate_count=in_range(
            request.candidate_count, field=f"{path}candidate_count", default=DEFAULT_CANDIDATES, most=100
        ),
        passage_count=in_range(request.passage_count, field=f"{path}passage_count", default=DEFAULT_PASSAGES, most=20),
        context_tokens=in_range(
            request.context_tokens, field=f"{path}context_tokens", default=DEFAULT_CONTEXT_TOKENS, most=8000
        ),
    )


def read_document(document: rag_pb2.Document) -> SubmittedDocument:
    """Returns the document as it was sent."""
    return SubmittedDocument(
        document_id=document.document_id,
        content=document.content,
        title=document.title,
        media_type=document.media_type,
        agent_owner=document.agent_owner,
        locale=document.locale,
    )


def write_retrieval(found: Retrieval) -> rag_pb2.RetrievePassagesResponse:
    """Returns the response of RetrievePassages."""
    return rag_pb2.RetrievePassagesResponse(
        passages=write_passages(found.passages),
        context=found.context,
        rerank=found.rerank,
        knowledge_epoch=found.knowledge_epoch,
        embedding=common_pb2.Embedding(embedder_id=found.embedder_id, values=found.vector.tolist()),
    )


def write_stages(found: Retrieval) -> rag_pb2.ExplainRetrievalResponse:
    """Returns the response of ExplainRetrieval."""
    return rag_pb2.ExplainRetrievalResponse(
        stages=[
            rag_pb2.RetrievalStage(
                name=report.name,
                duration_ms=report.duration_ms,
                candidates=write_passages(report.candidates),
                detail=report.detail,
            )
            for report in found.stages
        ]
    )


def write_passages(candidates: Sequence[RankedHit]) -> list[rag_pb2.Passage]:
    """Returns passages in the order given."""
    return [
        rag_pb2.Passage(
            document_id=candidate.hit.document_id,
            chunk=candidate.hit.position,
            title=candidate.hit.title,
            text=candidate.hit.text,
            score=candidate.hit.score,
            rerank_score=candidate.rerank_score,
            agent_owner=candidate.hit.agent_owner,
        )
        for candidate in candidates
    ]


def write_outcome(outcome: DocumentOutcome) -> rag_pb2.DocumentResult:
    """Returns what became of one document."""
    return rag_pb2.DocumentResult(
        document_id=outcome.document_id,
        outcome=_OUTCOMES[outcome.outcome],
        chunk_count=outcome.chunk_count,
        reason=outcome.reason,
        detail=outcome.detail,
    )


def write_summary(listed: Listed) -> rag_pb2.DocumentSummary:
    """Returns a document of a list."""
    record = listed.record
    update_time = Timestamp()
    update_time.FromDatetime(record.update_time)
    return rag_pb2.DocumentSummary(
        document_id=record.document_id,
        title=record.title,
        agent_owner=record.agent_owner,
        chunk_count=record.chunk_count,
        content_sha256=record.content_sha256,
        update_time=update_time,
        status=listed.status,
        reason=listed.reason,
        locale=record.locale,
        media_type=record.media_type,
    )


def write_facts(facts: Sequence[Fact]) -> rag_pb2.ExtractFactsResponse:
    """Returns the response of ExtractFacts."""
    return rag_pb2.ExtractFactsResponse(
        facts=[
            rag_pb2.ExtractedFact(kind=fact.kind, value=fact.value, unit=fact.unit, start=fact.start, end=fact.end)
            for fact in facts
        ]
    )
