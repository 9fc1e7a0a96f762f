"""Traces of a process: names of spans and attributes, the tracer, and where spans go."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import NoOpTracer, Tracer

from libs.common.settings import ServiceSettings
from libs.common.stages import Stages, no_stages


class Names:
    """Every attribute name of spans. None of them ever holds what a customer wrote."""

    RPC_SYSTEM: Final = "rpc.system"
    RPC_SERVICE: Final = "rpc.service"
    RPC_METHOD: Final = "rpc.method"
    RPC_STATUS_CODE: Final = "rpc.response.status_code"
    RPC_GRPC_STATUS_CODE: Final = "rpc.grpc.status_code"
    TENANT: Final = "repartee.tenant"
    REQUEST_ID: Final = "repartee.request_id"
    REASON: Final = "repartee.reason"


def _nothing() -> None:
    """Has nothing to flush."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The tracer of a process. `shutdown` writes what is still waiting and may block for up to its exporter's limit."""

    tracer: Tracer
    shutdown: Callable[[], None] = _nothing


def start_telemetry(service: str, settings: ServiceSettings) -> Telemetry:
    """Returns the tracer that `settings.traces` asks for; one that records nothing for `none`."""
    if settings.traces == "none":
        return Telemetry(NoOpTracer())
    # The SDK costs start-up time that a process without traces does not pay.
    from libs.common import span_export  # noqa: PLC0415

    if settings.traces == "otlp":
        tracer, shutdown = span_export.otlp_tracer(service)
    elif settings.traces == "console":
        tracer, shutdown = span_export.line_tracer(service, None)
    else:
        tracer, shutdown = span_export.line_tracer(service, Path(settings.traces.removeprefix("file:")))
    return Telemetry(tracer, shutdown)


def current_trace_id() -> str:
    """Returns the W3C trace id of the call being served as 32 hex characters, or "" when tracing is off."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.trace_id else ""


def records(tracer: Tracer | None) -> bool:
    """Says whether `tracer` keeps anything at all."""
    return tracer is not None and not isinstance(tracer, NoOpTracer)


def stages(tracer: Tracer) -> Stages:
    """Returns the port by which use cases make a span of each of their stages."""
    if not records(tracer):
        return no_stages

    def stage_of(name: str) -> AbstractContextManager[None]:
        return stage(tracer, name)

    return stage_of


@contextlib.contextmanager
def stage(tracer: Tracer, name: str) -> Iterator[None]:
    """A span around the block. Must not span a `yield` of a generator that another task may resume."""
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=True):
        yield
