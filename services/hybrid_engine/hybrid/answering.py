"""The hybrid answer: fold the message into the state, decide in code, word the decision, let nothing foreign out."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from libs.common.stages import Stages, no_stages
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.agent_routing import AgentRouting
from services.hybrid_engine.agents import Routing, default_agent
from services.hybrid_engine.bundles import BundleOfCaller
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.hybrid.deciding import Decided, decide_turn, log_decision
from services.hybrid_engine.hybrid.knowing import Asked, Knowing, Known
from services.hybrid_engine.hybrid.rewording import VARIANT, Worded, reword
from services.hybrid_engine.hybrid.wording import Words
from services.hybrid_engine.llm.tiers import Cascade
from services.hybrid_engine.turn import (
    Answer,
    AnswerEvent,
    Began,
    Completed,
    Passage,
    PassageFinder,
    Piece,
    Turn,
    Wording,
)

__all__ = ["HybridAnswering", "decide_turn"]

AGENT_UNSURE = "AGENT_UNSURE"


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
        self._cascade_of = cascade_of
        self._stages = stages
        self._knowing = Knowing(passages=passages, stages=stages)
        self._agents = AgentRouting(variant=VARIANT, stages=stages)

    async def answer(self, turn: Turn) -> Answer:
        """Returns the answer to `turn`. Raises NotFound (TENANT_NOT_FOUND); whatever else fails is degraded around."""
        async with aclosing(self._events(turn, streamed=False)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    return event.answer
        raise AssertionError("every answer is completed")

    def stream(self, turn: Turn) -> AsyncGenerator[AnswerEvent]:
        """Yields the same answer in pieces; see `Answering`."""
        return self._events(turn, streamed=True)

    async def _events(self, turn: Turn, *, streamed: bool) -> AsyncGenerator[AnswerEvent]:
        bundle = await self._bundles()
        with self._stages("decide"):
            rules = rules_of(bundle)
            decided = decide_turn(turn, rules)
        log_decision(decided, rules)
        speech = Words(bundle, rules, decided.state, turn.locale)
        cascade = self._cascade_of(bundle)
        if decided.decision.action == "answer_question":
            async with aclosing(self._question(turn, decided, speech, cascade, streamed=streamed)) as events:
                async for event in events:
                    yield event
            return
        yield Began(decided.decision.action)
        with self._stages("word"):
            worded = await reword(turn, decided.decision, speech, cascade, self._stages)
        text = _noticed(speech.notice(decided.decision), worded.text)
        yield Piece(text)
        yield Completed(_to_answer(decided, text, worded, default_agent(bundle.agents, wanted=turn.agent)))

    async def _question(
        self, turn: Turn, decided: Decided, speech: Words, cascade: Cascade, *, streamed: bool
    ) -> AsyncGenerator[AnswerEvent]:
        routing = await self._agents.choose(turn, speech.bundle, cascade, language=speech.built_in_language)
        follow_up = _noticed(speech.notice(decided.decision), speech.follow_up(decided.decision))
        unsure = routing.escalates and not follow_up
        if unsure and routing.known:
            for event in _escalated(turn, decided, speech, routing):
                yield event
            return
        # What no agent claims may still stand in the documents that all of them share.
        asked = Asked(turn, decided, speech, "" if routing.escalates else routing.agent, streamed)
        known: Known | None = None
        began = False
        async with aclosing(self._knowing.answer(asked, cascade)) as events:
            async for event in events:
                if isinstance(event, Known):
                    known = event
                    continue
                if not began:
                    yield Began(decided.decision.action)
                    began = True
                yield event
        if known is None:
            raise AssertionError("every question is answered, if only with what is not known")
        if unsure and not known.cited:
            for event in _escalated(turn, decided, speech, routing):
                yield event
            return
        if not began:
            yield Began(decided.decision.action)
        told = known.worded.text
        if not known.said:
            yield Piece(told)
        # The order's own question is not asked twice in one message.
        rest = f"\n\n{follow_up}" if follow_up and follow_up != told else ""
        if rest:
            yield Piece(rest)
        yield Completed(
            replace(
                _to_answer(decided, told + rest, known.worded, routing, known.cited),
                knowledge_text=told if known.cacheable else "",
                cacheable=known.cacheable,
                nothing_found=known.nothing_found,
                knowledge_epoch=known.found.knowledge_epoch,
                embedding=known.found.embedding or turn.embedding,
            )
        )


def _noticed(notice: str, text: str) -> str:
    return f"{notice} {text}".strip()


def _escalated(turn: Turn, decided: Decided, speech: Words, routing: Routing) -> list[AnswerEvent]:
    """Asks what is meant, once, or hands over to a person: as the tenant chose for questions that nobody claims."""
    text, action = speech.default("clarify"), "clarify"
    asked_before = any(said.author == "bot" and said.text == text for said in turn.history[-2:])
    if speech.bundle.routing.escalation == "human" or asked_before:
        text, action = speech.action_text("handoff"), "handoff"
    answer = _to_answer(decided, text, Worded(text, Wording.TEMPLATE, (AGENT_UNSURE,)), routing)
    return [Began(action), Piece(text), Completed(replace(answer, action=action))]


def _to_answer(
    decided: Decided, text: str, worded: Worded, routing: Routing, cited: tuple[Passage, ...] = ()
) -> Answer:
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
        sources=tuple(passage.cite() for passage in cited),
        tokens=worded.tokens + routing.tokens,
        llm_tier=worded.tier if worded.wording is Wording.MODEL else "",
        attempts=(*routing.attempts, *worded.attempts),
        complete=worded.complete,
        finish_reason=worded.finish_reason,
    )
