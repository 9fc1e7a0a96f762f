"""Where metrics go: an endpoint that Prometheus scrapes, or an OTLP collector that is sent them."""

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from libs.common.errors import PreconditionFailed
from libs.common.measure import Kind, prometheus_name
from libs.common.metrics import Distribution, Meter, Point, Reading
from libs.common.process_metrics import measure_process

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_log = logging.getLogger(__name__)

# How often a collector is sent everything. Above a second's noise, below the patience of who watches a rollout.
_PUSH_SECONDS = 15.0
_READ_SECONDS = 1.0
_SHUTDOWN_SECONDS = 3.0


class MetricSink(Protocol):
    """Takes readings. Called from one thread."""

    def write(self, readings: Sequence[Reading], started_ns: int) -> None:
        """Sends `readings`; may block, and must end within a few seconds."""
        ...

    def close(self) -> None:
        """Frees what the sink holds."""
        ...


def open_meter(service: str, metrics: str, *, host: str) -> tuple[Meter, Callable[[], None]]:
    """Returns the meter for `prometheus:PORT` or `otlp`, and what sends the rest and stops it.

    Called on the event loop that the metrics belong to. Raises PreconditionFailed (PORT_TAKEN).
    """
    meter, loop = Meter(), asyncio.get_running_loop()
    on_loop = _OnLoop(meter, loop)
    if metrics == "otlp":
        # gRPC's exporter costs start-up time that other processes do not pay.
        from libs.common.otlp_metrics import OtlpMetricSink  # noqa: PLC0415

        stop = Pusher(meter, on_loop.read, OtlpMetricSink(service)).shutdown
    else:
        stop = _serve_prometheus(service, on_loop.read, host=host, port=int(metrics.removeprefix("prometheus:")))
    closing = contextlib.ExitStack()
    closing.callback(stop)
    closing.callback(measure_process(meter, loop))
    return meter, closing.close


class _OnLoop:
    """Reads a meter from other threads. Nothing is read while the loop stands still for more than a second."""

    def __init__(self, meter: Meter, loop: asyncio.AbstractEventLoop) -> None:
        self._meter = meter
        self._loop = loop

    def read(self) -> Sequence[Reading]:
        async def read() -> Sequence[Reading]:
            return self._meter.read()

        asking = read()
        try:
            return asyncio.run_coroutine_threadsafe(asking, self._loop).result(_READ_SECONDS)
        except (TimeoutError, concurrent.futures.CancelledError, RuntimeError):
            asking.close()
            return ()


class Pusher:
    """Sends everything to a sink from a thread of its own, `every_seconds` and once more at the end."""

    def __init__(
        self,
        meter: Meter,
        read: Callable[[], Sequence[Reading]],
        sink: MetricSink,
        *,
        every_seconds: float = _PUSH_SECONDS,
    ) -> None:
        self._meter = meter
        self._read = read
        self._sink = sink
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._last: Sequence[Reading] = ()
        self._thread = threading.Thread(target=self._run, name="metric-writer", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Sends the last values and ends the thread; gives up on a stalled sink after three seconds."""
        if self._stopped.is_set():
            return
        # On the loop itself, which from here on answers no thread.
        self._last = self._meter.read()
        self._stopped.set()
        self._thread.join(_SHUTDOWN_SECONDS)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_seconds):
            if readings := self._read():
                self._sink.write(readings, self._meter.started_ns)
        self._sink.write(self._last, self._meter.started_ns)
        self._sink.close()


def _serve_prometheus(
    service: str, read: Callable[[], Sequence[Reading]], *, host: str, port: int
) -> Callable[[], None]:
    # Only processes that are scraped need the package.
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415

    registry = CollectorRegistry()
    registry.register(PrometheusFamilies(service, read))
    address = "127.0.0.1" if host.startswith("unix:") else host.strip("[]")
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError:
        raise PreconditionFailed(
            "PORT_TAKEN",
            f"{service} cannot show metrics on {address}:{port}: name a free port in REPARTEE_METRICS=prometheus:PORT.",
        ) from None
    _log.info("metrics on port %d", server.server_port)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(_SHUTDOWN_SECONDS)

    return stop


class PrometheusFamilies:
    """The metrics of a process as prometheus_client's registry asks for them, with exemplars for OpenMetrics."""

    def __init__(self, service: str, read: Callable[[], Sequence[Reading]]) -> None:
        self._service = service
        self._read = read

    def collect(self) -> "Iterator[Metric]":
        """Yields every family; `target_info` says which service and version it is."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415  # see _serve_prometheus

        target = GaugeMetricFamily("target_info", "The process.", labels=["service_name", "service_version"])
        target.add_metric([self._service, version("repartee")], 1)
        yield target
        for reading in self._read():
            yield _family(reading)


def _family(reading: Reading) -> "Metric":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # noqa: PLC0415

    measure = reading.measure
    name, labels = prometheus_name(measure), [label.replace(".", "_") for label in measure.labels]
    family: Any
    if measure.kind is Kind.HISTOGRAM:
        family = HistogramMetricFamily(name, measure.description, labels=labels)
    elif measure.kind is Kind.COUNTER:
        family = CounterMetricFamily(name, measure.description, labels=labels)
    else:
        family = GaugeMetricFamily(name, measure.description, labels=labels)
    for point in reading.points:
        if isinstance(point, Point):
            family.add_metric(point.labels, point.value)
        else:
            family.add_metric(point.labels, _buckets(point, measure.buckets), point.total)
    return family


def _buckets(point: Distribution, bounds: tuple[float, ...]) -> list[tuple[str, float, Any]]:
    from prometheus_client.samples import Exemplar  # noqa: PLC0415  # see _serve_prometheus

    buckets: list[tuple[str, float, Any]] = []
    count = 0
    for bound, each, seen in zip([*map(float, bounds), float("inf")], point.counts, point.exemplars, strict=True):
        count += each
        shown = None
        if seen is not None:
            span = {"trace_id": seen.trace_id, "span_id": f"{seen.span_id:016x}"}
            shown = Exemplar(span, seen.value, seen.at_ns / 1e9)
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), count, shown))
    return buckets
