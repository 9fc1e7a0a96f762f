"""One span per call on either side, joined across processes by the W3C `traceparent` metadata."""

import re
from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry.trace import SpanKind, Tracer

from libs.common.attributes import Names
from libs.common.spans import CURRENT, RecordedSpan, RecordingTracer, drop, new_trace_id, now_ns, random_bits
from libs.common.telemetry import recording

TRACEPARENT = "traceparent"

_OK = grpc.StatusCode.OK
_CANCELLED = grpc.StatusCode.CANCELLED
# An enum's member takes longer to look up than a name of the module.
_SERVER, _CLIENT = SpanKind.SERVER, SpanKind.CLIENT
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
_NO_CALLER = ("", 0, True)
_NO_TRACE = "0" * 32
_ODD = frozenset("13579bdf")


def parse_traceparent(value: str | bytes | None) -> tuple[str, int, bool]:
    """Returns trace id and span id of the caller, and whether it keeps its spans (W3C Trace Context, level 1).

    ("", 0, True) where the value is missing or malformed.
    """
    if not isinstance(value, str) or (match := _TRACEPARENT.fullmatch(value)) is None:
        return _NO_CALLER
    trace_id, span_id, flags = match.groups()
    span = int(span_id, 16)
    return (trace_id, span, flags[1] in _ODD) if span and trace_id != _NO_TRACE else _NO_CALLER


def write_traceparent(span: RecordedSpan) -> str:
    """Returns the header by which the next service goes on with the trace of `span`, below it."""
    return f"00-{span.trace_id}-{span.span_id:016x}-{'00' if span.sink is drop else '01'}"


class CallSpan(RecordedSpan):
    """The span of a call. Its attributes are made when somebody asks for them, which is mostly the exporter."""

    __slots__ = ("_attributes", "_method", "request_id", "tenant")

    def __init__(
        self,
        sink: Callable[[RecordedSpan], None],
        method: "MethodSpans",
        kind: SpanKind,
        trace_id: str,
        parent_id: int,
    ) -> None:
        # As the class above does, without one more call.
        self.sink = sink
        self.name = method.name
        self.kind = kind
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.span_id = random_bits(64) or 1
        self.is_error = False
        self.end_ns = 0
        self.request_id = self.tenant = ""
        self._method = method
        self._attributes: dict[str, Any] | None = None
        self.start_ns = now_ns()

    @property
    def attributes(self) -> dict[str, Any]:
        """What is known of the call; one that nobody said otherwise of has succeeded."""
        if self._attributes is None:
            facts = {Names.TENANT: self.tenant, Names.REQUEST_ID: self.request_id}
            self._attributes = {**self._method.attributes, **facts}
        return self._attributes


class MethodSpans:
    """Makes the spans of one RPC."""

    __slots__ = ("_tracer", "attributes", "name")

    def __init__(self, tracer: RecordingTracer, path: str) -> None:
        self._tracer = tracer
        self.name = path.lstrip("/")
        service, _, method = self.name.rpartition("/")
        self.attributes: dict[str, Any] = {
            Names.RPC_SYSTEM: "grpc",
            Names.RPC_SERVICE: service,
            Names.RPC_METHOD: method,
            **_attributes_of(_OK),
        }

    def start_served(self, traceparent: str | bytes | None) -> CallSpan:
        """Starts the span of a call being served and makes it the current one.

        Nothing is reset later: the task of a call ends with the call, and its context with it.
        """
        trace_id, parent_id, is_sampled = parse_traceparent(traceparent)
        if trace_id:
            sink = self._tracer.sink if is_sampled else drop
        else:
            trace_id = new_trace_id()
            sink = self._tracer.sink_of(trace_id)
        span = CallSpan(sink, self, _SERVER, trace_id, parent_id)
        CURRENT.set(span)
        return span

    def start_sent(self) -> CallSpan:
        """Starts the span of a call being made, below the current span."""
        parent = CURRENT.get()
        if parent is not None:
            return CallSpan(parent.sink, self, _CLIENT, parent.trace_id, parent.span_id)
        trace_id = new_trace_id()
        return CallSpan(self._tracer.sink_of(trace_id), self, _CLIENT, trace_id, 0)


def method_spans(tracer: Tracer | None, path: str) -> MethodSpans | None:
    """Returns what makes the spans of one RPC, or None where nobody keeps them."""
    kept = recording(tracer)
    return MethodSpans(kept, path) if kept is not None else None


def finish(span: RecordedSpan, code: grpc.StatusCode, reason: str = "") -> None:
    """Ends `span` with how the call ended. A caller that left has made no error, of neither side."""
    if code is not _OK:
        span.attributes.update(_attributes_of(code))
        if reason:
            span.attributes[Names.REASON] = reason
        if code is _CANCELLED:
            span.attributes[Names.CANCELLED] = True
        elif span.kind is _CLIENT or code not in _CALLERS_MATTER:
            span.fail(reason or code.name)
    span.end()


def _attributes_of(code: grpc.StatusCode) -> dict[str, Any]:
    number, _ = code.value
    return {Names.RPC_GRPC_STATUS_CODE: number, Names.RPC_STATUS_CODE: code.name}
