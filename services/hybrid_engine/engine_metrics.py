"""Answers of an engine, and its requests to language models, as metrics of the process."""

from collections.abc import Callable, Iterable

from libs.common.measures import Measures
from libs.common.metrics import OTHER, Meter
from services.hybrid_engine.llm.choosing import Cascades
from services.hybrid_engine.llm.guarded_tier import TierState
from services.hybrid_engine.llm.trying import Try
from services.hybrid_engine.turn import Answer

_CHAT = "chat"


class EngineMetrics:
    """Counts answers, and tries of models; what a tenant calls tiers and models of its own is not told."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def answered(self, answer: Answer) -> None:
        """Counts one answer."""
        reason = answer.reasons[0] if answer.reasons else ""
        self._meter.counter(Measures.ANSWERS, answer.wording.value, reason).add()

    def tried(self, attempt: Try, *, is_installed: bool) -> None:
        """Counts one try of a tier, which the installation names itself or else a tenant does."""
        tier, model = (attempt.tier.name, attempt.model) if is_installed else (OTHER, OTHER)
        failure = attempt.failure
        outcome = failure.reason if failure is not None else "served" if attempt.is_whole else "left"
        self._meter.counter(Measures.MODEL_ATTEMPTS, tier, outcome).add()
        self._meter.histogram(Measures.MODEL_DURATION, _CHAT, model).observe(attempt.seconds())
        if attempt.first_seconds is not None:
            self._meter.histogram(Measures.FIRST_CHUNK, _CHAT, model).observe(attempt.first_seconds)

    def show_tiers(self, cascades: Cascades) -> None:
        """Lets the meter read how the installation's tiers are, whenever it is read."""
        self._meter.gauge(Measures.TIER_STATE, states_of(cascades))


def states_of(cascades: Cascades) -> Callable[[], Iterable[tuple[tuple[str, ...], float]]]:
    """Returns what reads, for each tier of the installation and each state, 1 where it is in it."""

    def read() -> Iterable[tuple[tuple[str, ...], float]]:
        for tier in cascades.of_process.tiers:
            now = tier.state(cascades.mode)
            for state in TierState:
                yield (tier.name, state.value), float(state is now)

    return read
