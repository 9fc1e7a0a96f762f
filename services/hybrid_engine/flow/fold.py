"""The fold: a state and one event give the next state, and nothing else does.

No clock, no randomness, no I/O, no model: the same events give the same state, whichever engine answers each of them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from libs.common.text_fold import tokens
from services.hybrid_engine.flow import lexicon
from services.hybrid_engine.flow.reading import Reading, read, starts_order
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.state import CONFIRMATION, Attached, Event, FlowState, Phase, SlotValue

_OPEN = (Phase.COLLECTING, Phase.CONFIRMING)
_MAX_CONFIRM_ASKS = 3
_MAX_DIGESTS = 50
_ORDER_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def fold(state: FlowState, event: Event, rules: FlowRules) -> FlowState:
    """Returns the state after `event`. Raises nothing: what cannot be read changes only the counts."""
    return advance(state, event, read(event, state, rules), rules)


def replay(events: Iterable[Event], rules: FlowRules) -> FlowState:
    """Returns the state after all of `events`, from the beginning."""
    state = FlowState(flow_id=rules.flow_id)
    for event in events:
        state = fold(state, event, rules)
    return state


def advance(state: FlowState, event: Event, reading: Reading, rules: FlowRules) -> FlowState:
    """Returns the state after `event`, already read as `reading` on `state`."""
    state = replace(state, flow_id=rules.flow_id, event_count=state.event_count + 1)
    if not rules.slots:
        return replace(state, phase=Phase.HANDED_OFF) if reading.handoff else _back_to_idle(state, reading)
    if reading.handoff:
        return replace(state, phase=Phase.HANDED_OFF, awaiting_slot="")
    if reading.cancel:
        return _cancel(state)
    if state.phase is Phase.DONE and _changes_order(state, reading, rules):
        return replace(state, phase=Phase.HANDED_OFF, awaiting_slot="")
    if state.phase not in _OPEN:
        if not starts_order(reading, state.phase):
            return state
        state = replace(state, phase=Phase.COLLECTING, slots={}, asks={}, awaiting_slot="", order_id="")
    filled = _fill(state, event, reading, rules)
    progressed = dict(filled.slots) != dict(state.slots)
    if state.phase is Phase.CONFIRMING and reading.yes and not progressed:
        return replace(state, phase=Phase.DONE, awaiting_slot="", order_id=_order_id(state, event, rules))
    return _ask_next(filled, reading, rules, progressed=progressed)


def _cancel(state: FlowState) -> FlowState:
    """An order that is placed is not undone by a word: a person does that."""
    if state.phase is Phase.DONE:
        return replace(state, phase=Phase.HANDED_OFF, awaiting_slot="")
    return replace(state, phase=Phase.CANCELLED, awaiting_slot="", slots={}, asks={})


def _changes_order(state: FlowState, reading: Reading, rules: FlowRules) -> bool:
    """Whether a message gives an order that is placed another zone or phone: a person sees to that."""
    if reading.question or reading.trigger:
        return False
    place, phone = rules.of_kind(SlotKind.PLACE), rules.of_kind(SlotKind.PHONE)
    given = ((place, reading.zone), (phone, reading.phone.value if reading.phone else ""))
    return any(slot and value and value != state.slots[slot.name].value for slot, value in given)


def _back_to_idle(state: FlowState, reading: Reading) -> FlowState:
    """Without a flow only a hand-off is remembered, until the customer asks something again."""
    return replace(state, phase=Phase.IDLE) if reading.question else state


def _fill(state: FlowState, event: Event, reading: Reading, rules: FlowRules) -> FlowState:
    slots = dict(state.slots)
    digests = list(state.proof_digests)
    for image in reading.images:
        slot = _slot_for_image(image, reading, rules, slots)
        if slot is None:
            continue
        reused = slot.kind is SlotKind.PAYMENT_PROOF and _seen_before(image, digests, slots, slot)
        slots[slot.name] = SlotValue(image.reference, event.turn_id, needs_review=reused)
        if slot.kind is SlotKind.PAYMENT_PROOF and image.digest and image.digest not in digests:
            digests = [*digests, image.digest][-_MAX_DIGESTS:]
    phone = rules.of_kind(SlotKind.PHONE)
    if phone and reading.phone and reading.phone.value:
        _put(slots, phone, reading.phone.value, event)
    place = rules.of_kind(SlotKind.PLACE)
    if place and reading.zone:
        _put(slots, place, reading.zone, event)
    awaited = rules.slot(state.awaiting_slot)
    if awaited and awaited.kind is SlotKind.TEXT and reading.free_text:
        _put(slots, awaited, reading.free_text, event)
    return replace(state, slots=slots, proof_digests=tuple(digests))


def _put(slots: dict[str, SlotValue], slot: SlotRule, value: str, event: Event) -> None:
    if slot.name not in slots or slots[slot.name].value != value:
        slots[slot.name] = SlotValue(value, event.turn_id)


def _slot_for_image(
    image: Attached, reading: Reading, rules: FlowRules, slots: dict[str, SlotValue]
) -> SlotRule | None:
    """A caption wins; without one the first image slot that is still empty, or in doubt, takes it."""
    wanted = _captioned_kind(image, reading)
    if wanted is not None and (captioned := rules.of_kind(wanted)) is not None:
        return captioned
    kinds = (SlotKind.IMAGE, SlotKind.PAYMENT_PROOF)
    return next((slot for slot in rules.slots if slot.kind in kinds and _wants_image(slot, image, slots)), None)


def _wants_image(slot: SlotRule, image: Attached, slots: dict[str, SlotValue]) -> bool:
    """Whether a slot is empty, or holds a doubtful proof that no other slot's picture is to replace."""
    held = slots.get(slot.name)
    if held is None:
        return True
    return held.needs_review and all(other.value != image.reference for other in slots.values())


