"""Where finished spans go: lines of JSON on a file or the console, or an OTLP collector."""

import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer

# How long a finished span waits at most before it is written.
_FLUSH_SECONDS = 0.2
# Spans kept while writing stalls; above that the newest are dropped, never the service slowed.
_MAX_WAITING = 20_000
_SHUTDOWN_SECONDS = 3.0


def line_tracer(service: str, path: Path | None) -> tuple[Tracer, Callable[[], None]]:
    """Returns a tracer that writes one JSON object a span a line to `path` (appended), or to stderr, and its shutdown."""
    writer = LineWriter(service, path)
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(writer)
    return provider.get_tracer("repartee"), provider.shutdown


def otlp_tracer(service: str) -> tuple[Tracer, Callable[[], None]]:
    """Returns a tracer that sends to the collector that the standard OTEL_EXPORTER_OTLP_… variables name."""
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("repartee"), provider.shutdown


class LineWriter(SpanProcessor):
    """Keeps finished spans in memory and writes them from a thread of its own, five times a second."""

    def __init__(self, service: str, path: Path | None) -> None:
        self._service = service
        self._path = path
        self._waiting: list[ReadableSpan] = []
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name="span-writer", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: object = None) -> None:
        """Has nothing to do: only finished spans are written."""

    def on_end(self, span: ReadableSpan) -> None:
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(span)

    def shutdown(self) -> None:
        self._stopped.set()
        self._thread.join(_SHUTDOWN_SECONDS)
        self._flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        del timeout_millis
        self._flush()
        return True

    def _run(self) -> None:
        while not self._stopped.wait(_FLUSH_SECONDS):
            self._flush()

    def _flush(self) -> None:
        with self._writing:
            waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            lines = "".join(f"{span_line(self._service, span)}\n" for span in waiting)
            if self._path is None:
                sys.stderr.write(lines)
                return
            # One write per batch on a file opened for appending: lines of several processes never mix.
            with self._path.open("ab", buffering=0) as file:
                file.write(lines.encode())


def span_line(service: str, span: ReadableSpan) -> str:
    """Returns one span as a JSON object on one line; times in nanoseconds since the epoch."""
    context, parent = span.context, span.parent
    fields: dict[str, Any] = {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_id": f"{parent.span_id:016x}" if parent is not None else "",
        "service": service,
        "name": span.name,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "status": span.status.status_code.name,
        "attributes": {key: _plain(value) for key, value in (span.attributes or {}).items()},
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
