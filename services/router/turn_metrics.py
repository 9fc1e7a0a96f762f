"""Turns as metrics: how many, how they went, and how long they took. Whose they were is not told."""

from libs.common.measures import Measures
from libs.common.metrics import Meter
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord


class MetricsOfTurns:
    """Counts every turn for the dashboards of this process; does nothing without a meter."""

    def __init__(self, meter: Meter | None) -> None:
        self._meter = meter
        if meter is not None:
            # From 0 on: the first failure of a series that only begins with it is no increase to Prometheus.
            for variant in Variant:
                for rung in Rung:
                    failed = rung in (Rung.OTHER_ENGINE, Rung.EMERGENCY)
                    meter.counter(Measures.TURNS, variant.value, rung.name.lower(), "miss", _word(failed))

    def record(self, turn: TurnRecord) -> None:
        """Counts one turn."""
        if self._meter is None:
            return
        variant, cache = turn.assigned.value, "hit" if turn.cache_hit else "miss"
        self._meter.counter(Measures.TURNS, variant, turn.rung.name.lower(), cache, _word(turn.failed)).add()
        self._meter.histogram(Measures.TURN_DURATION, variant, cache).observe(turn.seconds)


def _word(is_true: bool) -> str:
    return "true" if is_true else "false"
