"""Which rule holds first, and what it decides."""

import pytest

from services.hybrid_engine.flow.state import Event, FlowState
from services.hybrid_engine.hybrid.answering import decide_turn
from services.hybrid_engine.hybrid.decision import Decision
from tests.fakes.engine_parts import example_rules, says, turn_of

RULES = example_rules()
ORDER = (says("je veux commander"), says(image="a"), says(image="b"), says("Cocody"), says("0707070707"))


def last(*events: Event) -> Decision:
    state = FlowState()
    for event in events[:-1]:
        state = decide_turn(turn_of(event, state), RULES).state
    return decide_turn(turn_of(events[-1], state), RULES).decision


def test_an_order_asks_for_each_slot_in_turn() -> None:
    shown = [f"{last(*ORDER[: at + 1]).action}{last(*ORDER[: at + 1]).place}" for at in range(len(ORDER))]
    assert shown == ["ask_photo (1/4)", "ask_payment (2/4)", "ask_zone (3/4)", "ask_phone (4/4)", "confirm"]
    assert last(*ORDER, says("oui")).action == "done"


@pytest.mark.parametrize(
    ("text", "action", "rule"),
    [
        ("Bonjour !", "greet", "greeting"),
        ("👋", "greet", "nothing_asked"),
        ("merci", "greet", "closing"),
        ("Bonsoir, comment ça va ?", "greet", "greeting"),
        ("bidule", "answer_question", "question"),
        ("Combien coûtent 6 paquets ?", "answer_question", "question"),
        ("prix couches taille M", "answer_question", "question"),
        ("Comment commander ?", "answer_question", "question"),
        ("je veux commander", "ask_photo", "first_missing_slot"),
        ("je veux parler à un conseiller", "handoff", "handoff_words"),
        ("annule tout", "cancel", "nothing_to_cancel"),
    ],
)
def test_what_a_first_message_leads_to(text: str, action: str, rule: str) -> None:
    decision = last(says(text))
    assert (decision.action, decision.rule) == (action, rule)


def test_cancelling_comes_before_everything() -> None:
    assert last(says("commander"), says("annule, et je veux parler à un humain")).action in {"cancel", "handoff"}
    assert last(says("commander"), says("annule, voici le colis", image="a")).action == "cancel"


def test_a_digression_comes_back_to_the_slot() -> None:
    decision = last(*ORDER[:2], says("Livrez-vous le dimanche ?"))
    assert (decision.action, decision.slot, decision.follow_up) == ("answer_question", "paiement", "ask_payment")
    assert decision.place == " (2/4)"


def test_an_unknown_zone_is_answered_with_the_nearest_three() -> None:
    decision = last(*ORDER[:3], says("Cocdi"))
    assert (decision.action, decision.rule, decision.correction) == ("ask_zone", "invalid_value", "zone_unknown")
    assert decision.suggestions[0] == "Cocody"
    assert len(decision.suggestions) == 3


def test_a_number_of_the_wrong_length_is_explained() -> None:
    assert last(*ORDER[:4], says("07 07 07 07")).correction == "phone_invalid"


def test_a_third_failed_ask_hands_off() -> None:
    decision = last(says("commander"), says("hum"), says("hum"), says("hum"))
    assert (decision.action, decision.rule) == ("handoff", "too_many_asks")


def test_a_short_number_is_explained_and_so_are_other_words() -> None:
    for given in ("07 08 09", "abc", "le même numéro"):
        assert last(*ORDER[:4], says(given)).correction == "phone_invalid"
    assert last(*ORDER[:4], says("ok")).rule == "first_missing_slot"


def test_a_refused_recap_asks_what_to_change() -> None:
    assert last(*ORDER, says("non")).rule == "refused"
    assert last(*ORDER, says("non, c'est Abobo")).rule == "all_slots_filled"


@pytest.mark.parametrize("yes", ["ouiii", "okk", "👍", "c'est bon", "oui c'est bon"])
def test_assent_comes_in_many_forms(yes: str) -> None:
    assert last(*ORDER, says(yes)).action == "done"


def test_a_placed_order_is_thanked_for_and_not_placed_again() -> None:
    assert last(*ORDER, says("oui"), says("merci beaucoup")).rule == "closing"
    assert last(*ORDER, says("oui"), says(image="c")).correction == "already_done"


def test_a_picture_that_was_sent_before_is_told_of() -> None:
    assert last(says(image="a"), says(image="a")).notice == "proof_reused"
    assert last(says(image="a"), says(image="b")).notice == ""


def test_a_place_like_no_zone_brings_no_suggestion() -> None:
    decision = last(*ORDER[:3], says("chez moi"))
    assert (decision.correction, decision.suggestions) == ("zone_unknown", ())


def test_nobody_is_greeted_twice_for_a_sign() -> None:
    assert last(says("😀")).rule == "nothing_asked"
    assert last(says("😀"), says("👍")).rule == "anything_else"
