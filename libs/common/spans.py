"""Spans that cost the call they describe as little as possible: kept as they are, made presentable by the exporter.

They follow OpenTelemetry's API. A span of its SDK takes some 16 µs to make, which every hop would pay twice.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_random_bits = random.getrandbits


class RecordedSpan(Span):
    """One span. Ids are plain integers; `parent_id` is 0 for the first span of a trace; times in ns since the epoch."""

    __slots__ = (
        "attributes",
        "end_ns",
        "is_error",
        "kind",
        "name",
        "parent_id",
        "sink",
        "span_id",
        "start_ns",
        "trace_id",
    )

    def __init__(
        self,
        sink: Callable[["RecordedSpan"], None],
        name: str,
        kind: SpanKind,
        trace_id: int,
        parent_id: int,
        attributes: dict[str, Any],
    ) -> None:
        self.sink = sink
        self.name = name
        self.kind = kind
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.span_id = _random_bits(64) or 1
        self.attributes = attributes
        self.is_error = False
        self.end_ns = 0
        self.start_ns = time.time_ns()

    def end(self, end_time: int | None = None) -> None:
        if self.end_ns == 0:
            self.end_ns = end_time or time.time_ns()
            self.sink(self)

    def get_span_context(self) -> SpanContext:
        return SpanContext(self.trace_id, self.span_id, is_remote=False, trace_flags=_SAMPLED)

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.attributes.update(attributes)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Keeps nothing: events of exceptions would hold their texts."""

    def update_name(self, name: str) -> None:
        self.name = name

    def is_recording(self) -> bool:
        return self.end_ns == 0

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        del description
        code = status.status_code if isinstance(status, Status) else status
        self.is_error = code is StatusCode.ERROR

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """Keeps the type only: the text may quote a customer."""
        self.attributes["exception.type"] = type(exception).__qualname__


class RecordingTracer(Tracer):
    """Makes spans and hands each to `sink` when it ends. Every trace is kept."""

    def __init__(self, sink: Callable[[RecordedSpan], None]) -> None:
        self._sink = sink

    def start_served(self, name: str, trace_id: int, parent_id: int, attributes: dict[str, Any]) -> RecordedSpan:
        """Starts the span of a call from another process; a trace of its own where `trace_id` is 0."""
        return RecordedSpan(
            self._sink, name, SpanKind.SERVER, trace_id or _random_bits(128) or 1, parent_id, attributes
        )

    def start_below(self, parent: Span, name: str, kind: SpanKind, attributes: dict[str, Any]) -> RecordedSpan:
        """Starts a span below `parent`, or a trace of its own where that is no span."""
        if isinstance(parent, RecordedSpan):
            return RecordedSpan(self._sink, name, kind, parent.trace_id, parent.span_id, attributes)
        if parent is INVALID_SPAN:
            return RecordedSpan(self._sink, name, kind, _random_bits(128) or 1, 0, attributes)
        context = parent.get_span_context()
        trace_id = context.trace_id or _random_bits(128) or 1
        return RecordedSpan(self._sink, name, kind, trace_id, context.span_id, attributes)

    def start_span(
        self,
        name: str,
        context: otel_context.Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        span = self.start_below(get_current_span(context), name, kind, dict(attributes or {}))
        if start_time is not None:
            span.start_ns = start_time
        return span

    @contextlib.contextmanager
    def _current(self, span: Span, *, end_on_exit: bool) -> Iterator[Span]:
        token = otel_context.attach(set_span_in_context(span))
        try:
            yield span
        except Exception:
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            otel_context.detach(token)
            if end_on_exit:
                span.end()

    def start_as_current_span(  # pyright: ignore[reportIncompatibleMethodOverride]  # the API's own return type is private
        self,
        name: str,
        context: otel_context.Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> contextlib.AbstractContextManager[Span]:
        span = self.start_span(name, context, kind, attributes, start_time=start_time)
        return self._current(span, end_on_exit=end_on_exit)
