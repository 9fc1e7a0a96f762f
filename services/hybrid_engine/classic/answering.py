"""The classic answer: one long prompt, and the model's text as far as the gate lets it out. Code keeps the state."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from libs.common.errors import ErrorKind, ReparteeError
from libs.common.stages import Stages, no_stages
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.agent_routing import AgentRouting
from services.hybrid_engine.agents import Routing
from services.hybrid_engine.asking import purpose_of
from services.hybrid_engine.bundles import BundleOfCaller
from services.hybrid_engine.classic.prompting import classic_prompt
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.fold import fold
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import FlowState, Phase
from services.hybrid_engine.gate import Allowed
from services.hybrid_engine.llm.chat import MidStream
from services.hybrid_engine.llm.tiers import Cascade, no_tier
from services.hybrid_engine.streaming import Ended, checked, policy_for, spent, staged
from services.hybrid_engine.turn import (
    NO_TOKENS,
    Answer,
    AnswerEvent,
    Began,
    Completed,
    Found,
    PassageFinder,
    Piece,
    Turn,
    Wording,
)

_log = logging.getLogger(__name__)

RETRIEVAL_UNAVAILABLE = "RETRIEVAL_UNAVAILABLE"
VARIANT = "classic"
_ACTION = "reply"
_ENDS = {Phase.HANDED_OFF: "handoff", Phase.CANCELLED: "cancel"}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A turn with all that its prompt is made of."""

    turn: Turn
    bundle: TenantBundle
    rules: FlowRules
    state: FlowState
    routing: Routing
    found: Found
    reasons: tuple[str, ...]

    @property
    def safe_text(self) -> str:
        """What the tenant itself wrote for where the order stands."""
        bundle, rules, language = self.bundle, self.rules, self.turn.locale[:2]
        asking = rules.slot(self.state.awaiting_slot)
        if asking is not None:
            return bundle.render_in(language, asking.action, step=rules.index(asking.name), missing=asking.name)
        action = _ENDS.get(Phase(self.state.phase), "") if self.state.phase in set(Phase) else ""
        return bundle.render_in(language, action) if action in bundle.templates else bundle.knowledge.not_found


class ClassicAnswering:
    """Answers turns with a model, or not at all."""

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
        self._agents = AgentRouting(variant=VARIANT, stages=stages)

    async def answer(self, turn: Turn) -> Answer:
        """Returns the answer to `turn`. Raises NotFound (TENANT_NOT_FOUND), Unavailable (NO_TIER_AVAILABLE)."""
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
        cascade = self._cascade_of(bundle)
        if not cascade.configured:
            raise no_tier()
        ready = await self._prepare(turn, bundle, cascade)
        texts = tuple(passage.text for passage in ready.found.passages)
        allowed = Allowed.of(bundle, ready.state, texts, about=turn.event.text)
        prompt = classic_prompt(
            turn, bundle, ready.rules, ready.state, agent=ready.routing.agent, context=ready.found.context
        )
        policy = policy_for(turn, streamed=streamed)
        can_void = policy is not MidStream.CONTINUE_SENTENCE
        purpose = purpose_of(
            turn, "classic", variant=VARIANT, language=_language(turn, bundle), agent=ready.routing.agent
        )
        ended, began = Ended(""), False

        def check(text: str) -> str:
            with self._stages("check"):
                return allowed.refusal(text)

        sentences = checked(cascade.stream(prompt, policy=policy, purpose=purpose), check, can_void=can_void)
        async with aclosing(staged(sentences, self._stages, streamed=streamed)) as events:
            async for event in events:
                if isinstance(event, Ended):
                    ended = event
                    continue
                if not began:
                    yield Began(_ACTION)
                    began = True
                yield event
        if ended.reply is not None and not ended.text:
            raise no_tier(f"{ended.reply.tier}:LLM_EMPTY")
        if not began:
            yield Began(_ACTION)
        answer = _to_answer(ready, ended)
        if answer.text != ended.text:
            yield Piece(answer.text.removeprefix(ended.text))
        yield Completed(answer)

    async def _prepare(self, turn: Turn, bundle: TenantBundle, cascade: Cascade) -> _Prepared:
        with self._stages("decide"):
            rules = rules_of(bundle)
            state = fold(turn.state, turn.event, rules)
        routing = await self._agents.choose(turn, bundle, cascade, language=_language(turn, bundle))
        found, reasons = await self._find(turn, routing.agent)
        return _Prepared(turn, bundle, rules, state, routing, found, reasons)

    async def _find(self, turn: Turn, agent: str) -> tuple[Found, tuple[str, ...]]:
        """Passages are a help here, not a need."""
        if not turn.event.text.strip():
            return Found(), ()
        try:
            with self._stages("retrieve"):
                return await self._passages.find(turn.event.text, agent=agent, embedding=turn.embedding), ()
        except ReparteeError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                raise
            _log.warning("retrieval failed: %s", error.reason)
            return Found(), (RETRIEVAL_UNAVAILABLE,)


def _language(turn: Turn, bundle: TenantBundle) -> str:
    return (turn.locale or bundle.locale)[:2]


def _to_answer(ready: _Prepared, ended: Ended) -> Answer:
    """Returns the answer; where the gate refused a sentence, the tenant's own text stands in for what is missing."""
    reply, rules, state, found = ended.reply, ready.rules, ready.state, ready.found
    is_model = bool(ended.text)
    return Answer(
        text=f"{ended.text} {ready.safe_text}".strip() if ended.refusal else ended.text,
        action=_ACTION,
        state=state,
        wording=Wording.MODEL if is_model else Wording.TEMPLATE,
        slot_index=rules.index(state.awaiting_slot),
        slot_count=len(rules.slots),
        agent=ready.routing.agent,
        confidence=ready.routing.confidence,
        reasoning=ready.routing.reasoning,
        reasons=(*ready.reasons, ended.refusal) if ended.refusal else ready.reasons,
        sources=tuple(passage.cite() for passage in found.passages),
        tokens=(spent(reply, served=True) if reply else NO_TOKENS) + ready.routing.tokens,
        llm_tier=reply.tier if reply else "",
        knowledge_epoch=found.knowledge_epoch,
        embedding=found.embedding or ready.turn.embedding,
        attempts=(*ready.routing.attempts, *(reply.attempts if reply else ())),
        complete=reply.complete if reply else not is_model,
        finish_reason=reply.finish_reason if reply else ("content_filter" if is_model else "template"),
    )
