"""One span per call on either side, joined across processes by the W3C `traceparent` metadata."""

import re
from typing import Any

import grpc
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Tracer, get_current_span, set_span_in_context

from libs.common.spans import RecordedSpan, RecordingTracer
from libs.common.telemetry import Names, recording

TRACEPARENT = "traceparent"

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_CONTEXT = otel_context.Context()


def parse_traceparent(value: str | bytes | None) -> tuple[int, int]:
    """Returns the trace id and span id of the caller; (0, 0) when missing or malformed (W3C Trace Context, level 1)."""
    if not isinstance(value, str) or (match := _TRACEPARENT.fullmatch(value)) is None:
        return 0, 0
    trace_id, span_id = int(match[1], 16), int(match[2], 16)
    return (trace_id, span_id) if trace_id and span_id else (0, 0)


def format_traceparent(span: RecordedSpan) -> str:
    """Returns `span` as a `traceparent` value."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-01"


class MethodSpans:
    """Makes the spans of one RPC."""

    __slots__ = ("_attributes", "_name", "_tracer")

    def __init__(self, tracer: RecordingTracer, path: str) -> None:
        self._tracer = tracer
        self._name = path.lstrip("/")
        service, _, method = self._name.rpartition("/")
        self._attributes: dict[str, Any] = {
            Names.RPC_SYSTEM: "grpc",
            Names.RPC_SERVICE: service,
            Names.RPC_METHOD: method,
        }

    def start_served(self, traceparent: str | bytes | None, request_id: str) -> RecordedSpan:
        """Starts the span of a call being served and makes it the current one.

        Nothing is detached later: the task of a call ends with the call, and its context with it.
        """
        trace_id, parent_id = parse_traceparent(traceparent)
        attributes = {**self._attributes, Names.REQUEST_ID: request_id}
        span = self._tracer.start_served(self._name, trace_id, parent_id, attributes)
        otel_context.attach(set_span_in_context(span, _NO_CONTEXT))
        return span

    def start_sent(self, request_id: str, tenant: str) -> RecordedSpan:
        """Starts the span of a call being made, below the current span."""
        attributes = {**self._attributes, Names.REQUEST_ID: request_id, Names.TENANT: tenant}
        return self._tracer.start_below(get_current_span(), self._name, SpanKind.CLIENT, attributes)


def method_spans(tracer: Tracer | None, path: str) -> MethodSpans | None:
    """Returns what makes the spans of one RPC, or None where nobody keeps them."""
    kept = recording(tracer)
    return MethodSpans(kept, path) if kept is not None else None


def finish(span: RecordedSpan, code: grpc.StatusCode, reason: str = "") -> None:
    """Ends `span` with how the call ended."""
    number: Any = code.value[0]
    span.attributes[Names.RPC_GRPC_STATUS_CODE] = number
    span.attributes[Names.RPC_STATUS_CODE] = code.name
    if number:
        span.is_error = True
        if reason:
            span.attributes[Names.REASON] = reason
    span.end()
