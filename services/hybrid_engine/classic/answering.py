"""The classic answer: one long prompt, and the model's text as it is. Only the state is kept by code."""

import logging
from collections.abc import Callable

from libs.common.errors import ErrorKind, ReparteeError
from libs.common.stages import Stages, no_stages
from libs.common.tenants.bundle import TenantBundle
from services.hybrid_engine.agents import choose_agent
from services.hybrid_engine.bundles import BundleOfCaller
from services.hybrid_engine.classic.prompting import classic_prompt
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.fold import fold
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import FlowState, Phase
from services.hybrid_engine.gate import GATE_FACT_FOREIGN, Allowed
from services.hybrid_engine.llm.tiers import Cascade, ChatReply, no_tier
from services.hybrid_engine.turn import Answer, Found, PassageFinder, Tokens, Turn, Wording

_log = logging.getLogger(__name__)

RETRIEVAL_UNAVAILABLE = "RETRIEVAL_UNAVAILABLE"
_MAX_REPLY_CHARACTERS = 4096


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

    async def answer(self, turn: Turn) -> Answer:
        """Returns the answer to `turn`. Raises NotFound (TENANT_NOT_FOUND), Unavailable (NO_TIER_AVAILABLE)."""
        bundle = await self._bundles()
        cascade = self._cascade_of(bundle)
        if not cascade.configured:
            raise no_tier()
        with self._stages("decide"):
            rules = rules_of(bundle)
            state = fold(turn.state, turn.event, rules)
            routing = choose_agent(turn.event.text, bundle.agents, wanted=turn.agent)
        found, reasons = await self._find(turn, routing.agent)
        prompt = classic_prompt(turn, bundle, rules, state, agent=routing.agent, context=found.context)
        with self._stages("word"):
            reply = await cascade.complete(prompt)
        text = reply.text.strip()[:_MAX_REPLY_CHARACTERS]
        if not text:
            raise no_tier(f"{reply.tier}:LLM_EMPTY")
        wording = Wording.MODEL
        with self._stages("check"):
            allowed = Allowed.of(bundle, state, tuple(passage.text for passage in found.passages))
            if not allowed.lets_pass(text):
                text, wording, reasons = (
                    _safe_text(bundle, rules, state),
                    Wording.TEMPLATE,
                    (*reasons, GATE_FACT_FOREIGN),
                )
        return Answer(
            text=text,
            action="reply",
            state=state,
            wording=wording,
            slot_index=rules.index(state.awaiting_slot),
            slot_count=len(rules.slots),
            agent=routing.agent,
            confidence=routing.confidence,
            reasoning=routing.reasoning,
            reasons=reasons,
            sources=tuple(passage.cite() for passage in found.passages),
            tokens=_spent(reply, wording),
            llm_tier=reply.tier if wording is Wording.MODEL else "",
            knowledge_epoch=found.knowledge_epoch,
            embedding=found.embedding or turn.embedding,
        )

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


def _spent(reply: ChatReply, wording: Wording) -> Tokens:
    if wording is Wording.MODEL:
        return Tokens(reply.prompt_tokens, reply.completion_tokens)
    return Tokens(wasted=reply.prompt_tokens + reply.completion_tokens)


def _safe_text(bundle: TenantBundle, rules: FlowRules, state: FlowState) -> str:
    """What the tenant itself wrote for where the order stands."""
    asking = rules.slot(state.awaiting_slot)
    if asking is not None:
        return bundle.render(asking.action, step=rules.index(asking.name), missing=asking.name)
    ends = {Phase.HANDED_OFF: "handoff", Phase.CANCELLED: "cancel"}
    action = ends.get(state.phase, "")
    return bundle.render(action) if action in bundle.templates else bundle.knowledge.not_found
