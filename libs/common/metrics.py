"""Values of metrics as a process counts them, at the cost of an addition; exporters read them from time to time.

OpenTelemetry's SDK takes some 10 µs for a value of a histogram, which every hop would pay twice.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from libs.common.measure import Kind, Measure
from libs.common.spans import CURRENT, RecordedSpan, drop

# Sets of label values of one metric; what comes later is counted under OTHER.
MAX_SERIES = 500
OTHER = "other"

# Label values in the order of the measure's labels, and the value now.
Reads = Callable[[], Iterable[tuple[tuple[str, ...], float]]]


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A value with the span that it belongs to; `at_ns` since the epoch."""

    value: float
    trace_id: str
    span_id: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Point:
    """The sum of a counter, or a gauge's value."""

    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram's values: `counts` by bucket, one more than the measure has bounds, and `total` their sum."""

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    total: float
    exemplars: tuple[Exemplar | None, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything of one metric at one moment."""

    measure: Measure
    points: Sequence[Point | Distribution]


class Histogram:
    """Values under one set of labels."""

    __slots__ = ("_bounds", "_counts", "_exemplars", "_total", "_wanted")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0
        self._exemplars: list[tuple[float, RecordedSpan] | None] = [None] * (len(bounds) + 1)
        # One a bucket between two readings: to let go of a span costs more than to count.
        self._wanted = [True] * (len(bounds) + 1)

    def observe(self, value: float, span: RecordedSpan | None = None) -> None:
        """Counts `value`; the first `span` of each bucket since the last reading is its exemplar, if it is kept."""
        bucket = bisect_left(self._bounds, value)
        self._counts[bucket] += 1
        self._total += value
        if self._wanted[bucket] and span is not None and span.sink is not drop:
            self._wanted[bucket] = False
            self._exemplars[bucket] = (value, span)

    def read(self, labels: tuple[str, ...]) -> Distribution:
        """Returns the values so far. An exemplar stays until there is a newer one."""
        self._wanted = [True] * len(self._wanted)
        exemplars = tuple(None if seen is None else _exemplar(*seen) for seen in self._exemplars)
        return Distribution(labels, tuple(self._counts), self._total, exemplars)


class Counter:
    """A sum under one set of labels."""

    __slots__ = ("_sum",)

    def __init__(self) -> None:
        self._sum = 0.0

    def add(self, value: float = 1.0) -> None:
        """Adds `value`, which is not negative."""
        self._sum += value

    def read(self, labels: tuple[str, ...]) -> Point:
        """Returns the sum so far."""
        return Point(labels, self._sum)


class Meter:
    """The metrics of one process. Everything here belongs to one event loop. One that nobody reads costs as little."""

    def __init__(self, *, started_ns: int | None = None) -> None:
        self.started_ns = started_ns or time.time_ns()
        self._histograms: dict[Measure, dict[tuple[str, ...], Histogram]] = {}
        self._counters: dict[Measure, dict[tuple[str, ...], Counter]] = {}
        self._reads: dict[Measure, Reads] = {}

    def histogram(self, measure: Measure, *labels: str) -> Histogram:
        """Returns where values under `labels` are counted; raises ValueError for labels the measure does not have."""
        series = self._histograms.setdefault(_known(measure, Kind.HISTOGRAM, labels), {})
        labels = _bounded(labels, series)
        found = series.get(labels)
        if found is None:
            found = series[labels] = Histogram(measure.buckets)
        return found

    def counter(self, measure: Measure, *labels: str) -> Counter:
        """Returns where a sum under `labels` is kept; raises ValueError for labels the measure does not have."""
        series = self._counters.setdefault(_known(measure, Kind.COUNTER, labels), {})
        labels = _bounded(labels, series)
        found = series.get(labels)
        if found is None:
            found = series[labels] = Counter()
        return found

    def gauge(self, measure: Measure, read: Reads) -> None:
        """Asks `read` whenever the metric is read; it returns at once and never raises."""
        self._reads[_known(measure, Kind.GAUGE, measure.labels)] = read

    def total(self, measure: Measure, read: Reads) -> None:
        """Asks `read` for the sums of a counter that is kept elsewhere, which never fall; see `gauge`."""
        self._reads[_known(measure, Kind.COUNTER, measure.labels)] = read

    def read(self) -> Sequence[Reading]:
        """Returns every metric that has a value."""
        kept = [
            Reading(measure, [each.read(labels) for labels, each in series.items()])
            for group in (self._histograms, self._counters)
            for measure, series in group.items()
        ]
        for measure, read in self._reads.items():
            points = [Point(labels, value) for labels, value in read()][:MAX_SERIES]
            kept.append(Reading(measure, points))
        return [each for each in kept if each.points]


def served_span() -> RecordedSpan | None:
    """Returns the span of what is being done for the call being served, for an exemplar; None outside of a trace."""
    return CURRENT.get()


def _exemplar(value: float, span: RecordedSpan) -> Exemplar:
    return Exemplar(value, span.trace_id, span.span_id, span.end_ns or span.start_ns)


def _known(measure: Measure, kind: Kind, labels: tuple[str, ...]) -> Measure:
    if measure.kind is not kind or len(labels) != len(measure.labels):
        raise ValueError(f"{measure.name} is a {measure.kind.value} with the labels {measure.labels}")
    return measure


def _bounded(
    labels: tuple[str, ...], series: dict[tuple[str, ...], Histogram] | dict[tuple[str, ...], Counter]
) -> tuple[str, ...]:
    return labels if labels in series or len(series) < MAX_SERIES else (OTHER,) * len(labels)
