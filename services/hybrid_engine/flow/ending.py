"""How a flow ends: what is left of its state, and the id under which an order is placed."""

import hashlib
from dataclasses import replace

from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import Event, FlowState, Phase

_ORDER_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ended(state: FlowState, phase: str, event: Event, rules: FlowRules) -> FlowState:
    """Returns `state` in a phase outside of the flow. Where it is there already, nothing changes."""
    if state.phase == phase:
        return state
    if phase == Phase.DONE:
        return replace(state, phase=Phase.DONE, awaiting_slot="", order_id=_order_id(state, event, rules))
    if phase == Phase.CANCELLED:
        return replace(state, phase=Phase.CANCELLED, awaiting_slot="", slots={}, asks={})
    if phase == Phase.HANDED_OFF:
        return replace(state, phase=Phase.HANDED_OFF, awaiting_slot="")
    return replace(state, phase=phase)


def _order_id(state: FlowState, event: Event, rules: FlowRules) -> str:
    """Ten characters from the conversation and how far it is: a retried turn gives the same, the next order another."""
    seed = f"{rules.order_namespace}|{rules.flow_id}|{event.conversation_id}|{state.event_count}"
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
    letters = [_ORDER_DIGITS[(number >> (5 * at)) & 31] for at in range(8)]
    return "CMD-" + "".join(letters)
