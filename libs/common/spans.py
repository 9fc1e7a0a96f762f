"""Spans that cost the call they describe as little as possible: kept as they are, made presentable by the exporter.

They follow OpenTelemetry's API. A span of its SDK takes some 16 µs to make, which every hop would pay twice.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer

from libs.common.attributes import Names
from libs.common.errors import ReparteeError

random_bits = random.getrandbits
now_ns = time.time_ns
# Of a trace id, the characters that decide whether a trace is kept, as OpenTelemetry's ratio sampler reads them.
_DECIDING = slice(16, 32)


class RecordedSpan(Span):
    """One span. `trace_id` is 32 hex characters, as it travels; `span_id` and `parent_id` are integers.

    `parent_id` is 0 for the first span of a trace; times are in ns since the epoch.
    """

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
        trace_id: str,
        parent_id: int,
        attributes: dict[str, Any],
    ) -> None:
        self.sink = sink
        self.name = name
        self.kind = kind
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.span_id = random_bits(64) or 1
        self.attributes = attributes
        self.is_error = False
        self.end_ns = 0
        self.start_ns = now_ns()

    @property
    def is_sampled(self) -> bool:
        """False where the trace is only carried on for whoever reads its id, and no span of it is kept."""
        return self.sink is not drop

    def fail(self, problem: BaseException | str) -> None:
        """Marks the span as failed by a reason, or by an error of which the type or reason is kept, never the text."""
        self.is_error = True
        if isinstance(problem, ReparteeError):
            problem = problem.reason
        self.attributes[Names.ERROR_TYPE] = problem if isinstance(problem, str) else type(problem).__qualname__

    def end(self, end_time: int | None = None) -> None:
        if self.end_ns == 0:
            self.end_ns = end_time or now_ns()
            self.sink(self)

    def get_span_context(self) -> SpanContext:
        flags = TraceFlags(TraceFlags.SAMPLED if self.is_sampled else TraceFlags.DEFAULT)
        return SpanContext(int(self.trace_id, 16), self.span_id, is_remote=False, trace_flags=flags)

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

    def record_exception(self, exception: BaseException, *args: Any, **kwargs: Any) -> None:
        """Keeps the type only: the text may quote a customer."""
        del args, kwargs
        self.attributes["exception.type"] = type(exception).__qualname__


# The span that what runs now belongs to. OpenTelemetry's own context costs five calls where this costs one.
CURRENT: ContextVar[RecordedSpan | None] = ContextVar("repartee_span", default=None)


def drop(_span: RecordedSpan) -> None:
    """Keeps nothing: the sink of spans whose trace is not sampled."""


def start_below(name: str, kind: SpanKind, attributes: dict[str, Any]) -> RecordedSpan | None:
    """Starts a span below the current one; None where no call is being traced, so that upkeep makes no traces."""
    parent = CURRENT.get()
    if parent is None:
        return None
    return RecordedSpan(parent.sink, name, kind, parent.trace_id, parent.span_id, attributes)


class RecordingTracer(Tracer):
    """Makes spans and hands each to `sink` when it ends.

    Of traces that begin here, `share` (0 to 1) is kept, decided by the trace id: everybody who decides with the same
    share decides alike. A trace that comes from a caller was decided there.
    """

    def __init__(self, sink: Callable[[RecordedSpan], None], *, share: float = 1.0) -> None:
        self.sink = sink
        self._below = round(share * (1 << 64))

    def sink_of(self, trace_id: str) -> Callable[[RecordedSpan], None]:
        """Returns where the spans of a trace go that begins here."""
        return self.sink if int(trace_id[_DECIDING], 16) < self._below else drop

    def start(self, name: str, kind: SpanKind, attributes: dict[str, Any]) -> RecordedSpan:
        """Starts a span below the current one, or a trace of its own."""
        parent = CURRENT.get()
        if parent is None:
            trace_id = new_trace_id()
            return RecordedSpan(self.sink_of(trace_id), name, kind, trace_id, 0, attributes)
        return RecordedSpan(parent.sink, name, kind, parent.trace_id, parent.span_id, attributes)

    def start_span(self, name: str, *args: Any, **kwargs: Any) -> Span:
        """As OpenTelemetry's, below the current span; `context`, `links` and the exception flags are not looked at."""
        del args
        return self.start(name, kwargs.get("kind") or SpanKind.INTERNAL, dict(kwargs.get("attributes") or {}))

    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """As OpenTelemetry's. Must not span a `yield` of a generator that another task may resume."""
        del args
        return SpanBlock(
            self.start(name, kwargs.get("kind") or SpanKind.INTERNAL, dict(kwargs.get("attributes") or {}))
        )


class SpanBlock:
    """Makes a span the current one within the block and ends it there; a class, for a generator costs twice as much.

    A block that is left by a cancellation did not fail: whoever asked has left.
    """

    __slots__ = ("_span", "_token")

    def __init__(self, span: RecordedSpan) -> None:
        self._span = span
        self._token: Token[RecordedSpan | None] | None = None

    def __enter__(self) -> RecordedSpan:
        self._token = CURRENT.set(self._span)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)
        if isinstance(problem, asyncio.CancelledError | GeneratorExit):
            self._span.attributes[Names.CANCELLED] = True
        elif problem is not None:
            self._span.fail(problem)
        self._span.end()


def new_trace_id() -> str:
    """Returns a random trace id, which is never all zeros."""
    return f"{random_bits(128) or 1:032x}"
