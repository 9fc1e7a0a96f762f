"""One span per call on either side, joined across processes by the W3C `traceparent` metadata."""

import re
from collections.abc import Mapping
from typing import Any

import grpc
from opentelemetry import context as otel_context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from libs.common.telemetry import Names, records

TRACEPARENT = "traceparent"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_FAILED = Status(StatusCode.ERROR)


def parse_traceparent(value: str | bytes | None) -> SpanContext | None:
    """Returns the caller's span, or None when the value is missing or malformed (W3C Trace Context, level 1)."""
    if not isinstance(value, str) or (match := _TRACEPARENT.fullmatch(value)) is None or value.startswith("ff"):
        return None
    context = SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16))
    )
    return context if context.is_valid else None


def format_traceparent(context: SpanContext) -> str:
    """Returns `context` as a `traceparent` value."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


class MethodSpans:
    """Starts the spans of one RPC. Made only where the tracer keeps them."""

    __slots__ = ("_attributes", "_kind", "_name", "_tracer")

    def __init__(self, tracer: Tracer, path: str, kind: SpanKind) -> None:
        self._tracer = tracer
        self._kind = kind
        self._name = path.lstrip("/")
        service, _, method = self._name.rpartition("/")
        self._attributes: Mapping[str, str] = {
            Names.RPC_SYSTEM: "grpc",
            Names.RPC_SERVICE: service,
            Names.RPC_METHOD: method,
        }

    def start_served(self, traceparent: str | bytes | None, request_id: str) -> Span:
        """Starts the span of a call being served and makes it the current one.

        Nothing is detached later: the task of a call ends with the call, and its context with it.
        """
        caller = parse_traceparent(traceparent)
        parent = set_span_in_context(NonRecordingSpan(caller)) if caller is not None else otel_context.Context()
        attributes = {**self._attributes, Names.REQUEST_ID: request_id}
        span = self._tracer.start_span(self._name, context=parent, kind=self._kind, attributes=attributes)
        otel_context.attach(set_span_in_context(span, parent))
        return span

    def start_sent(self, request_id: str, tenant: str) -> Span:
        """Starts the span of a call being made, below the current span."""
        attributes = {**self._attributes, Names.REQUEST_ID: request_id, Names.TENANT: tenant}
        return self._tracer.start_span(self._name, kind=self._kind, attributes=attributes)


def method_spans(tracer: Tracer | None, path: str, kind: SpanKind) -> MethodSpans | None:
    """Returns what makes the spans of one RPC, or None where nobody keeps them."""
    return MethodSpans(tracer, path, kind) if tracer is not None and records(tracer) else None


def finish(span: Span, code: grpc.StatusCode, reason: str = "") -> None:
    """Ends `span` with how the call ended."""
    number: Any = code.value[0]
    if number == 0:
        span.set_attributes({Names.RPC_GRPC_STATUS_CODE: 0, Names.RPC_STATUS_CODE: "OK"})
    else:
        span.set_attributes({Names.RPC_GRPC_STATUS_CODE: number, Names.RPC_STATUS_CODE: code.name})
        if reason:
            span.set_attribute(Names.REASON, reason)
        span.set_status(_FAILED)
    span.end()
