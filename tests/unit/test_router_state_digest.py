"""The digest of a state is the same for the same state, and another for any other."""

from dataclasses import replace
from hashlib import sha256

from services.router.adapters.wire_state import read_state, write_state
from services.router.state_digest import canonical_json, state_digest
from services.router.turn import NO_STATE, FlowState, SlotValue

STATE = FlowState("commande", "collecting", {"zone": SlotValue("Port-Bouët", "t2"), "a": SlotValue("x")}, {"tel": 2})


def test_json_is_written_in_one_way() -> None:
    assert canonical_json(NO_STATE) == (
        '{"asks":{},"awaiting_slot":"","event_count":0,"flow_id":"","order_id":"","phase":"idle",'
        '"proof_digests":[],"slots":{}}'
    )
    assert canonical_json(STATE) == (
        '{"asks":{"tel":2},"awaiting_slot":"","event_count":0,"flow_id":"commande","order_id":"","phase":"collecting",'
        '"proof_digests":[],"slots":{"a":{"needs_review":false,"turn_id":"","value":"x"},'
        '"zone":{"needs_review":false,"turn_id":"t2","value":"Port-Bouët"}}}'
    )
    assert state_digest(STATE) == sha256(canonical_json(STATE).encode()).hexdigest()


def test_digest_does_not_depend_on_the_order_in_which_slots_came() -> None:
    turned = replace(STATE, slots=dict(reversed(STATE.slots.items())))
    assert state_digest(turned) == state_digest(STATE)
    assert state_digest(read_state(write_state(STATE))) == state_digest(STATE)


def test_every_field_of_the_proto_is_in_it() -> None:
    """Also one that is added later."""
    message = write_state(STATE)
    names = {field.name for field in message.DESCRIPTOR.fields}
    assert names == {name for name in names if f'"{name}":' in canonical_json(STATE)}
    for change in (
        {"flow_id": "x"},
        {"phase": "done"},
        {"slots": {}},
        {"asks": {}},
        {"awaiting_slot": "tel"},
        {"event_count": 1},
        {"proof_digests": ("a",)},
        {"order_id": "o"},
    ):
        assert state_digest(replace(STATE, **change)) != state_digest(STATE)
