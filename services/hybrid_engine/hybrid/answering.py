"""The hybrid answer: fold the message into the state, decide in code, word the decision, let nothing foreign out."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from libs.common.errors import ErrorKind, ReparteeError
from libs.common.stages import Stages, no_stages
from libs.common.tenants.bundle import TenantBundle
from libs.common.text_fold import tokens
from libs.common.text_fold import words as split_words
from services.hybrid_engine.agents import Routing, choose_agent, default_agent
from services.hybrid_engine.bundles import BundleOfCaller
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.fold import advance
from services.hybrid_engine.flow.lexicon import INTERROGATIVES, content_words
from services.hybrid_engine.flow.reading import Reading, read
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.spelling import spelled_out
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.flow.zones import with_official_names
from services.hybrid_engine.gate import GATE_FACT_FOREIGN
from services.hybrid_engine.hybrid.checks import TOO_LONG, Expectation, first_failure
from services.hybrid_engine.hybrid.decision import Decision, decide
from services.hybrid_engine.hybrid.extraction import extract_answer
from services.hybrid_engine.hybrid.wording import Words
from services.hybrid_engine.llm.tiers import Cascade, ChatPrompt
from services.hybrid_engine.turn import (
    NO_TOKENS,
    NOTHING,
    Answer,
    Cited,
    Found,
    Passage,
    PassageFinder,
    Tokens,
    Turn,
    Wording,
)

_log = logging.getLogger(__name__)

RETRIEVAL_UNAVAILABLE = "RETRIEVAL_UNAVAILABLE"
NOTHING_FOUND = "NOTHING_FOUND"
LLM_NOT_CONFIGURED = "LLM_NOT_CONFIGURED"
LLM_UNAVAILABLE = "LLM_UNAVAILABLE"
AGENT_UNSURE = "AGENT_UNSURE"


@dataclass(frozen=True, slots=True)
class Decided:
    """A turn, decided and not yet worded."""

    reading: Reading
    state: FlowState
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Worded:
    text: str
    wording: Wording
    reasons: tuple[str, ...] = ()
    tokens: Tokens = NO_TOKENS
    tier: str = ""


@dataclass(frozen=True, slots=True)
class _Knowledge:
    worded: _Worded
    found: Found = NOTHING
    cited: tuple[Passage, ...] = ()
    cacheable: bool = False


def decide_turn(turn: Turn, rules: FlowRules) -> Decided:
    """Returns what code makes of `turn`: no model, no I/O, under a millisecond."""
    reading = read(turn.event, turn.state, rules)
    state = advance(turn.state, turn.event, reading, rules)
    return Decided(reading, state, decide(turn.state, state, reading, rules))


class HybridAnswering:
    """Answers turns. Works with no model and with no documents at hand; both only cost it its finer words."""

    def __init__(
        self,
        *,
        bundles: BundleOfCaller,
        passages: PassageFinder,
        cascade_of: Callable[[TenantBundle], Cascade],
        stages: Stages = no_stages,
    ) -> None:
        self._bundles = bundles
        self._passages = passages
        self._cascade_of = cascade_of
        self._stages = stages

    async def answer(self, turn: Turn) -> Answer:
        """Returns the answer to `turn`. Raises NotFound (TENANT_NOT_FOUND); whatever else fails is degraded around."""
        bundle = await self._bundles()
        with self._stages("decide"):
            rules = rules_of(bundle)
            decided = decide_turn(turn, rules)
            asks = decided.decision.action == "answer_question"
            routing = (
                choose_agent(turn.event.text, bundle.agents, wanted=turn.agent)
                if asks
                else default_agent(bundle.agents, wanted=turn.agent)
            )
        _log_decision(decided, rules)
        speech = Words(bundle, rules, decided.state, turn.locale)
        cascade = self._cascade_of(bundle)
        if asks:
            return await self._answer_question(turn, decided, speech, routing, cascade)
        template = speech.template(decided.decision)
        with self._stages("word"):
            worded = await self._word(decided.decision, template, speech, cascade)
        if not speech.allowed().lets_pass(worded.text):
            worded = replace(
                worded, text=template, wording=Wording.TEMPLATE, reasons=(*worded.reasons, GATE_FACT_FOREIGN)
            )
        return _to_answer(decided, _noticed(speech.notice(decided.decision), worded.text), worded, routing)

    async def _word(self, decision: Decision, template: str, speech: Words, cascade: Cascade) -> _Worded:
        if not cascade.configured:
            _log_template(decision)
            return _Worded(template, Wording.TEMPLATE, (LLM_NOT_CONFIGURED,))
        worded = await self._ask_model(speech.prompt(template), speech.expectation(decision, template), cascade)
        if worded.wording is Wording.MODEL:
            return worded
        _log_template(decision)
        return replace(worded, text=template)

    async def _ask_model(self, prompt: ChatPrompt, expected: Expectation, cascade: Cascade) -> _Worded:
        """Returns the model's words, or an empty template wording with the reason why they may not go out."""
        try:
            reply = await cascade.complete(prompt)
        except ReparteeError as error:
            reason = error.reason if error.reason == "LLM_CONTENT_FILTERED" else LLM_UNAVAILABLE
            return _Worded("", Wording.TEMPLATE, (reason,))
        with self._stages("check"):
            text = reply.text.strip()
            failure = first_failure(text, expected)
        spent = Tokens(reply.prompt_tokens, reply.completion_tokens)
        count = len(split_words(text))
        if failure:
            if failure == TOO_LONG:
                _log.info("[HYBRID] Réponse LLM trop longue: %d mots", count)
            wasted = Tokens(wasted=reply.prompt_tokens + reply.completion_tokens)
            return _Worded("", Wording.TEMPLATE, (failure,), wasted, reply.tier)
        _log.info("[HYBRID] LLM formulation OK: %d mots", count)
        return _Worded(text, Wording.MODEL, (), spent, reply.tier)

    async def _answer_question(
        self, turn: Turn, decided: Decided, speech: Words, routing: Routing, cascade: Cascade
    ) -> Answer:
        follow_up = _noticed(speech.notice(decided.decision), speech.follow_up(decided.decision))
        unsure = routing.escalates and not follow_up
        if unsure and routing.known:
            return _clarify(decided, speech, routing)
        # What no agent claims may still stand in the documents that all of them share.
        knowledge = await self._know(turn, decided, speech, "" if routing.escalates else routing.agent, cascade)
        if unsure and not knowledge.cited:
            return _clarify(decided, speech, routing)
        worded = knowledge.worded
        text = _followed(worded.text, follow_up)
        allowed = speech.allowed(tuple(passage.text for passage in knowledge.cited))
        if not allowed.lets_pass(text):
            worded = _Worded(speech.bundle.knowledge.not_found, Wording.TEMPLATE, (*worded.reasons, GATE_FACT_FOREIGN))
            knowledge = replace(knowledge, worded=worded, cited=(), cacheable=False)
            text = _followed(worded.text, follow_up)
        return replace(
            _to_answer(decided, text, worded, routing, knowledge.cited),
            knowledge_text=worded.text if knowledge.cacheable else "",
            cacheable=knowledge.cacheable,
            knowledge_epoch=knowledge.found.knowledge_epoch,
            embedding=knowledge.found.embedding or turn.embedding,
        )

    async def _find(self, turn: Turn, question: str, agent: str) -> Found:
        """Finds passages; the embedding of a question that was spelled out is not the one of the turn."""
        if question == turn.event.text:
            return await self._passages.find(question, agent=agent, embedding=turn.embedding)
        return replace(await self._passages.find(question, agent=agent, embedding=None), embedding=None)

    async def _know(self, turn: Turn, decided: Decided, speech: Words, agent: str, cascade: Cascade) -> _Knowledge:
        question = with_official_names(spelled_out(turn.event.text), speech.rules.places)
        try:
            with self._stages("retrieve"):
                found = await self._find(turn, question, agent)
        except ReparteeError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                raise
            _log.warning("retrieval failed: %s", error.reason)
            return _Knowledge(_Worded(speech.default("retrieval_down"), Wording.TEMPLATE, (RETRIEVAL_UNAVAILABLE,)))
        if not found.passages:
            return _Knowledge(
                _Worded(_not_found(turn, speech, asked=decided.reading.question), Wording.TEMPLATE, (NOTHING_FOUND,)),
                found,
            )
        reasons = (LLM_NOT_CONFIGURED,)
        spent, tier = Tokens(), ""
        with self._stages("word"):
            if cascade.configured:
                texts = tuple(passage.text for passage in found.passages)
                context = found.context or "\n\n".join(texts)
                prompt, expected = (
                    speech.knowledge_prompt(question, context),
                    speech.knowledge_expectation((*texts, question)),
                )
                worded = await self._ask_model(prompt, expected, cascade)
                if worded.wording is Wording.MODEL:
                    return _Knowledge(worded, found, found.passages, cacheable=True)
                reasons, spent, tier = worded.reasons, worded.tokens, worded.tier
            extract = extract_answer(question, found.passages)
        if extract is None:
            not_found = _not_found(turn, speech, asked=decided.reading.question)
            return _Knowledge(_Worded(not_found, Wording.TEMPLATE, (*reasons, NOTHING_FOUND), spent, tier), found)
        return _Knowledge(
            _Worded(extract.text, Wording.EXTRACT, reasons, spent, tier), found, extract.passages, cacheable=True
        )


