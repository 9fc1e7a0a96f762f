"""Turns as metrics: how many, how they went, and how long they took. Whose they were is not told."""

from libs.common.measures import Measures
from libs.common.metrics import Meter, served_span
from services.router.afterwards.sequel import Sequel
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord


class MetricsOfTurns:
    """Counts every turn for the dashboards of this process; nobody reads them without a meter."""

    def __init__(self, meter: Meter | None) -> None:
        self._meter = meter or Meter()
        # From 0 on: the first failure of a series that only begins with it is no increase to Prometheus.
        for variant in Variant:
            for rung in Rung:
                failed = rung in (Rung.OTHER_ENGINE, Rung.EMERGENCY)
                self._meter.counter(Measures.TURNS, variant.value, rung.name.lower(), "miss", _word(failed))

    def record(self, turn: TurnRecord) -> None:
        """Counts one turn."""
        variant, cache = turn.assigned.value, "hit" if turn.cache_hit else "miss"
        self._meter.counter(Measures.TURNS, variant, turn.rung.name.lower(), cache, _word(turn.failed)).add()
        self._meter.histogram(Measures.TURN_DURATION, variant, cache).observe(turn.seconds, served_span())
        signals = {"template": turn.template, "escalated": turn.escalated, "asked_again": turn.asked_again}
        for signal, is_seen in signals.items():
            if is_seen:
                self._meter.counter(Measures.SIGNALS, variant, signal).add()

    def record_sequel(self, sequel: Sequel) -> None:
        """Counts what became known of a turn later: a rating, or that nobody went on."""
        self._meter.counter(Measures.SIGNALS, sequel.assigned.value, sequel.kind.value).add()

    def refused(self, subject: str) -> None:
        """Counts a turn above a limit: the `user`'s, or the `tenant`'s."""
        self._meter.counter(Measures.TURNS_REFUSED, "customer" if subject == "user" else "tenant").add()


def _word(is_true: bool) -> str:
    return "true" if is_true else "false"