def _captioned_kind(image: Attached, reading: Reading) -> SlotKind | None:
    said = frozenset(tokens(image.caption)) if image.caption else frozenset[str]()
    if not said and len(reading.images) == 1:
        said = reading.caption_words
    pays, parcel = bool(said & lexicon.PAYMENT_WORDS), bool(said & lexicon.PARCEL_WORDS)
    if pays == parcel:
        return None
    return SlotKind.PAYMENT_PROOF if pays else SlotKind.IMAGE


def _seen_before(image: Attached, digests: list[str], slots: dict[str, SlotValue], slot: SlotRule) -> bool:
    """Whether the picture served already: as a proof in this conversation, or as another slot of this order."""
    return image.reference in digests or any(
        name != slot.name and held.value == image.reference for name, held in slots.items()
    )


def _ask_next(state: FlowState, reading: Reading, rules: FlowRules, *, progressed: bool) -> FlowState:
    missing = rules.first_missing(state.slots)
    name, phase, limit = (
        (missing.name, Phase.COLLECTING, missing.max_asks)
        if missing
        else (CONFIRMATION, Phase.CONFIRMING, _MAX_CONFIRM_ASKS)
    )
    again = state.awaiting_slot == name
    state = replace(state, phase=phase, awaiting_slot=name)
    if again and (progressed or reading.question):
        return state
    asked = state.asks.get(name, 0)
    if again and asked >= limit:
        return replace(state, phase=Phase.HANDED_OFF, awaiting_slot="")
    return replace(state, asks={**state.asks, name: asked + 1})


def _order_id(state: FlowState, event: Event, rules: FlowRules) -> str:
    """Ten characters from the conversation and how far it is: a retried turn gives the same, the next order another."""
    seed = f"{rules.order_namespace}|{rules.flow_id}|{event.conversation_id}|{state.event_count}"
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
    letters = [_ORDER_DIGITS[(number >> (5 * at)) & 31] for at in range(8)]
    return "CMD-" + "".join(letters)
