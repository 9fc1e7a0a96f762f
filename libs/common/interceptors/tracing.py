"""One span per call on either side, joined across processes by the W3C `traceparent` metadata."""

import re
from typing import Any

import grpc
from opentelemetry.trace import SpanKind, Tracer

from libs.common.spans import CURRENT, RecordedSpan, RecordingTracer, new_trace_id
from libs.common.telemetry import Names, recording

TRACEPARENT = "traceparent"

_OK = grpc.StatusCode.OK

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def parse_traceparent(value: str | bytes | None) -> tuple[int, int]:
    """Returns the trace id and span id of the caller; (0, 0) when missing or malformed (W3C Trace Context, level 1)."""
    if not isinstance(value, str) or (match := _TRACEPARENT.fullmatch(value)) is None:
        return 0, 0
    trace_id, span_id = int(match[1], 16), int(match[2], 16)
    return (trace_id, span_id) if trace_id and span_id else (0, 0)


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
        trace_id, parent_id = parse_traceparent(traceparent)
        span = RecordedSpan(
            self._tracer.sink,
            self._name,
            SpanKind.SERVER,
            trace_id or new_trace_id(),
            parent_id,
            self._attributes.copy(),
        )
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
    """Ends `span` with how the call ended."""
    if code is _OK:
        span.attributes.update(_OK_ATTRIBUTES)
    else:
        span.is_error = True
        span.attributes.update(_attributes_of(code))
        if reason:
            span.attributes[Names.REASON] = reason
    span.end()


def _attributes_of(code: grpc.StatusCode) -> dict[str, Any]:
    number, _ = code.value
    return {Names.RPC_GRPC_STATUS_CODE: number, Names.RPC_STATUS_CODE: code.name}


_OK_ATTRIBUTES = _attributes_of(_OK)
