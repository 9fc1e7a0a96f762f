"""GetMetrics and ResetMetrics: the comparison of the two systems, as operators know it."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from libs.common.request_context import current
from repartee.v1 import rollout_pb2
from services.router.admin.rollout_messages import names_message
from services.router.admin.scopes import Scopes, scope_of
from services.router.judging.counts import SystemCounts
from services.router.judging.histogram import quantile
from services.router.judging.judge import Judge, Report
from services.router.judging.windows import parse_window
from services.router.judging.wording import error_rate, time_improvement
from services.router.turn import Variant
from services.router.variant_names import KNOWN_NAMES, VariantNames


class MetricsMethods:
    """The metrics part of RolloutService. Whoever mixes this in sets the two."""

    _judge: Judge
    scopes: Scopes

    async def GetMetrics(self, request: rollout_pb2.GetMetricsRequest, context: Any) -> rollout_pb2.GetMetricsResponse:
        window = parse_window(request.window)
        report = await self._judge.report(scope_of(request.tenant_id), window, conversations=request.detail)
        if not report.turns:
            await self.scopes.existing(request.tenant_id)
        return write_metrics(report, with_detail=request.detail, names=self._judge.names)

    async def ResetMetrics(
        self, request: rollout_pb2.ResetMetricsRequest, context: Any
    ) -> rollout_pb2.ResetMetricsResponse:
        actor = current().principal.subject
        await self._judge.reset(await self.scopes.existing(request.tenant_id), actor=actor, reason=request.reason)
        return rollout_pb2.ResetMetricsResponse()


def write_metrics(
    report: Report, *, with_detail: bool, names: VariantNames = KNOWN_NAMES
) -> rollout_pb2.GetMetricsResponse:
    """Returns the report as a message."""
    old, hybrid = report.counts.old, report.counts.hybrid
    return rollout_pb2.GetMetricsResponse(
        hybrid_enabled=report.hybrid_enabled,
        old_system=_system(old),
        hybrid_system=_system(hybrid),
        comparison=rollout_pb2.Comparison(
            old_error_rate=error_rate(errors=old.errors, count=old.count),
            hybrid_error_rate=error_rate(errors=hybrid.errors, count=hybrid.count),
            time_improvement=time_improvement(
                old_seconds=old.mean_seconds, hybrid_seconds=hybrid.mean_seconds, is_known=hybrid.count > 0
            ),
            recommendation=report.verdict.recommendation.word(names),
        ),
        detail=_detail(report) if with_detail else None,
        names=names_message(names),
    )


def _system(counts: SystemCounts) -> rollout_pb2.SystemMetrics:
    return rollout_pb2.SystemMetrics(count=counts.count, errors=counts.errors, avg_time=counts.mean_seconds)


def _detail(report: Report) -> rollout_pb2.MetricsDetail:
    evidence = report.verdict.evidence
    start = Timestamp()
    start.FromSeconds(int(report.start))
    return rollout_pb2.MetricsDetail(
        window=report.window.value,
        start_time=start if report.start else None,
        old_system=_system_detail(report.counts.old, report.conversations.get(Variant.CLASSIC, 0)),
        hybrid_system=_system_detail(report.counts.hybrid, report.conversations.get(Variant.HYBRID, 0)),
        evidence=rollout_pb2.Evidence(
            harm=evidence.harm,
            better=evidence.better,
            sample_ratio_p=evidence.sample_ratio_p,
            risk_ratio_upper=evidence.risk_ratio_upper,
        ),
        explanation=report.verdict.explanation,
    )


def _system_detail(counts: SystemCounts, conversations: int) -> rollout_pb2.SystemDetail:
    return rollout_pb2.SystemDetail(
        p50_time=round(quantile(counts.durations, 0.5), 3),
        p95_time=round(quantile(counts.durations, 0.95), 3),
        p99_time=round(quantile(counts.durations, 0.99), 3),
        rescued=counts.rescued,
        fallback_levels={str(level): number for level, number in enumerate(counts.levels)},
        templates=counts.templates,
        escalations=counts.escalations,
        asked_again=counts.asked_again,
        cache_hits=counts.cache_hits,
        cost_usd=counts.cost_micro_usd / 1e6,
        conversations=conversations,
        rated_good=counts.rated_good,
        rated_bad=counts.rated_bad,
        bad_reasons=counts.bad_reasons,
        abandoned=counts.abandoned,
    )
