"""The part of RolloutService that tells how the unseen engine would have done."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

from typing import Any

from libs.common.request_context import current
from repartee.v1 import rollout_pb2
from services.router.admin.scopes import Scopes
from services.router.shadow.pairs import ShadowCounts, ShadowReport


class ShadowMethods:
    """GetShadowReport. Whoever mixes this in sets the two."""

    shadow_counts: ShadowCounts
    scopes: Scopes

    async def GetShadowReport(
        self, request: rollout_pb2.GetShadowReportRequest, context: Any
    ) -> rollout_pb2.GetShadowReportResponse:
        principal = current().principal if request.tenant_id else None
        report = await self.shadow_counts.report(principal)
        if not report.pairs:
            await self.scopes.existing(request.tenant_id)
        return _message(report)


def _message(report: ShadowReport) -> rollout_pb2.GetShadowReportResponse:
    pairs = report.pairs or 1
    return rollout_pb2.GetShadowReportResponse(
        pairs=report.pairs,
        same_state=report.same_state,
        same_ask=report.same_ask,
        failed=report.failed,
        served_seconds=report.served.micros / 1e6 / pairs,
        shadow_seconds=report.shadow.micros / 1e6 / pairs,
        served_tokens=report.served.tokens,
        shadow_tokens=report.shadow.tokens,
        served_cost_usd=report.served.cost_micro_usd / 1e6,
        shadow_cost_usd=report.shadow.cost_micro_usd / 1e6,
        differing_turns=report.differing_turns,
    )
