"""Stages of use cases as a metric: the same names and blocks that make spans."""

import time
from contextlib import AbstractContextManager
from types import TracebackType

from libs.common.measures import Measures
from libs.common.metrics import Histogram, Meter, served_span
from libs.common.stages import Stages


def timed(stages: Stages, meter: Meter | None) -> Stages:
    """Returns `stages`, measured where there is a meter; a stage's exemplar is its own span, where that is kept."""
    if meter is None:
        return stages
    histograms: dict[str, Histogram] = {}

    def stage_of(name: str) -> AbstractContextManager[object]:
        found = histograms.get(name)
        if found is None:
            found = histograms[name] = meter.histogram(Measures.STAGE, name)
        return _TimedStage(stages(name), found)

    return stage_of


class _TimedStage:
    """A block that is timed; a generator would cost several times as much."""

    __slots__ = ("_began", "_durations", "_inner")

    def __init__(self, inner: AbstractContextManager[object], durations: Histogram) -> None:
        self._inner = inner
        self._durations = durations
        self._began = 0.0

    def __enter__(self) -> object:
        entered = self._inner.__enter__()
        self._began = time.perf_counter()
        return entered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._durations.observe(time.perf_counter() - self._began, served_span())
        return self._inner.__exit__(kind, error, trace)