def _noticed(notice: str, text: str) -> str:
    return f"{notice} {text}".strip()


def _not_found(turn: Turn, speech: Words, *, asked: bool) -> str:
    """Returns what to say without an answer: «combien ?» alone asks for more words, one word may be none of ours."""
    told = set(content_words(tokens(turn.event.text))) - INTERROGATIVES
    if not told:
        return speech.default("clarify")
    if served := speech.zone_served(turn.event.text):
        return served
    return speech.default("not_understood") if len(told) == 1 and not asked else speech.bundle.knowledge.not_found


def _followed(answer: str, follow_up: str) -> str:
    """Returns the answer to a digression with the question that was left open, as a paragraph of its own."""
    return f"{answer}\n\n{follow_up}" if follow_up else answer


def _clarify(decided: Decided, speech: Words, routing: Routing) -> Answer:
    worded = _Worded(speech.default("clarify"), Wording.TEMPLATE, (AGENT_UNSURE,))
    return replace(_to_answer(decided, worded.text, worded, routing), action="clarify")


def _to_answer(
    decided: Decided, text: str, worded: _Worded, routing: Routing, cited: tuple[Passage, ...] = ()
) -> Answer:
    sources: tuple[Cited, ...] = tuple(passage.cite() for passage in cited)
    return Answer(
        text=text,
        action=decided.decision.action,
        state=decided.state,
        wording=worded.wording,
        slot_index=decided.decision.index,
        slot_count=decided.decision.count,
        agent=routing.agent,
        confidence=routing.confidence,
        reasoning=routing.reasoning,
        reasons=worded.reasons,
        sources=sources,
        tokens=worded.tokens,
        llm_tier=worded.tier if worded.wording is Wording.MODEL else "",
    )


def _log_decision(decided: Decided, rules: FlowRules) -> None:
    if rules.slots:
        shown = json.dumps({slot.name: decided.state.holds(slot.name) for slot in rules.slots}, ensure_ascii=False)
        _log.info("[HYBRID] État calculé: %s", shown)
    _log.info("[HYBRID] Action décidée: %s%s", decided.decision.action, decided.decision.place)


def _log_template(decision: Decision) -> None:
    _log.info("[HYBRID] Fallback template utilisé: %s", decision.action)
