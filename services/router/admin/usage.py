"""UsageService: what tenants used, for operators."""

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.request_context import parse_tenant_id
from libs.common.spending.ledger import utc_day
from repartee.v1 import tenants_pb2, tenants_pb2_grpc
from services.router.usage.query import UsageLine, UsageQuery, UsageQuestion

# The span of a question that names no beginning.
_DEFAULT_DAYS = 30
_END_OF_TIME = datetime.datetime(3000, 1, 1, tzinfo=datetime.UTC).timestamp()


class UsageServicer(tenants_pb2_grpc.UsageServiceServicer):
    """Sums usage."""

    def __init__(self, query: UsageQuery) -> None:
        self._query = query

    async def QueryUsage(self, request: tenants_pb2.QueryUsageRequest, context: Any) -> tenants_pb2.QueryUsageResponse:
        lines = await self._query.ask(_question(request, self._query.today()))
        return tenants_pb2.QueryUsageResponse(rows=[_row(line) for line in lines])


def _question(request: tenants_pb2.QueryUsageRequest, today: datetime.date) -> UsageQuestion:
    one_day = datetime.timedelta(days=1)
    last = _day(request.end_time, "end_time") - one_day if request.HasField("end_time") else today
    begins = request.HasField("start_time")
    first = _day(request.start_time, "start_time") if begins else last - (_DEFAULT_DAYS - 1) * one_day
    return UsageQuestion(
        tenant=parse_tenant_id(request.tenant_id) if request.tenant_id else None,
        first=first,
        last=last,
        group_by=tuple(request.group_by),
    )


def _day(moment: Timestamp, field: str) -> datetime.date:
    if 0 <= moment.seconds < _END_OF_TIME:
        return utc_day(moment.seconds)
    raise InvalidRequest(
        "INVALID_FIELD",
        "That is no moment of these times.",
        violations=[FieldViolation(field, "expected a moment between 1970 and 2999")],
    )


def _row(line: UsageLine) -> tenants_pb2.UsageRow:
    return tenants_pb2.UsageRow(
        group=line.group,
        conversations=line.conversations,
        messages=line.messages,
        errors=line.errors,
        escalations=line.escalations,
        cache_hits=line.cache_hits,
        prompt_tokens=line.prompt_tokens,
        completion_tokens=line.completion_tokens,
        cost_usd=line.cost_usd,
        p50_time=line.seconds(0.5),
        p95_time=line.seconds(0.95),
        p99_time=line.seconds(0.99),
        wasted_tokens=line.wasted_tokens,
        calls=line.calls,
        confidence=line.counts.mean_confidence,
        unpriced_calls=line.unpriced_calls,
        rated_good=line.rated_good,
        rated_bad=line.rated_bad,
        abandoned=line.abandoned,
    )
