"""Traces and metrics of a process: the tracer, the meter, and where both go."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from opentelemetry.trace import NoOpTracer, SpanKind, Tracer

from libs.common.metric_export import open_meter
from libs.common.metrics import Meter
from libs.common.settings import ServiceSettings
from libs.common.span_export import open_tracer
from libs.common.spans import CURRENT, RecordingTracer, SpanBlock
from libs.common.stages import Stages, no_stages


def _nothing() -> None:
    """Has nothing to flush."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The tracer and meter of a process; no meter where nobody asks for metrics.

    `shutdown` writes what is still waiting and may block for up to its exporters' limits.
    """

    tracer: Tracer
    shutdown: Callable[[], None] = _nothing
    meter: Meter | None = None


def start_telemetry(service: str, settings: ServiceSettings) -> Telemetry:
    """Returns the tracer that `settings.traces` asks for, one that records nothing for `none`, and the meter.

    Metrics need a running event loop. Raises PreconditionFailed (PORT_TAKEN) where theirs cannot be had.
    """
    closing = contextlib.ExitStack()
    meter = None
    if settings.metrics != "none":
        meter, stop = open_meter(service, settings.metrics, host=settings.host)
        closing.callback(stop)
    if settings.traces == "none":
        return Telemetry(NoOpTracer(), closing.close, meter)
    tracer, shutdown = open_tracer(service, settings.traces, share=settings.trace_share)
    closing.callback(shutdown)
    return Telemetry(tracer, closing.close, meter)


def current_trace_id() -> str:
    """Returns the W3C trace id of the call being served as 32 hex characters, or "" when tracing is off."""
    span = CURRENT.get()
    return span.trace_id if span is not None else ""


def current_span_id() -> str:
    """Returns the id of the span being worked on as 16 hex characters, or "" when tracing is off."""
    span = CURRENT.get()
    return f"{span.span_id:016x}" if span is not None else ""


def recording(tracer: Tracer | None) -> RecordingTracer | None:
    """Returns `tracer` where it keeps spans, else None: what is not kept is not made."""
    return tracer if isinstance(tracer, RecordingTracer) else None


def stages(tracer: Tracer) -> Stages:
    """Returns the port by which use cases make a span of each of their stages."""
    kept = recording(tracer)
    if kept is None:
        return no_stages

    def stage(name: str) -> AbstractContextManager[object]:
        return SpanBlock(kept.start(name, SpanKind.INTERNAL, {}))

    return stage
