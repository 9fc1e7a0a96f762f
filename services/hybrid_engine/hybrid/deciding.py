"""A turn as code sees it: what the message says, the state after it, the decision."""

import json
import logging
from dataclasses import dataclass

from services.hybrid_engine.flow.reading import Reading, read
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.flow.step import take_step
from services.hybrid_engine.hybrid.decision import Decision, decide
from services.hybrid_engine.turn import Turn

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A turn, decided and not yet worded."""

    reading: Reading
    state: FlowState
    decision: Decision


def decide_turn(turn: Turn, rules: FlowRules) -> Decided:
    """Returns what code makes of `turn`: no model, no I/O, under a millisecond."""
    reading = read(turn.event, turn.state, rules)
    step = take_step(turn.state, turn.event, reading, rules)
    return Decided(reading, step.state, decide(turn.state, step, reading, rules))


def log_decision(decided: Decided, rules: FlowRules) -> None:
    """Logs which slots are filled and what comes next; no value is in it."""
    if rules.slots:
        shown = json.dumps({slot.name: decided.state.holds(slot.name) for slot in rules.slots}, ensure_ascii=False)
        _log.info("[HYBRID] État calculé: %s", shown)
    _log.info("[HYBRID] Action décidée: %s%s", decided.decision.action, decided.decision.place)
