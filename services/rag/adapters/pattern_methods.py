"""The methods about patterns of RagService and RagAdminService: protobuf in and out of their use cases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import grpc

from libs.common import request_context
from libs.common.errors import FieldViolation, InvalidRequest
from repartee.v1 import rag_pb2
from services.rag.patterns.curation import Curation
from services.rag.patterns.generic import GENERIC
from services.rag.patterns.pattern import LearnedPattern, Shown, Status, shown
from services.rag.patterns.shelf import Shelf
from services.rag.patterns.teacher import FRESH_DAYS, Teacher

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

_STATUSES: Mapping[str, Status] = {"active": "active", "candidate": "candidate", "rejected": "rejected"}
_MAX_IMPORTED_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class PatternDesk:
    """The use cases about patterns, as one thing to hand to the servicers."""

    teacher: Teacher
    curation: Curation
    shelf: Shelf


class PatternMethods:
    """LearnPatterns and GetPatterns."""

    def __init__(self, desk: PatternDesk) -> None:
        self._desk = desk

    async def LearnPatterns(
        self, request: rag_pb2.LearnPatternsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.LearnPatternsResponse:
        """Learns the tenant's patterns from its documents."""
        lesson = await self._desk.teacher.learn(request_context.current().principal, dry_run=request.dry_run)
        return rag_pb2.LearnPatternsResponse(
            patterns=_write(lesson.patterns.patterns),
            version=lesson.version,
            documents=lesson.document_count,
            country=lesson.patterns.country,
            country_confidence=lesson.patterns.country_confidence,
        )

    async def GetPatterns(
        self, request: rag_pb2.GetPatternsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.GetPatternsResponse:
        """Returns the tenant's patterns over the generic ones."""
        found = await self._desk.curation.version(request_context.current().principal, request.version)
        return rag_pb2.GetPatternsResponse(
            patterns=[*_write(found.patterns.patterns), *_write(GENERIC, generic=True)], version=found.number
        )


class PatternAdminMethods:
    """ImportPatterns, RollbackPatterns and GetPatternStats."""

    def __init__(self, desk: PatternDesk) -> None:
        self._desk = desk

    async def ImportPatterns(
        self, request: rag_pb2.ImportPatternsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.ImportPatternsResponse:
        """Replaces a tenant's patterns."""
        patterns = [_read(place, pattern) for place, pattern in enumerate(request.patterns) if not pattern.generic]
        owner = request_context.current().principal
        return rag_pb2.ImportPatternsResponse(
            version=await self._desk.curation.put(owner, patterns, reason=request.reason)
        )

    async def RollbackPatterns(
        self, request: rag_pb2.RollbackPatternsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.RollbackPatternsResponse:
        """Goes back to an earlier version."""
        owner = request_context.current().principal
        return rag_pb2.RollbackPatternsResponse(
            version=await self._desk.curation.roll_back(owner, request.version, reason=request.reason)
        )

    async def GetPatternStats(
        self, request: rag_pb2.GetPatternStatsRequest, context: grpc.ServicerContext
    ) -> rag_pb2.GetPatternStatsResponse:
        """Counts learned patterns."""
        counts = await self._desk.shelf.counts()
        return rag_pb2.GetPatternStatsResponse(
            companies_in_redis=counts.in_store, companies_in_memory=counts.in_memory, cache_ttl_days=FRESH_DAYS
        )


def _write(patterns: Iterable[LearnedPattern], *, generic: bool = False) -> Sequence[rag_pb2.Pattern]:
    return [
        rag_pb2.Pattern(
            field=pattern.field,
            expression=pattern.expression,
            status=pattern.status,
            support=pattern.support,
            precision=pattern.precision,
            examples=[example.text for example in pattern.examples],
            counter_examples=[example.text for example in pattern.counter_examples],
            generic=generic,
        )
        for pattern in patterns
    ]


def _read(place: int, pattern: rag_pb2.Pattern) -> LearnedPattern:
    status = _STATUSES.get(pattern.status or "active")
    if status is None or not 0 <= pattern.precision <= 1:
        raise InvalidRequest(
            "INVALID_FIELD",
            "Some fields are malformed; look at patterns.",
            violations=[
                FieldViolation(
                    f"patterns[{place}]", f"expected a status of {', '.join(_STATUSES)}, a precision of 0 to 1"
                )
            ],
        )
    return LearnedPattern(
        field=pattern.field,
        expression=pattern.expression,
        status=status,
        support=pattern.support,
        precision=pattern.precision,
        examples=_shown(pattern.examples),
        counter_examples=_shown(pattern.counter_examples),
    )


def _shown(texts: Sequence[str]) -> tuple[Shown, ...]:
    return tuple(shown(text, -1) for text in texts[:_MAX_IMPORTED_EXAMPLES])
