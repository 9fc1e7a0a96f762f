"""Metrics to an OTLP collector, through OpenTelemetry's own data model and exporter, with exemplars."""

import time
from collections.abc import Sequence
from typing import Any, cast

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from libs.common.measure import Kind, Measure
from libs.common.metrics import Distribution, Exemplar, Point, Reading

_SCOPE = InstrumentationScope("repartee")
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class OtlpMetricSink:
    """Sends to the collector that the standard OTEL_EXPORTER_OTLP_… variables name.

    What the collector does not take is not lost: the next sums hold it too.
    """

    def __init__(self, service: str) -> None:
        self._resource = Resource.create({"service.name": service})
        # Its keyword arguments are untyped.
        self._exporter: Any = OTLPMetricExporter(timeout=2)

    def write(self, readings: Sequence[Reading], started_ns: int) -> None:
        self._exporter.export(metrics_data(readings, self._resource, started_ns=started_ns, now_ns=time.time_ns()))

    def close(self) -> None:
        self._exporter.shutdown()


def metrics_data(readings: Sequence[Reading], resource: Resource, *, started_ns: int, now_ns: int) -> MetricsData:
    """Returns `readings` as the SDK's exporters take them; times in nanoseconds since the epoch."""
    metrics = [_metric(each, started_ns, now_ns) for each in readings]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(_SCOPE, metrics, "")], "")])


def _metric(reading: Reading, started_ns: int, now_ns: int) -> Metric:
    measure = reading.measure
    distributions = [
        _distribution(each, measure, started_ns, now_ns) for each in reading.points if isinstance(each, Distribution)
    ]
    numbers = [
        NumberDataPoint(_attributes(measure, each.labels), started_ns, now_ns, each.value)
        for each in reading.points
        if isinstance(each, Point)
    ]
    if measure.kind is Kind.HISTOGRAM:
        values: Histogram | Sum | Gauge = Histogram(distributions, _CUMULATIVE)
    elif measure.kind is Kind.COUNTER:
        values = Sum(numbers, _CUMULATIVE, is_monotonic=True)
    else:
        values = Gauge(numbers)
    return Metric(measure.name, measure.description, measure.unit, values)


def _attributes(measure: Measure, labels: tuple[str, ...]) -> dict[str, str]:
    """A label without a value is none, as it is to Prometheus."""
    return {name: value for name, value in zip(measure.labels, labels, strict=True) if value}


def _distribution(each: Distribution, measure: Measure, started_ns: int, now_ns: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=_attributes(measure, each.labels),
        start_time_unix_nano=started_ns,
        time_unix_nano=now_ns,
        count=sum(each.counts),
        sum=each.total,
        bucket_counts=each.counts,
        explicit_bounds=measure.buckets,
        # The least and greatest value are not kept, and optional on the wire.
        min=cast("float", None),
        max=cast("float", None),
        exemplars=[_exemplar(seen) for seen in each.exemplars if seen is not None],
    )


def _exemplar(seen: Exemplar) -> SdkExemplar:
    return SdkExemplar({}, seen.value, seen.at_ns, seen.span_id, int(seen.trace_id, 16))
