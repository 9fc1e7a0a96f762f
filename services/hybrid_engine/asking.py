"""What a turn tells the cascade about a call: which row of the ledger it goes on, in which language it is closed."""

from libs.common.errors import ReparteeError
from services.hybrid_engine.llm.chat import Attempt, Purpose
from services.hybrid_engine.llm.endings import ContentFiltered, NoTier
from services.hybrid_engine.turn import NO_TOKENS, Tokens, Turn

LLM_UNAVAILABLE = "LLM_UNAVAILABLE"
LLM_CONTENT_FILTERED = "LLM_CONTENT_FILTERED"
BUDGET_SPENT = "BUDGET_SPENT"


def purpose_of(turn: Turn, component: str, *, variant: str, language: str, agent: str = "") -> Purpose:
    """Returns the purpose of a call for `turn`; `variant` is the engine's own. A shadow's calls are booked apart."""
    return Purpose(
        component="shadow" if turn.shadow else component,
        language=language,
        variant=turn.assigned_variant or variant,
        agent=agent,
        conversation_id=turn.event.conversation_id,
        turn_id=turn.event.turn_id,
    )


def reason_of(error: ReparteeError) -> str:
    """Returns the reason that an answer gives for a call that failed."""
    return error.reason if error.reason in (LLM_CONTENT_FILTERED, BUDGET_SPENT) else LLM_UNAVAILABLE


def attempts_of(error: ReparteeError) -> tuple[Attempt, ...]:
    """Returns the tries that a failed call made; none for an error that is not of the cascade."""
    return error.attempts if isinstance(error, NoTier | ContentFiltered) else ()


def tokens_of(error: ReparteeError) -> Tokens:
    """Returns what the tries of a failed call took: all of it is wasted."""
    if isinstance(error, NoTier | ContentFiltered):
        return Tokens(wasted=error.wasted_tokens, cost_micro_usd=error.cost_micro_usd)
    return NO_TOKENS
