"""A decision's template in a model's words, or the template itself with the reason why."""

import logging
from dataclasses import dataclass, replace

from libs.common.errors import ReparteeError
from libs.common.stages import Stages
from libs.common.text_fold import words as split_words
from services.hybrid_engine.asking import attempts_of, purpose_of, reason_of, tokens_of
from services.hybrid_engine.hybrid.checks import TOO_LONG, first_failure
from services.hybrid_engine.hybrid.decision import Decision
from services.hybrid_engine.hybrid.wording import Words
from services.hybrid_engine.llm.chat import Attempt
from services.hybrid_engine.llm.tiers import Cascade
from services.hybrid_engine.streaming import spent
from services.hybrid_engine.turn import NO_TOKENS, Tokens, Turn, Wording

_log = logging.getLogger(__name__)

LLM_NOT_CONFIGURED = "LLM_NOT_CONFIGURED"
# The template serves: in other words nobody could tell which of its figures is which.
FACTS_AMBIGUOUS = "FACTS_AMBIGUOUS"
# The template serves: there are no checks for the conversation's language.
LANGUAGE_NOT_CHECKED = "LANGUAGE_NOT_CHECKED"
VARIANT = "hybrid"


@dataclass(frozen=True, slots=True)
class Worded:
    """A text, who worded it, why no model did, and what was spent on it."""

    text: str
    wording: Wording
    reasons: tuple[str, ...] = ()
    tokens: Tokens = NO_TOKENS
    tier: str = ""
    attempts: tuple[Attempt, ...] = ()
    complete: bool = True
    finish_reason: str = "template"

    def instead(self, text: str, *reasons: str, wording: Wording = Wording.TEMPLATE) -> "Worded":
        """Returns `text` in place of this one, with what was spent and tried, and one reason more."""
        return replace(
            self,
            text=text,
            wording=wording,
            reasons=(*self.reasons, *reasons),
            complete=True,
            finish_reason=wording.value,
        )


async def reword(turn: Turn, decision: Decision, speech: Words, cascade: Cascade, stages: Stages) -> Worded:
    """Returns the words for `decision`: a model's when they pass every check and the gate, else the template."""
    template = speech.template(decision)
    reason = _reason_not_to_ask(template, speech, cascade)
    worded = Worded(template, Wording.TEMPLATE, (reason,)) if reason else None
    if worded is None:
        worded = await _ask(turn, decision, template, speech, cascade, stages)
    if worded.wording is not Wording.MODEL:
        _log.info("[HYBRID] Fallback template utilisé: %s", decision.action)
    return worded


def _reason_not_to_ask(template: str, speech: Words, cascade: Cascade) -> str:
    if not cascade.configured:
        return LLM_NOT_CONFIGURED
    if not speech.can_be_checked:
        return LANGUAGE_NOT_CHECKED
    return FACTS_AMBIGUOUS if speech.is_ambiguous(template) else ""


async def _ask(
    turn: Turn, decision: Decision, template: str, speech: Words, cascade: Cascade, stages: Stages
) -> Worded:
    purpose = purpose_of(turn, "wording", variant=VARIANT, language=speech.language)
    try:
        reply = await cascade.complete(speech.prompt(template), purpose=purpose)
    except ReparteeError as error:
        return Worded(template, Wording.TEMPLATE, (reason_of(error),), tokens_of(error), attempts=attempts_of(error))
    text = reply.text.strip()
    with stages("check"):
        failure = first_failure(text, speech.expectation(decision, template)) or speech.allowed().refusal(text)
    count = len(split_words(text))
    if failure:
        if failure == TOO_LONG:
            _log.info("[HYBRID] Réponse LLM trop longue: %d mots", count)
        tokens = spent(reply, served=False)
        return Worded(template, Wording.TEMPLATE, (failure,), tokens, reply.tier, reply.attempts)
    _log.info("[HYBRID] LLM formulation OK: %d mots", count)
    tokens = spent(reply, served=True)
    return Worded(text, Wording.MODEL, (), tokens, reply.tier, reply.attempts, reply.complete, reply.finish_reason)
