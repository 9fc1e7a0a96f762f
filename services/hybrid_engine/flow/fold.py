"""The fold: a state and one event give the next state, and nothing else does.

No clock, no randomness, no I/O, no model: the same events give the same state, whichever engine answers each of them.
"""

from collections.abc import Iterable

from services.hybrid_engine.flow.reading import read
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import Event, FlowState
from services.hybrid_engine.flow.step import take_step


def fold(state: FlowState, event: Event, rules: FlowRules) -> FlowState:
    """Returns the state after `event`. Raises nothing: what cannot be read changes only the counts."""
    return take_step(state, event, read(event, state, rules), rules).state


def replay(events: Iterable[Event], rules: FlowRules) -> FlowState:
    """Returns the state after all of `events`, from the beginning."""
    state = FlowState(flow_id=rules.flow_id)
    for event in events:
        state = fold(state, event, rules)
    return state
