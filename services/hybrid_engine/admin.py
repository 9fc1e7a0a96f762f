"""EngineAdminService: a look into an engine, for operators."""

import logging

import grpc

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.facts import extract_facts
from libs.common.request_context import current
from repartee.v1 import engine_pb2, engine_pb2_grpc
from services.hybrid_engine.adapters.messages import read_turn, write_state
from services.hybrid_engine.bundles import BundleOfCaller
from services.hybrid_engine.flow.bundle_rules import rules_of
from services.hybrid_engine.flow.reading import read
from services.hybrid_engine.flow.step import take_step
from services.hybrid_engine.llm.choosing import Cascades
from services.hybrid_engine.llm.guarded_tier import GuardedTier, TierState
from services.hybrid_engine.llm.mode import LlmMode

# ruff: noqa: N802, ARG002 - names and signatures are the generated stub's

_log = logging.getLogger(__name__)

_MODES = {
    LlmMode.AUTO: engine_pb2.LLM_MODE_AUTO,
    LlmMode.ENABLED: engine_pb2.LLM_MODE_ENABLED,
    LlmMode.DISABLED: engine_pb2.LLM_MODE_DISABLED,
}
_STATES = {
    TierState.DISABLED: engine_pb2.Tier.STATE_DISABLED,
    TierState.UNKNOWN: engine_pb2.Tier.STATE_UNSPECIFIED,
    TierState.UP: engine_pb2.Tier.STATE_UP,
    TierState.REACHABLE_EMPTY: engine_pb2.Tier.STATE_REACHABLE_EMPTY,
    TierState.DEGRADED: engine_pb2.Tier.STATE_DEGRADED,
    TierState.OPEN: engine_pb2.Tier.STATE_OPEN,
    TierState.HALF_OPEN: engine_pb2.Tier.STATE_HALF_OPEN,
}
_DETAILS = {
    TierState.DISABLED: "It refused its credentials or does not know its models.",
    TierState.UNKNOWN: "Not asked yet.",
    TierState.UP: "It answered when it was last asked.",
    TierState.REACHABLE_EMPTY: "It answers, and has no model loaded; the first request may wait for one.",
    TierState.DEGRADED: "It answers, and failed within the last minute.",
    TierState.OPEN: "It failed lately and is left alone.",
    TierState.HALF_OPEN: "One request at a time finds out whether it is back.",
}


class EngineAdminServicer(engine_pb2_grpc.EngineAdminServiceServicer):
    """Serves all of EngineAdminService."""

    def __init__(self, *, bundles: BundleOfCaller, cascades: Cascades) -> None:
        self._bundles = bundles
        self._cascades = cascades

    async def ListTiers(
        self, request: engine_pb2.ListTiersRequest, context: grpc.ServicerContext
    ) -> engine_pb2.ListTiersResponse:
        """Lists the cascade of a tenant, or of the process when none is named."""
        of_tenant = current().principal.tenant is not None
        cascade = self._cascades.of(await self._bundles()) if of_tenant else self._cascades.of_process
        tiers = [_tier(tier, cascade.mode) for tier in cascade.tiers]
        return engine_pb2.ListTiersResponse(tiers=tiers, mode=_MODES[cascade.mode])

    async def SetLlmMode(
        self, request: engine_pb2.SetLlmModeRequest, context: grpc.ServicerContext
    ) -> engine_pb2.SetLlmModeResponse:
        """Changes when models may be called, in this process."""
        previous = self._cascades.set_mode(_mode(request.mode))
        _log.info("%s set the LLM mode to %s", current().principal.subject, self._cascades.mode.value)
        return engine_pb2.SetLlmModeResponse(previous=_MODES[previous])

    async def ExplainDecision(
        self, request: engine_pb2.ExplainDecisionRequest, context: grpc.ServicerContext
    ) -> engine_pb2.ExplainDecisionResponse:
        """Decides a turn without answering it."""
        bundle = await self._bundles()
        turn, rules = read_turn(request.turn), rules_of(bundle)
        step = take_step(turn.state, turn.event, read(turn.event, turn.state, rules), rules)
        facts = extract_facts(request.turn.text, country=bundle.country, places=bundle.places())
        return engine_pb2.ExplainDecisionResponse(
            state=write_state(step.state),
            action=step.action,
            rule=step.rule.name,
            facts=[f"{fact.kind}={fact.value}{' ' + fact.unit if fact.unit else ''}" for fact in facts],
        )


def _mode(mode: engine_pb2.LlmMode) -> LlmMode:
    known = next((each for each, number in _MODES.items() if number == mode), None)
    if known is None:
        expected = FieldViolation("mode", "expected LLM_MODE_AUTO, LLM_MODE_ENABLED or LLM_MODE_DISABLED")
        raise InvalidRequest("INVALID_FIELD", "There is no such mode.", violations=[expected])
    return known


def _tier(tier: GuardedTier, mode: LlmMode) -> engine_pb2.Tier:
    state = tier.state(mode)
    return engine_pb2.Tier(
        name=tier.name,
        state=_STATES[state],
        models=tier.model.models,
        detail=_detail(tier, state, mode),
        retry_in_seconds=tier.breaker.retry_in() if state is TierState.OPEN else 0.0,
    )


def _detail(tier: GuardedTier, state: TierState, mode: LlmMode) -> str:
    if mode is LlmMode.DISABLED:
        return "Models are switched off in this process."
    if not tier.has_key:
        return "Its key is not in the environment."
    if state is TierState.OPEN and tier.breaker.is_closed:
        return "It did not answer its last probe."
    return _DETAILS[state]
