"""How messages change the state of an order."""

from services.hybrid_engine.flow.fold import fold, replay
from services.hybrid_engine.flow.rules import FlowRules
from services.hybrid_engine.flow.state import CONFIRMATION, Event, FlowState, Phase
from tests.fakes.engine_parts import example_rules, says

RULES = example_rules()


def after(*events: Event, rules: FlowRules = RULES) -> FlowState:
    return replay(events, rules)


def values(state: FlowState) -> dict[str, str]:
    return {name: held.value for name, held in state.slots.items()}


def test_pictures_fill_photo_then_payment() -> None:
    state = after(says("je veux commander"), says(image="a"), says(image="b"))
    assert values(state) == {"photo": "a" * 64, "paiement": "b" * 64}
    assert state.awaiting_slot == "zone"


def test_a_picture_alone_begins_an_order() -> None:
    state = after(says(image="a"))
    assert state.phase is Phase.COLLECTING
    assert values(state) == {"photo": "a" * 64}


def test_a_caption_wins_over_the_order_of_slots() -> None:
    state = after(says(image="b", caption="capture du paiement"))
    assert values(state) == {"paiement": "b" * 64}
    assert state.awaiting_slot == "photo"


def test_text_beside_a_picture_is_its_caption() -> None:
    assert values(after(says("voici le reçu", image="b"))) == {"paiement": "b" * 64}


def test_a_screenshot_used_twice_is_flagged_and_kept() -> None:
    state = after(says(image="a"), says(image="b"))
    assert not state.slots["paiement"].needs_review
    state = fold(fold(state, says("annule"), RULES), says(image="a"), RULES)
    state = fold(state, says(image="b"), RULES)
    assert state.slots["paiement"].needs_review
    assert state.proof_digests == ("b" * 64,)


def test_the_photo_of_the_parcel_is_no_payment() -> None:
    assert after(says(image="a"), says(image="a")).slots["paiement"].needs_review


def test_one_message_may_fill_many_slots() -> None:
    state = after(
        says("je veux commander, livrez à Yopougon, mon numéro 07 07 07 07 07", image="a", caption="le colis")
    )
    assert values(state) == {"photo": "a" * 64, "zone": "Yopougon", "tel": "0707070707"}
    assert state.awaiting_slot == "paiement"


def test_zones_are_known_by_other_spellings() -> None:
    for written in ("YOPOUGON", "yop", "à Yop svp", "la commune de Yopougon", "Yopougn"):
        state = after(says(image="a"), says(image="b"), says(written))
        assert values(state)["zone"] == "Yopougon", written


def test_a_correction_overwrites_the_zone() -> None:
    state = after(says(image="a"), says(image="b"), says("Cocody"), says("non, c'est Yopougon pas Cocody"))
    assert values(state)["zone"] == "Yopougon"
    assert values(fold(state, says("finalement à Marcory au lieu de Yopougon"), RULES))["zone"] == "Marcory"


def test_a_correction_opens_the_recap_again() -> None:
    state = after(says(image="a"), says(image="b"), says("Cocody"), says("0707070707"))
    assert (state.phase, state.awaiting_slot) == (Phase.CONFIRMING, CONFIRMATION)
    state = fold(state, says("oui mais à Abobo"), RULES)
    assert (state.phase, values(state)["zone"]) == (Phase.CONFIRMING, "Abobo")
    assert fold(state, says("oui"), RULES).phase is Phase.DONE


def test_from_one_place_to_another_is_to_the_other() -> None:
    state = after(says(image="a"), says(image="b"), says("de Cocody à Abobo"))
    assert values(state)["zone"] == "Abobo"


def test_a_question_about_a_zone_fills_nothing() -> None:
    state = after(says(image="a"), says(image="b"), says("Combien pour Yopougon ?"))
    assert "zone" not in state.slots
    assert state.asks["zone"] == 1


def test_the_order_id_is_the_same_for_a_retried_turn_and_another_for_the_next_order() -> None:
    before = after(says(image="a"), says(image="b"), says("Cocody"), says("0707070707"))
    first, retried = fold(before, says("oui"), RULES), fold(before, says("oui"), RULES)
    assert first == retried
    assert first.order_id.startswith("CMD-")
    again = first
    for event in (says("commander"), says(image="c"), says(image="d"), says("Abobo"), says("0101010101"), says("oui")):
        again = fold(again, event, RULES)
    assert again.phase is Phase.DONE
    assert again.order_id != first.order_id


def test_done_stays_done_until_an_order_is_asked_for() -> None:
    done = after(says(image="a"), says(image="b"), says("Cocody"), says("0707070707"), says("oui"))
    assert fold(done, says("merci"), RULES).phase is Phase.DONE
    assert fold(done, says(image="e"), RULES).slots == done.slots
    afresh = fold(done, says("je veux commander"), RULES)
    assert (afresh.phase, afresh.slots, afresh.order_id) == (Phase.COLLECTING, {}, "")


def test_cancelling_empties_the_order_but_not_a_placed_one() -> None:
    assert after(says(image="a"), says("annule")).phase is Phase.CANCELLED
    assert after(says(image="a"), says("n'annulez pas")).phase is Phase.COLLECTING
    assert after(says(image="a"), says("comment annuler ?")).phase is Phase.COLLECTING
    done = after(says(image="a"), says(image="b"), says("Cocody"), says("0707070707"), says("oui"), says("annule"))
    assert done.phase is Phase.HANDED_OFF
    assert done.slots


def test_three_failed_asks_hand_off_and_questions_do_not_count() -> None:
    asked = after(says("commander"), says("hum"), says("Livrez-vous le dimanche ?"), says("euh"))
    assert (asked.phase, asked.asks["photo"]) == (Phase.COLLECTING, 3)
    assert fold(asked, says("hum"), RULES).phase is Phase.HANDED_OFF


def test_a_question_with_a_trigger_word_begins_no_order() -> None:
    assert after(says("Comment commander ?")).phase is Phase.IDLE
    assert after(says("Puis-je commander ?")).phase is Phase.COLLECTING


def test_a_tenant_without_a_flow_never_leaves_idle_but_for_a_person() -> None:
    rules = FlowRules()
    assert after(says("commander", image="a"), says("0707070707"), rules=rules).phase is Phase.IDLE
    assert after(says("je veux parler à un humain"), rules=rules).phase is Phase.HANDED_OFF


def test_a_doubtful_proof_gives_way_to_the_next_picture() -> None:
    state = after(says(image="a"), says(image="a"), says(image="b"))
    assert values(state)["paiement"] == "b" * 64
    assert not state.slots["paiement"].needs_review


def test_a_good_proof_stays_when_another_picture_comes() -> None:
    assert values(after(says(image="a"), says(image="b"), says(image="c")))["paiement"] == "b" * 64


def test_a_placed_order_with_another_zone_goes_to_a_person() -> None:
    order = (says(image="a"), says(image="b"), says("Cocody"), says("0707070707"), says("ouiii"))
    assert after(*order).phase is Phase.DONE
    assert after(*order, says("Cocody")).phase is Phase.DONE
    assert after(*order, says("Livrez-vous à Abobo ?")).phase is Phase.DONE
    assert after(*order, says("finalement c'est Abobo")).phase is Phase.HANDED_OFF
