"""What a message puts into the slots: values, pictures, and the agreement to a value that was said back."""

from collections.abc import Mapping
from dataclasses import replace

from libs.common.text_fold import tokens
from services.hybrid_engine.flow import lexicon
from services.hybrid_engine.flow.reading import Reading
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule
from services.hybrid_engine.flow.state import Attached, Event, FlowState, SlotValue

_MAX_DIGESTS = 50
_PICTURES = (SlotKind.IMAGE, SlotKind.PAYMENT_PROOF)


def filled(state: FlowState, event: Event, reading: Reading, rules: FlowRules) -> FlowState:
    """Returns `state` with what `event` gives. A value that its customer has yet to agree to needs a review."""
    slots = dict(state.slots)
    digests = _take_pictures(slots, list(state.proof_digests), event, reading, rules)
    awaited = rules.slot(state.awaiting_slot)
    for name, value in reading.given.items():
        _put(slots, rules.slot(name), value, event)
    if reading.phone and reading.phone.value:
        _put(slots, _target(SlotKind.PHONE, awaited, rules), reading.phone.value, event)
    if reading.zone:
        _put(slots, _target(SlotKind.PLACE, awaited, rules), reading.zone, event)
    if awaited and awaited.is_unconfirmed(slots) and slots == state.slots:
        _agree(slots, awaited, reading)
    elif awaited and awaited.kind is SlotKind.TEXT and reading.free_text:
        _put(slots, awaited, reading.free_text, event)
    return replace(state, slots=_still_asked_for(slots, rules), proof_digests=tuple(digests))


def _target(kind: SlotKind, awaited: SlotRule | None, rules: FlowRules) -> SlotRule | None:
    """The slot of a kind that a value is for: the one that was asked for, else the first."""
    return awaited if awaited and awaited.kind is kind else rules.of_kind(kind)


def _put(slots: dict[str, SlotValue], slot: SlotRule | None, value: str, event: Event) -> None:
    if slot and (slot.name not in slots or slots[slot.name].value != value):
        slots[slot.name] = SlotValue(value, event.turn_id, needs_review=slot.confirm)


def _agree(slots: dict[str, SlotValue], slot: SlotRule, reading: Reading) -> None:
    if reading.yes:
        slots[slot.name] = replace(slots[slot.name], needs_review=False)
    elif reading.no:
        del slots[slot.name]
    elif reading.free_text and slot.kind is SlotKind.TEXT:
        slots[slot.name] = SlotValue(reading.free_text, slots[slot.name].turn_id, needs_review=True)


def _still_asked_for(slots: Mapping[str, SlotValue], rules: FlowRules) -> dict[str, SlotValue]:
    """Returns `slots` without those that another slot's new value makes pointless."""

    def pointless(slot: SlotRule) -> bool:
        return any(name in slots and slots[name].value not in wanted for name, wanted in slot.when.items())

    dropped = {slot.name for slot in rules.slots if slot.when and pointless(slot)}
    return {name: held for name, held in slots.items() if name not in dropped}


def _take_pictures(
    slots: dict[str, SlotValue], digests: list[str], event: Event, reading: Reading, rules: FlowRules
) -> list[str]:
    """Puts pictures where they belong; returns the digests of all proofs of this conversation."""
    for image in reading.images:
        slot = _slot_for_image(image, reading, rules, slots)
        if slot is None:
            continue
        reused = slot.kind is SlotKind.PAYMENT_PROOF and _seen_before(image, digests, slots, slot)
        slots[slot.name] = SlotValue(image.reference, event.turn_id, needs_review=reused)
        if slot.kind is SlotKind.PAYMENT_PROOF and image.digest and image.digest not in digests:
            digests = [*digests, image.digest][-_MAX_DIGESTS:]
    return digests


def _slot_for_image(
    image: Attached, reading: Reading, rules: FlowRules, slots: dict[str, SlotValue]
) -> SlotRule | None:
    """A caption wins; without one the first image slot that is still empty, or in doubt, takes it."""
    wanted = _captioned_kind(image, reading)
    if wanted is not None and (captioned := rules.of_kind(wanted)) is not None:
        return captioned
    return next((slot for slot in rules.slots if slot.kind in _PICTURES and _wants_image(slot, image, slots)), None)


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
