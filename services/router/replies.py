"""The reply to a turn, made of whatever served it: a cached answer, an engine, or the emergency text."""

from services.router.answers import CachedAnswer
from services.router.ladder import Served
from services.router.turn import NO_STATE, CacheOutcome, FlowState, Reply, Rung, Variant


def cached_reply(hit: CachedAnswer, *, turn_id: str, variant: Variant, trace_id: str) -> Reply:
    """Returns the reply that repeats an earlier answer: neither system served it, and its state is yet to be read."""
    return Reply(
        text=hit.text,
        turn_id=turn_id,
        variant=variant,
        rung=Rung.ASSIGNED,
        state=NO_STATE,
        cache=hit.outcome,
        agent=hit.agent,
        confidence=hit.outcome.confidence,
        sources=hit.sources,
        action="answer_question",
        trace_id=trace_id,
    )


def served_reply(
    served: Served, *, turn_id: str, variant: Variant, state: FlowState, miss_reason: str, trace_id: str
) -> Reply:
    """Returns the reply that the ladder came to; the emergency text leaves `state` as it was."""
    cache = CacheOutcome(miss_reason=miss_reason)
    answer = served.answer
    if answer is None:
        return Reply(
            text=served.text,
            turn_id=turn_id,
            variant=variant,
            rung=served.rung,
            state=state,
            cache=cache,
            reasons=served.reasons,
            action="emergency",
            trace_id=trace_id,
        )
    return Reply(
        text=served.text,
        turn_id=turn_id,
        variant=variant,
        rung=served.rung,
        state=answer.state,
        cache=cache,
        served_by=served.served_by,
        agent=answer.agent,
        confidence=answer.confidence,
        reasoning=answer.reasoning,
        reasons=served.reasons,
        sources=answer.sources,
        usage=answer.usage,
        action=answer.action,
        llm_tier=answer.llm_tier,
        trace_id=trace_id,
        attempts=answer.attempts,
        finish_reason=answer.finish_reason,
    )
