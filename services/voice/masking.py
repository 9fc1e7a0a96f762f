"""When a wait is masked, and by which phrase: decided from earlier waits, without clocks, audio or randomness.

Times are in milliseconds after the caller's turn came in. Thresholds are of the filler policy as it was simulated
(`benchmarks.voice_masking` prints the table again): no listener hears a silence above `CHAIN_MS` once sound has begun.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from libs.common.request_context import TenantId

OBSERVATIONS = 200
# Below this p90 an answer comes as fast as a person would give it.
NO_FILLER_P90_MS = 250.0
GATE_MS = 200.0
# Above this median a gate only delays the first sound.
IMMEDIATE_P50_MS = 800.0
# What a cached answer may take to arrive before an immediate filler begins; within the 20 ms of a first sound.
CACHED_GRACE_MS = 15.0
CHAIN_MS = 400.0
APOLOGY_MS = 4_000.0
FALLBACK_MS = 8_000.0
MAX_FILLERS = 2
# A phrase is cut only when its rest lasts at least this long, and then at a pause.
CUT_FROM_REST_MS = 1_200.0

ONE_MOMENT = "filler_one_moment"
APOLOGIES = ("apology_wait", "apology_hold")
FALLBACK = "fallback"
GREETINGS = frozenset({"greet", "welcome"})

# By phase of the flow. One phrase is kept for the second filler. None in a greeting, which is content itself; nothing
# light-hearted in a complaint.
_FILLERS: Mapping[str, tuple[str, ...]] = {
    "greet": (),
    "greeting": (),
    "diagnostic": ("filler_hum", "filler_ok", "filler_let_me_see"),
    "verification": ("filler_ok",),
    "collecting": ("filler_ok", "filler_let_me_see"),
    "complaint": ("filler_let_me_see", ONE_MOMENT),
}
_ANY_PHASE = ("filler_hum", "filler_let_me_see")
_STAND_INS = (ONE_MOMENT, "filler_let_me_see")

_ACKNOWLEDGEMENT = re.compile(
    r"(oui|non|ouais|si|ok|okay|d accord|c est bon|voila|exactement|merci|yes|no|yep|yeah|nope|sure|right|thanks)"
    r"( (oui|non|merci|d accord|c est bon|yes|no|ok|please|thanks|madame|monsieur))*"
)


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a wait will be, in milliseconds: quantiles of the waits before it."""

    p50: float
    p75: float
    p90: float


# Until a phase is known: a model of half a second to a second, a voice of a quarter.
UNKNOWN = Forecast(1_030.0, 1_200.0, 1_300.0)
_KNOWN_FROM = 10


class Waits:
    """The last waits of each tenant's phases, of the `max_kept` phases used last."""

    def __init__(self, *, max_kept: int = 10_000) -> None:
        self._max_kept = max_kept
        self._waits: OrderedDict[tuple[TenantId, str], deque[float]] = OrderedDict()

    def observe(self, tenant: TenantId, phase: str, wait_ms: float) -> None:
        """Notes that an answer's first sound was ready after `wait_ms`."""
        kept = self._waits.setdefault((tenant, phase), deque(maxlen=OBSERVATIONS))
        kept.append(wait_ms)
        self._waits.move_to_end((tenant, phase))
        if len(self._waits) > self._max_kept:
            self._waits.popitem(last=False)

    def forecast(self, tenant: TenantId, phase: str) -> Forecast:
        """Returns what to expect; `UNKNOWN` before the tenth observation."""
        kept = sorted(self._waits.get((tenant, phase), ()))
        if len(kept) < _KNOWN_FROM:
            return UNKNOWN
        return Forecast(*(kept[min(len(kept) - 1, int(len(kept) * share))] for share in (0.50, 0.75, 0.90)))


class StepKind(Enum):
    """What is played while the answer is not there."""

    FILLER = "filler"
    APOLOGY = "apology"
    # The last one: the answer is no longer waited for.
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Step:
    """Play the phrase `key` at `at_ms`, unless the answer is there by then."""

    kind: StepKind
    key: str
    at_ms: float


