"""Where finished spans go: lines of JSON on a file or stderr, or an OTLP collector; from a thread, in batches."""

import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from libs.common.attributes import CALLERS_IDS
from libs.common.phone_masking import without_phones
from libs.common.spans import RecordedSpan, RecordingTracer

# How long a finished span waits at most before it is written.
_FLUSH_SECONDS = 0.2
# Spans kept while writing stalls; above that the oldest are dropped, and the service is never slowed.
_MAX_WAITING = 20_000
_SHUTDOWN_SECONDS = 3.0


class SpanSink(Protocol):
    """Takes finished spans. Called from one thread at a time."""

    def write(self, spans: Sequence[RecordedSpan]) -> None:
        """Writes `spans`; may block, and must end within a few seconds."""
        ...

    def close(self) -> None:
        """Frees what the sink holds."""
        ...


class SpanBatches:
    """Collects finished spans and hands them to a sink five times a second, from a thread of its own."""

    def __init__(self, sink: SpanSink) -> None:
        self._sink = sink
        self._waiting: deque[RecordedSpan] = deque(maxlen=_MAX_WAITING)
        # Keeps a finished span; the deque's own method, because every call pays for whatever stands between.
        self.add: Callable[[RecordedSpan], None] = self._waiting.append
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="span-writer", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Writes everything that waits."""
        with self._writing:
            spans = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if spans:
                self._sink.write(spans)

    def shutdown(self) -> None:
        """Writes what waits and ends the thread; gives up on a stalled sink after three seconds."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._thread.join(_SHUTDOWN_SECONDS)
        if not self._thread.is_alive():
            self._sink.close()

    def _run(self) -> None:
        while not self._stopped.wait(_FLUSH_SECONDS):
            self.flush()
        self.flush()


def open_tracer(service: str, traces: str, *, share: float) -> tuple[RecordingTracer, Callable[[], None]]:
    """Returns the tracer for `console`, `file:PATH` or `otlp`, and what writes the rest and stops it.

    `share`, 0 to 1, of the traces that begin in this process are kept.
    """
    if traces == "otlp":
        # gRPC's exporter costs start-up time that other processes do not pay.
        from libs.common.otlp_sink import OtlpSink  # noqa: PLC0415

        sink: SpanSink = OtlpSink(service)
    else:
        sink = LineSink(service, Path(traces.removeprefix("file:")) if traces.startswith("file:") else None)
    batches = SpanBatches(sink)
    return RecordingTracer(batches.add, share=share), batches.shutdown


class LineSink:
    """Appends one JSON object a span a line to a file, or to stderr where `path` is None."""

    def __init__(self, service: str, path: Path | None) -> None:
        self._service = service
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, spans: Sequence[RecordedSpan]) -> None:
        lines = "".join(f"{span_line(self._service, span)}\n" for span in spans)
        if self._path is None:
            sys.stderr.write(lines)
            return
        # One write per batch on a file opened for appending: lines of several processes never mix.
        with self._path.open("ab", buffering=0) as file:
            file.write(lines.encode())

    def close(self) -> None:
        """Holds nothing between batches."""


# `json.dumps` with options makes an encoder for every line.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def span_line(service: str, span: RecordedSpan) -> str:
    """Returns one span as a JSON object on one line; times in nanoseconds since the epoch."""
    fields: dict[str, Any] = {
        "trace_id": span.trace_id,
        "span_id": f"{span.span_id:016x}",
        "parent_id": f"{span.parent_id:016x}" if span.parent_id else "",
        "service": service,
        "name": span.name,
        "kind": span.kind.name,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "status": "ERROR" if span.is_error else "UNSET",
        "attributes": shown_attributes(span),
    }
    return _encode(fields)


def shown_attributes(span: RecordedSpan) -> dict[str, Any]:
    """Returns the attributes as they leave the process: in ids that callers chose, no telephone number is."""
    shown = span.attributes
    for name in CALLERS_IDS & shown.keys():
        shown = {**shown, name: without_phones(str(shown[name]))}
    return shown
