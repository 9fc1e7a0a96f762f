"""How a cascade ends when no tier has served."""

from libs.common.errors import PreconditionFailed, Unavailable
from services.hybrid_engine.llm.chat import Attempt

NO_TIER_AVAILABLE = "NO_TIER_AVAILABLE"
BUDGET_SPENT = "BUDGET_SPENT"
CONTENT_FILTERED = "LLM_CONTENT_FILTERED"


class NoTier(Unavailable):
    """No model answers; `attempts` says what was tried, and the rest what that cost."""

    def __init__(
        self,
        attempts: tuple[Attempt, ...] = (),
        *,
        reason: str = NO_TIER_AVAILABLE,
        wasted_tokens: int = 0,
        cost_micro_usd: int = 0,
    ) -> None:
        message = (
            "Today's budget for language models is spent; templates and canned replies serve until midnight UTC."
            if reason == BUDGET_SPENT
            else "No language model answers; configure one, or use the engine that needs none."
        )
        tried = ", ".join(f"{each.tier}:{each.reason}" for each in attempts)
        super().__init__(reason, message, metadata={"tried": tried} if tried else None)
        self.attempts = attempts
        self.wasted_tokens = wasted_tokens
        self.cost_micro_usd = cost_micro_usd


class ContentFiltered(PreconditionFailed):
    """A filter refused the text; another model is not asked the same. Fields as of NoTier."""

    def __init__(self, attempts: tuple[Attempt, ...] = (), *, wasted_tokens: int = 0, cost_micro_usd: int = 0) -> None:
        super().__init__(CONTENT_FILTERED, "A filter of the language model refused the text.")
        self.attempts = attempts
        self.wasted_tokens = wasted_tokens
        self.cost_micro_usd = cost_micro_usd


def no_tier(tried: str = "") -> NoTier:
    """Returns the error of an engine that needs a model and has none; `tried` is a tier and a reason, `TIER:REASON`."""
    tier, _, reason = tried.partition(":")
    return NoTier((Attempt(tier, "", reason),) if tried else ())
