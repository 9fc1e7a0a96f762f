"""Language models in the order they are tried, and the port of one of them."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from libs.common.errors import ReparteeError, Unavailable
from libs.common.request_context import current_or_none

_log = logging.getLogger(__name__)

# What is left of a turn for the template that replaces a model's words.
RESERVE_SECONDS = 0.15
# Under this a model is not asked: it could not answer in time.
_FLOOR_SECONDS = 0.2


class LlmMode(Enum):
    """When models may be called: those that answered last time, all, or none."""

    AUTO = "auto"
    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """What a model is asked: a system text, what was said before as (role, text), and the last message."""

    system: str
    user: str
    history: tuple[tuple[str, str], ...] = ()
    max_output_tokens: int = 256


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What a model wrote, from its first word to a clean end."""

    text: str
    tier: str
    finish_reason: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatModel(Protocol):
    """One tier."""

    @property
    def name(self) -> str:
        """Such as `lm_studio`."""
        ...

    @property
    def models(self) -> Sequence[str]:
        """Its models."""
        ...

    async def complete(self, prompt: ChatPrompt, *, timeout_seconds: float) -> ChatReply:
        """Returns the whole reply within `timeout_seconds`.

        Raises Unavailable (LLM_UNAVAILABLE, LLM_TIMEOUT, LLM_STALLED, LLM_TRUNCATED, LLM_TOO_LARGE) and
        PreconditionFailed (LLM_CONTENT_FILTERED).
        """
        ...


@dataclass
class Cascade:
    """The models of one tenant or of the process; none at all is a good cascade that always says so."""

    tiers: Sequence[ChatModel] = ()
    mode: LlmMode = LlmMode.AUTO
    whole_seconds: float = 6.0
    cool_down_seconds: float = 5.0
    now: Callable[[], float] = time.monotonic
    _rests_until: dict[str, float] = field(default_factory=dict[str, float])
    _answered: set[str] = field(default_factory=set[str])

    @property
    def configured(self) -> bool:
        """Whether any model may be called."""
        return bool(self.tiers) and self.mode is not LlmMode.DISABLED

    def resting(self, tier: str) -> bool:
        """Whether a tier failed so lately that, in mode `auto`, it is left alone."""
        return self.mode is LlmMode.AUTO and self.now() < self._rests_until.get(tier, 0.0)

    def answered(self, tier: str) -> bool:
        """Whether a tier answered when it was last asked."""
        return tier in self._answered

    async def complete(self, prompt: ChatPrompt) -> ChatReply:
        """Returns the first reply of a tier. Raises Unavailable (NO_TIER_AVAILABLE) when none answers in time.

        A reply that a filter refused is raised as it is: another model would be asked the same.
        """
        reasons: list[str] = []
        for tier in self.tiers if self.configured else ():
            timeout = self._timeout()
            if timeout < _FLOOR_SECONDS:
                reasons.append("NO_TIME")
                break
            if self.resting(tier.name):
                reasons.append(f"{tier.name}:RESTING")
                continue
            try:
                reply = await tier.complete(prompt, timeout_seconds=timeout)
            except Unavailable as error:
                reasons.append(f"{tier.name}:{error.reason}")
                self._rests_until[tier.name] = self.now() + self.cool_down_seconds
                self._answered.discard(tier.name)
                _log.warning("tier %s failed: %s", tier.name, error.reason)
            else:
                self._answered.add(tier.name)
                return reply
        raise no_tier(", ".join(reasons))

    def _timeout(self) -> float:
        context = current_or_none()
        if context is None:
            return self.whole_seconds
        return context.budget.timeout(self.whole_seconds, reserve=RESERVE_SECONDS)


def no_tier(tried: str = "") -> ReparteeError:
    """Returns the error of an engine that needs a model and has none; `tried` names tiers with their reasons."""
    return Unavailable(
        "NO_TIER_AVAILABLE",
        "No language model answers; configure one, or use the engine that needs none.",
        metadata={"tried": tried} if tried else None,
    )
