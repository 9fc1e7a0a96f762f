"""Finished spans to an OTLP collector, through OpenTelemetry's own SDK and exporter."""

import logging
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from libs.common.span_export import shown_attributes
from libs.common.spans import RecordedSpan

_log = logging.getLogger(__name__)

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope("repartee")


class OtlpSink:
    """Sends to the collector that the standard OTEL_EXPORTER_OTLP_… variables name; spans it refuses are lost."""

    def __init__(self, service: str) -> None:
        self._resource = Resource.create({"service.name": service})
        # Connects when there is something to send.
        self._exporter = OTLPSpanExporter(timeout=2)
        self._is_away = False

    def write(self, spans: Sequence[RecordedSpan]) -> None:
        result = self._exporter.export([readable(span, self._resource) for span in spans])
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            _log.warning("the collector does not take spans: they are lost until it does")
        self._is_away = is_away

    def close(self) -> None:
        self._exporter.shutdown()  # pyright: ignore[reportUnknownMemberType]  # its keyword arguments are untyped


def readable(span: RecordedSpan, resource: Resource) -> ReadableSpan:
    """Returns `span` as the SDK's exporters take it."""
    parent = (
        SpanContext(int(span.trace_id, 16), span.parent_id, is_remote=False, trace_flags=_SAMPLED)
        if span.parent_id
        else None
    )
    return ReadableSpan(
        span.name,
        context=span.get_span_context(),
        parent=parent,
        resource=resource,
        attributes=shown_attributes(span),
        kind=span.kind,
        status=Status(StatusCode.ERROR if span.is_error else StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )
