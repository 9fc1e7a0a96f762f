"""CacheAdminService: what the cache holds and why it answered so; operators only."""

from libs.common.request_context import current
from repartee.v1 import cache_pb2, cache_pb2_grpc
from services.cache.answers import Answers
from services.cache.keeping import Keeping
from services.cache.servicer import question_of
from services.cache.statistics import Statistics


class CacheAdminServicer(cache_pb2_grpc.CacheAdminServiceServicer):
    """Counts, dry runs, and forgetting everything of a tenant."""

    def __init__(self, answers: Answers, keeping: Keeping, statistics: Statistics) -> None:
        self._answers = answers
        self._keeping = keeping
        self._statistics = statistics

    async def GetTenantStats(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.GetTenantStatsRequest,  # noqa: ARG002  # its tenant is the principal's by now
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.GetTenantStatsResponse:
        counts = await self._statistics.of_tenant(current().principal)
        return cache_pb2.GetTenantStatsResponse(
            cache_hits=counts.hits,
            cache_misses=counts.misses,
            hit_rate_percent=counts.hit_rate_percent,
            cache_size=counts.size,
            guard_rejects=counts.guard_rejects,
            false_hit_estimate=counts.false_hit_estimate,
            miss_reasons=counts.miss_reasons,
            rechecked_hits=counts.rechecked,
            false_hits=counts.false_hits,
            threshold=counts.threshold,
            cache_bytes=counts.size_bytes,
            exact_hits=counts.exact_hits,
            refused_reasons=counts.refused_reasons,
        )

    async def GetGlobalStats(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.GetGlobalStatsRequest,  # noqa: ARG002  # it has no fields
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.GetGlobalStatsResponse:
        counts = await self._statistics.of_all(current().principal)
        return cache_pb2.GetGlobalStatsResponse(
            total_companies=counts.tenants_with_entries,
            total_entries=counts.entries,
            global_hit_rate_percent=counts.hit_rate_percent,
            seal_failures=counts.seal_failures,
            canary_leaks=counts.canary_leaks,
        )

    async def ExplainLookup(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.ExplainLookupRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.ExplainLookupResponse:
        found = await self._answers.explain(current().principal, question_of(request.lookup))
        return cache_pb2.ExplainLookupResponse(
            candidates=[
                cache_pb2.LookupCandidate(
                    entry_id=each.entry_id, score=each.score, refused_by=each.refused_by, detail=each.detail
                )
                for each in found.candidates
            ],
            outcome=found.outcome,
            threshold=found.threshold,
        )

    async def FlushTenant(  # noqa: N802  # the proto's name
        self,
        request: cache_pb2.FlushTenantRequest,
        context: object,  # noqa: ARG002  # the stub's signature
    ) -> cache_pb2.FlushTenantResponse:
        removed = await self._keeping.forget_all(current().principal, reason=request.reason)
        return cache_pb2.FlushTenantResponse(removed_count=removed)