class Mask:
    """The wait of one turn.

    `lengths` are the phrases that can be played at once, by key, in milliseconds; `last_filler` the one that the
    conversation heard last. `forecast` is None for a turn that gets no filler.
    """

    def __init__(
        self, *, forecast: Forecast | None, phase: str, lengths: Mapping[str, float], last_filler: str = ""
    ) -> None:
        self.last_filler = last_filler
        self._forecast = forecast
        self._fillers = _FILLERS.get(phase.lower(), _ANY_PHASE)
        self._lengths = lengths
        self._fillers_left = MAX_FILLERS if forecast is not None and self._fillers else 0
        self._apologies = [key for key in APOLOGIES if key in lengths]
        self._apologised = False
        self._waits_since = 0.0

    def first(self) -> Step:
        """Returns what breaks the silence at the beginning of the turn."""
        forecast = self._forecast
        if forecast is None or not self._fillers_left:
            return self._excuse(APOLOGY_MS)
        at_ms = CACHED_GRACE_MS if forecast.p50 > IMMEDIATE_P50_MS else GATE_MS
        if forecast.p90 < NO_FILLER_P90_MS:
            # Foreseen as short, and was not: as if a filler had ended when the answer was due.
            at_ms = NO_FILLER_P90_MS + CHAIN_MS
        # A pause as long as the chain's bridges the rest: a longer filler would make every answer wait.
        key = self._choose(self._fillers, covering_ms=forecast.p75 - at_ms - CHAIN_MS)
        return Step(StepKind.FILLER, key, at_ms) if key else self._excuse(APOLOGY_MS)

    def next(self, *, silent_since_ms: float) -> Step:
        """Returns what follows a sound that ends at `silent_since_ms`."""
        at_ms = silent_since_ms + CHAIN_MS
        if self._fillers_left and at_ms < self._waits_since + APOLOGY_MS:
            # The second one need not cover anything: the shortest makes the answer wait least.
            key = self._choose((ONE_MOMENT,), covering_ms=0.0)
            if key:
                return Step(StepKind.FILLER, key, at_ms)
        return self._excuse(at_ms, not_before_ms=silent_since_ms)

    def played(self, step: Step) -> None:
        """Notes that a step was played."""
        if step.kind is StepKind.FILLER:
            self._fillers_left -= 1
            self.last_filler = step.key
        elif step.kind is StepKind.APOLOGY:
            self._apologised = True
            # In turns, until the time is over: to give up earlier would lose answers.
            self._apologies.append(self._apologies.pop(0))

    def answered(self, until_ms: float) -> None:
        """Notes that the answer is heard until `until_ms`: the next wait, if any, begins there."""
        self._waits_since = until_ms
        self._apologised = False

    def _excuse(self, at_ms: float, *, not_before_ms: float = 0.0) -> Step:
        """Returns an apology, or the fallback once the time is over."""
        if self._apologies:
            # Only the first is early: it must come by its time, and the others leave a pause.
            due_ms = at_ms
            if not self._apologised:
                due_ms = min(at_ms, max(self._waits_since + APOLOGY_MS, not_before_ms))
            if due_ms < self._waits_since + FALLBACK_MS:
                return Step(StepKind.APOLOGY, self._apologies[0], due_ms)
        due_ms = max(self._waits_since + FALLBACK_MS, not_before_ms)
        return Step(StepKind.FALLBACK, FALLBACK, min(at_ms, due_ms) if not_before_ms else due_ms)

    def _choose(self, keys: Sequence[str], *, covering_ms: float) -> str:
        """Returns the shortest that covers, else the longest; not the last heard; "" when there is none."""
        ready = self._others(keys) or self._others(_STAND_INS)
        covering = [key for key in ready if self._lengths[key] >= covering_ms]
        if covering:
            return min(covering, key=self._lengths.__getitem__)
        return max(ready, key=self._lengths.__getitem__, default="")

    def _others(self, keys: Sequence[str]) -> list[str]:
        return [key for key in keys if key in self._lengths and key != self.last_filler]


def acknowledges(message: str) -> bool:
    """Returns whether a message says no more than yes or no, in French or English."""
    words = " ".join(re.findall(r"[^\W_]+", message.lower().replace("à", "a")))
    return _ACKNOWLEDGEMENT.fullmatch(words) is not None


def cut_at(pauses_ms: Sequence[float], *, position_ms: float, length_ms: float) -> float:
    """Returns where to end a phrase when the answer is ready at `position_ms` of it: a pause, or its own end."""
    if length_ms - position_ms < CUT_FROM_REST_MS:
        return length_ms
    return next((pause for pause in pauses_ms if pause >= position_ms), length_ms)
