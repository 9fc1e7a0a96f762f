"""Where a conversation stands, as protobuf and back."""

from repartee.v1 import common_pb2
from services.router.turn import FlowState, SlotValue


def read_state(state: common_pb2.FlowState) -> FlowState:
    """Returns a state; an absent one is the state of a conversation that nobody began."""
    return FlowState(
        flow_id=state.flow_id,
        phase=state.phase or "idle",
        slots={name: SlotValue(slot.value, slot.turn_id, slot.needs_review) for name, slot in state.slots.items()},
        asks=dict(state.asks),
        awaiting_slot=state.awaiting_slot,
        event_count=state.event_count,
        proof_digests=tuple(state.proof_digests),
        order_id=state.order_id,
    )


def write_state(state: FlowState) -> common_pb2.FlowState:
    """Returns a state as a message."""
    return common_pb2.FlowState(
        flow_id=state.flow_id,
        phase=state.phase,
        slots={
            name: common_pb2.SlotValue(value=slot.value, turn_id=slot.turn_id, needs_review=slot.needs_review)
            for name, slot in state.slots.items()
        },
        asks=state.asks,
        awaiting_slot=state.awaiting_slot,
        event_count=state.event_count,
        proof_digests=state.proof_digests,
        order_id=state.order_id,
    )
