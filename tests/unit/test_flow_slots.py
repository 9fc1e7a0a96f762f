"""Slots that a tenant describes itself: choices, numbers, patterns, texts, values that are said back, conditions."""

import pytest

from libs.common.linear_pattern import linear_pattern
from services.hybrid_engine.flow.fold import fold, replay
from services.hybrid_engine.flow.phones import PhoneGiven, read_phone
from services.hybrid_engine.flow.rules import FlowRules, PhaseRule, PhoneRule, SlotKind, SlotRule, Validator
from services.hybrid_engine.flow.state import FlowState, Phase
from services.hybrid_engine.hybrid.answering import decide_turn
from services.hybrid_engine.hybrid.decision import Decision
from tests.fakes.engine_parts import says, turn_of

SIZE = SlotRule(
    "taille",
    SlotKind.CHOICE,
    "ask_size",
    options={"petit": ("petit", "petite", "s"), "grand": ("grand", "grande", "l")},
)
COUNT = SlotRule("nombre", SlotKind.NUMBER, "ask_count", validator=Validator(minimum=1, maximum=20))
BILL = SlotRule("facture", SlotKind.PATTERN, "ask_bill", pattern=linear_pattern(r"(?i)\bF-\d{4}\b"))
NOTE = SlotRule("note", SlotKind.TEXT, "ask_note", validator=Validator(min_length=5))
PHONE = SlotRule(
    "tel", SlotKind.PHONE, "ask_phone", confirm=True, validator=Validator(pattern=linear_pattern("0[157].*"))
)


def flow(*slots: SlotRule, **more: object) -> FlowRules:
    return FlowRules("f", slots, ("commander",), **more)  # type: ignore[arg-type]


def after(rules: FlowRules, *messages: str) -> FlowState:
    return replay([says("commander"), *map(says, messages)], rules)


def last(rules: FlowRules, *messages: str) -> Decision:
    state = after(rules, *messages[:-1])
    return decide_turn(turn_of(says(messages[-1]), state), rules).decision


def value(state: FlowState, slot: str) -> str:
    return state.slots[slot].value if slot in state.slots else ""


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ("grand", "grand"),
        ("la GRANDE s'il vous plaît", "grand"),
        ("graaande", "grand"),
        ("grannd", "grand"),
        ("pas petit, grand", "grand"),
        ("grand pas petit", "grand"),
        ("petit... non, grand", "grand"),
        ("violet", ""),
        ("grand ou petit ?", ""),
    ],
)
def test_an_option_is_understood_by_any_of_its_names(said: str, chosen: str) -> None:
    assert value(after(flow(SIZE), said), "taille") == chosen


@pytest.mark.parametrize(
    ("said", "count"),
    [("3", "3"), ("j'en veux 12", "12"), ("trois", "3"), ("3,5 kg", "3.5"), ("21", ""), ("0", ""), ("plein", "")],
)
def test_a_number_must_lie_in_its_range(said: str, count: str) -> None:
    assert value(after(flow(COUNT), said), "nombre") == count


def test_a_number_is_read_only_where_it_was_asked_for() -> None:
    assert value(after(flow(SIZE, COUNT), "j'habite au 12"), "nombre") == ""


def test_a_pattern_is_found_anywhere_in_a_statement() -> None:
    state = after(flow(SIZE, BILL), "grand, pour ma facture f-2044")
    assert (value(state, "taille"), value(state, "facture")) == ("grand", "f-2044")


@pytest.mark.parametrize(("slot", "said"), [(SIZE, "violet"), (COUNT, "99"), (BILL, "2044"), (NOTE, "hm")])
def test_what_a_slot_cannot_have_is_explained(slot: SlotRule, said: str) -> None:
    decision = last(flow(slot), said)
    assert (decision.action, decision.rule, decision.correction) == (slot.action, "invalid_value", "value_invalid")


def test_a_text_must_be_long_enough() -> None:
    assert value(after(flow(NOTE), "ok"), "note") == ""
    assert value(after(flow(NOTE), "sonnez deux fois"), "note") == "sonnez deux fois"


def test_a_phone_with_another_prefix_is_refused_where_the_tenant_is_strict() -> None:
    assert last(flow(PHONE), "0987360757").correction == "phone_invalid"


def test_a_value_is_said_back_until_it_is_agreed_to() -> None:
    rules = flow(PHONE, SIZE)
    assert last(rules, "0787360757").action == "confirm_tel"
    assert last(rules, "0787360757", "euh").action == "confirm_tel"
    assert last(rules, "0787360757", "oui").action == "ask_size"
    assert last(rules, "0787360757", "non").action == "ask_phone"
    assert last(rules, "0787360757", "non, 0102030405").action == "confirm_tel"
    assert value(after(rules, "0787360757", "non, 0102030405", "oui"), "tel") == "0102030405"


def test_a_corrected_value_is_said_back_again_before_the_recap() -> None:
    rules = flow(PHONE, SIZE)
    state = after(rules, "0787360757", "oui", "grand")
    assert state.phase == Phase.CONFIRMING
    decided = decide_turn(turn_of(says("non, mon numéro c'est 0102030405"), state), rules)
    assert decided.decision.action == "confirm_tel"
    assert fold(decided.state, says("oui"), rules).phase == Phase.CONFIRMING


def test_a_slot_is_asked_for_only_under_its_condition() -> None:
    note = SlotRule("note", SlotKind.TEXT, "ask_note", when={"taille": ("grand",)})
    assert last(flow(SIZE, note), "grand").action == "ask_note"
    assert last(flow(SIZE, note), "petit").action == "confirm"


def test_a_condition_that_comes_true_in_the_recap_asks_for_its_slot() -> None:
    note = SlotRule("note", SlotKind.TEXT, "ask_note", when={"taille": ("grand",)})
    assert last(flow(SIZE, note), "petit", "non, grand").action == "ask_note"


def test_a_phase_that_the_flow_has_no_longer_begins_it_again() -> None:
    rules = flow(SIZE, COUNT, phases=(PhaseRule("un", ("taille",), goto="deux"), PhaseRule("deux", ("nombre",))))
    state = fold(FlowState(phase="gone", slots={}), says("grand"), rules)
    assert (state.phase, state.awaiting_slot) == ("deux", "nombre")


def test_the_0_that_is_not_dialled_from_abroad_is_put_back() -> None:
    french = PhoneRule(10, "33")
    assert read_phone("+33 6 12 34 56 78", french) == PhoneGiven("0612345678", 10)
    assert read_phone("0033612345678", french) == PhoneGiven("0612345678", 10)
    assert read_phone("+225 078736075", PhoneRule(10, "225")) == PhoneGiven("", 9)
