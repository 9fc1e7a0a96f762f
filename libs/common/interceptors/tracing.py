"""One span per call on either side, joined across processes by the W3C `traceparent` metadata."""

import re
from typing import Any

import grpc
from opentelemetry.trace import SpanKind, Tracer

from libs.common.attributes import Names
from libs.common.spans import CURRENT, RecordedSpan, RecordingTracer, drop, new_trace_id
from libs.common.telemetry import recording

TRACEPARENT = "traceparent"

_OK = grpc.StatusCode.OK
_CANCELLED = grpc.StatusCode.CANCELLED
# What a server answers these with is no fault of its own, by OpenTelemetry's conventions for gRPC.
_CALLERS_MATTER = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NO_CALLER = (0, 0, True)


def parse_traceparent(value: str | bytes | None) -> tuple[int, int, bool]:
    """Returns trace id and span id of the caller, and whether it keeps its spans (W3C Trace Context, level 1).

    (0, 0, True) where the value is missing or malformed.
    """
    if not isinstance(value, str) or (match := _TRACEPARENT.fullmatch(value)) is None:
        return _NO_CALLER
    trace_id, span_id = int(match[1], 16), int(match[2], 16)
    return (trace_id, span_id, bool(int(match[3], 16) & 1)) if trace_id and span_id else _NO_CALLER


def write_traceparent(span: RecordedSpan) -> str:
    """Returns the header by which the next service goes on with the trace of `span`, below it."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{'01' if span.is_sampled else '00'}"


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

    def start_served(self, traceparent: str | bytes | None) -> RecordedSpan:
        """Starts the span of a call being served and makes it the current one.

        Nothing is reset later: the task of a call ends with the call, and its context with it.
        """
        trace_id, parent_id, is_sampled = parse_traceparent(traceparent)
        if trace_id:
            sink = self._tracer.sink if is_sampled else drop
        else:
            trace_id = new_trace_id()
            sink = self._tracer.sink_of(trace_id)
        span = RecordedSpan(sink, self._name, SpanKind.SERVER, trace_id, parent_id, self._attributes.copy())
        CURRENT.set(span)
        return span

    def start_sent(self) -> RecordedSpan:
        """Starts the span of a call being made, below the current span."""
        return self._tracer.start(self._name, SpanKind.CLIENT, self._attributes.copy())


def method_spans(tracer: Tracer | None, path: str) -> MethodSpans | None:
    """Returns what makes the spans of one RPC, or None where nobody keeps them."""
    kept = recording(tracer)
    return MethodSpans(kept, path) if kept is not None else None


def finish(span: RecordedSpan, code: grpc.StatusCode, reason: str = "") -> None:
    """Ends `span` with how the call ended. A caller that left has made no error, of neither side."""
    if code is _OK:
        span.attributes.update(_OK_ATTRIBUTES)
    else:
        span.attributes.update(_attributes_of(code))
        if reason:
            span.attributes[Names.REASON] = reason
        if code is _CANCELLED:
            span.attributes[Names.CANCELLED] = True
        elif span.kind is SpanKind.CLIENT or code not in _CALLERS_MATTER:
            span.fail(reason or code.name)
    span.end()


def _attributes_of(code: grpc.StatusCode) -> dict[str, Any]:
    number, _ = code.value
    return {Names.RPC_GRPC_STATUS_CODE: number, Names.RPC_STATUS_CODE: code.name}


_OK_ATTRIBUTES = _attributes_of(_OK)
