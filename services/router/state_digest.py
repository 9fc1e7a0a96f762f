"""The digest of a conversation's state, by which a replay shows that it decided the same as the recording."""

import json
from hashlib import sha256

from services.router.turn import FlowState


def canonical_json(state: FlowState) -> str:
    """Returns the state as JSON that is the same text for the same state.

    Every field of `repartee.v1.FlowState` under its proto name, defaults included; keys in the order of their code
    points at every depth; no space between tokens; characters beyond ASCII as themselves.
    """
    fields = {
        "asks": dict(state.asks),
        "awaiting_slot": state.awaiting_slot,
        "event_count": state.event_count,
        "flow_id": state.flow_id,
        "order_id": state.order_id,
        "phase": state.phase,
        "proof_digests": list(state.proof_digests),
        "slots": {
            name: {"needs_review": slot.needs_review, "turn_id": slot.turn_id, "value": slot.value}
            for name, slot in state.slots.items()
        },
    }
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def state_digest(state: FlowState) -> str:
    """Returns the SHA-256 of `canonical_json(state)` in UTF-8, as 64 lower-case hex digits; about 15 µs."""
    return sha256(canonical_json(state).encode()).hexdigest()
