"""A tier with what is known about it now: whether it may be asked, and in which state it is shown."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from enum import Enum

from services.hybrid_engine.llm.breaker import Breaker
from services.hybrid_engine.llm.faults import HANDLING, Fault, TierFailure
from services.hybrid_engine.llm.mode import LlmMode
from services.hybrid_engine.llm.model import ChatModel, Traits

_log = logging.getLogger(__name__)

_LABELS = {"lm_studio": "LM Studio", "openai": "OpenAI", "openrouter": "OpenRouter", "groq": "Groq"}
_TRAITS = Traits()

NO_KEY = "LLM_NO_KEY"
SWITCHED_OFF = "TIER_SWITCHED_OFF"
NOT_DETECTED = "TIER_NOT_DETECTED"
RESTING = "TIER_RESTING"


class TierState(Enum):
    """How a tier is."""

    DISABLED = "disabled"
    UNKNOWN = "unknown"
    UP = "up"
    REACHABLE_EMPTY = "reachable_empty"
    DEGRADED = "degraded"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Detection(Enum):
    """What the last probe, or the last request that was served, has shown."""

    UNKNOWN = "unknown"
    UP = "up"
    EMPTY = "empty"
    DOWN = "down"


class GuardedTier:
    """One tier: its model, its breaker, what probes have found. Asking it costs no more than a few comparisons."""

    def __init__(
        self,
        model: ChatModel,
        traits: Traits = _TRAITS,
        *,
        has_key: bool = True,
        now: Callable[[], float] = time.monotonic,
        jitter: random.Random | None = None,
    ) -> None:
        self.model = model
        self.traits = traits
        self.has_key = has_key
        self.breaker = Breaker(now=now, jitter=jitter)
        self.detection = Detection.UNKNOWN
        self.has_served = False
        self._refusal = "" if has_key else NO_KEY
        self._gone: set[str] = set()
        self._said = TierState.UNKNOWN if has_key else TierState.DISABLED

    @property
    def name(self) -> str:
        """Such as `lm_studio`."""
        return self.model.name

    @property
    def label(self) -> str:
        """The name as people write it."""
        return _LABELS.get(self.name, self.name)

    @property
    def refusal(self) -> str:
        """UPPER_SNAKE reason why it is off until something changes; empty while it is not."""
        return self._refusal

    @property
    def models(self) -> Sequence[str]:
        """Its models that are not gone, in the order they are tried."""
        return [model for model in self.model.models if model not in self._gone]

    def state(self, mode: LlmMode) -> TierState:
        """Returns how it is to a process in `mode`."""
        if mode is LlmMode.DISABLED or self._refusal:
            return TierState.DISABLED
        if not self.breaker.is_closed:
            return TierState.OPEN if self.breaker.retry_in() > 0 else TierState.HALF_OPEN
        if self.detection is Detection.DOWN:
            return TierState.OPEN
        if self.breaker.failed_lately:
            return TierState.DEGRADED
        if self.detection is Detection.EMPTY:
            return TierState.REACHABLE_EMPTY
        return TierState.UP if self.detection is Detection.UP else TierState.UNKNOWN

    def pass_over(self, mode: LlmMode) -> str:
        """Returns the UPPER_SNAKE reason not to ask it now, or nothing, and then one of the next four must be called.

        In mode `auto` a tier that no probe could reach is passed over; in mode `enabled` it is asked.
        """
        if mode is LlmMode.DISABLED:
            return SWITCHED_OFF
        if self._refusal:
            return self._refusal
        if mode is LlmMode.AUTO and self.detection is Detection.DOWN:
            return NOT_DETECTED
        return "" if self.breaker.admits() else RESTING

    def succeeded(self, epoch: int | None = None) -> None:
        """Notes that it served; `epoch` here and below is the breaker's when the request was let in."""
        self.breaker.succeeded(epoch)
        self.detection = Detection.UP
        self.has_served = True
        self._say()

    def failed(self, failure: TierFailure, model: str, epoch: int | None = None) -> None:
        """Notes that it did not serve, and whose fault that was."""
        if failure.fault is Fault.MODEL_GONE:
            self._gone.add(model)
        if failure.fault is Fault.REFUSED or not self.models:
            self._refusal = failure.fault.value
            _log.error("[MODEL] 🚫 %s refusé: %s", self.name.upper(), HANDLING[failure.fault].word)
        if HANDLING[failure.fault].counts:
            self.breaker.failed(failure.retry_after_seconds, epoch)
        else:
            self.breaker.let_go(epoch)
        self._say()

    def rest(self, seconds: float) -> None:
        """Leaves it alone for as long as it asked for."""
        self.breaker.rest(seconds)
        self._say()

    def let_go(self, epoch: int | None = None) -> None:
        """Notes that a request ended without telling anything about it."""
        self.breaker.let_go(epoch)

    def found(self, models: Sequence[str]) -> None:
        """Notes that a probe was answered with these names. What was refused may be tried again.

        A tier without any of its own models stays off; an empty list means that a server loads them when asked.
        """
        if not self.has_key:
            return
        self._gone = {model for model in self._gone if model not in models}
        if self.models:
            self._refusal = ""
        self.detection = Detection.UP if models else Detection.EMPTY
        self.breaker.try_soon()
        self._say()

    def missed(self, failure: TierFailure) -> None:
        """Notes that a probe was not answered well."""
        if failure.fault is Fault.REFUSED:
            self._refusal = failure.fault.value
            _log.error("[MODEL] 🚫 %s refusé: %s", self.name.upper(), HANDLING[failure.fault].word)
        self.detection = Detection.DOWN
        self._say()

    def _say(self) -> None:
        """One line for each change of state, and none between."""
        state = self.state(LlmMode.AUTO)
        if state is not self._said:
            level = logging.WARNING if state in (TierState.OPEN, TierState.DISABLED) else logging.INFO
            _log.log(level, "[MODEL] %s: %s → %s", self.name, self._said.value, state.value)
            self._said = state
