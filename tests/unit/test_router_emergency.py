"""The text of last resort asks for what is missing, never for what was given."""

from dataclasses import replace

import pytest

from services.router.emergency import FIRST_REQUEST, emergency_text
from services.router.turn import NO_STATE, FlowState, SlotValue
from tests.fakes.router_world import bundle

LATER = "Un instant, nous revenons vers vous très vite."


def state(*names: str) -> FlowState:
    return FlowState(phase="collecting", slots={name: SlotValue("x") for name in names})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((), FIRST_REQUEST),
        (("photo",), "Envoyez 2000F sur +225 0787360757, puis capture."),
        (("photo", "paiement"), "Dites-nous la commune."),
        (("photo", "paiement", "zone"), "Votre numéro ?"),
        (("photo", "paiement", "zone", "tel"), LATER),
        (("paiement",), FIRST_REQUEST),
    ],
)
def test_asks_for_the_next_missing_slot(given: tuple[str, ...], text: str) -> None:
    assert emergency_text(bundle(), state(*given)) == text


def test_nothing_is_asked_for_while_a_person_has_the_conversation() -> None:
    assert emergency_text(bundle(), replace(state("photo"), phase="handed_off")) == LATER


def test_slot_that_does_not_apply_is_not_asked_for() -> None:
    shop = bundle()
    assert shop.flow is not None
    slots = tuple(
        slot.model_copy(update={"when": {"zone": ("Cocody",)}}) if slot.name == "tel" else slot
        for slot in shop.flow.slots
    )
    shop = shop.model_copy(update={"flow": shop.flow.model_copy(update={"slots": slots})})
    given = state("photo", "paiement", "zone")
    assert emergency_text(shop, given) == LATER
    cocody = replace(given, slots={**given.slots, "zone": SlotValue("Cocody")})
    assert emergency_text(shop, cocody) == "Votre numéro ?"


def test_without_a_bundle_it_is_the_first_request() -> None:
    assert emergency_text(None, NO_STATE) == FIRST_REQUEST


def test_without_a_flow_it_is_the_default() -> None:
    assert emergency_text(bundle().model_copy(update={"flow": None}), NO_STATE) == FIRST_REQUEST
