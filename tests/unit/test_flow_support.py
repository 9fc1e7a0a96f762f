"""The support flow by voice: greet, diagnostic, solution, verification, escalation, on the engine of the orders."""

import pytest

from services.hybrid_engine.flow.state import FlowState
from services.hybrid_engine.hybrid.answering import HybridAnswering, decide_turn
from services.hybrid_engine.hybrid.decision import Decision
from services.hybrid_engine.llm.tiers import Cascade
from services.hybrid_engine.turn import Answer
from tests.fakes.engine_parts import FakePassages, example_bundle, example_rules, says, turn_of

TENANT = "sav-internet"
RULES = example_rules(TENANT)


def played(*messages: str) -> list[tuple[Decision, FlowState]]:
    """Each message's decision, and the state after it."""
    state, turns = FlowState(), list[tuple[Decision, FlowState]]()
    for message in messages:
        decided = decide_turn(turn_of(says(message), state), RULES)
        state = decided.state
        turns.append((decided.decision, state))
    return turns


def actions(*messages: str) -> list[str]:
    return [decision.action for decision, _ in played(*messages)]


def test_a_call_that_ends_with_a_technician_goes_through_every_phase() -> None:
    turns = played(
        "Allô bonjour",
        "je n'ai plus internet depuis ce matin",
        "il est rouge",
        "oui oui il est bien branché",
        "ça efface mes réglages si je redémarre ?",
        "voilà c'est fait",
        "non toujours pas",
        "c'est le 06 12 34 56 78",
        "non, le 06 99 88 77 66",
        "oui",
        "plutôt l'après-midi",
        "merci",
    )
    assert [(decision.action, state.phase) for decision, state in turns] == [
        ("ask_panne", "greet"),
        ("ask_voyant", "diagnostic"),
        ("ask_cable", "diagnostic"),
        ("explain_restart", "solution"),
        ("answer_question", "solution"),
        ("ask_resultat", "verification"),
        ("ask_tel", "escalation"),
        ("confirm_tel", "escalation"),
        ("confirm_tel", "escalation"),
        ("ask_creneau", "escalation"),
        ("book_callback", "handed_off"),
        ("handoff", "handed_off"),
    ]
    assert {name: held.value for name, held in turns[-1][1].slots.items()} == {
        "panne": "coupure",
        "voyant": "rouge",
        "cable": "branche",
        "essai": "fait",
        "resultat": "non",
        "tel": "0699887766",
        "creneau": "apres_midi",
    }


def test_a_call_that_ends_well_is_congratulated() -> None:
    assert actions(
        "plus d'internet, le voyant est rouge", "pas branché je crois", "c'est bon", "ouais ça remarche"
    ) == [
        "ask_cable",
        "explain_cable",
        "ask_resultat",
        "done",
    ]


@pytest.mark.parametrize(
    ("messages", "action", "rule"),
    [
        (("mon wifi est faible",), "explain_wifi", "weak_wifi"),
        (("plus de connexion", "éteint", "oui"), "explain_power", "no_power"),
        (("plus de connexion", "éteint", "non"), "explain_cable", "cable_loose"),
        (("ça rame", "vert"), "explain_restart", "phase_complete"),
        (("ça rame", "c'est clignottant"), "explain_restart", "phase_complete"),
        (("ça rame", "vert", "j'y arrive pas"), "ask_tel", "first_missing_slot"),
        (("ça rame", "je veux un technicien"), "ask_tel", "first_missing_slot"),
        (("ça rame", "vert", "fait", "bof"), "ask_resultat", "invalid_value"),
        (("ça rame", "euh", "hum", "bla bla"), "handoff", "too_many_asks"),
        (("ça rame", "annule"), "cancel", "cancel_words"),
        (("ça rame", "annule", "j'ai une panne"), "ask_panne", "first_missing_slot"),
    ],
)
def test_what_a_caller_says_leads_to_what_helps(messages: tuple[str, ...], action: str, rule: str) -> None:
    decision, _ = played(*messages)[-1]
    assert (decision.action, decision.rule) == (action, rule)


def test_a_corrected_answer_is_diagnosed_anew() -> None:
    turns = played("plus de connexion", "rouge", "oui", "ah non en fait il est éteint")
    decision, state = turns[-1]
    assert (decision.action, state.phase) == ("explain_power", "solution")


def test_a_value_that_another_makes_pointless_is_dropped() -> None:
    _, state = played("plus de connexion", "rouge", "oui", "pardon, il est vert")[-1]
    assert "cable" not in state.slots


def test_yes_means_something_only_where_it_was_asked_for() -> None:
    _, state = played("oui, plus d'internet")[-1]
    assert set(state.slots) == {"panne"}


def test_a_number_that_is_not_agreed_to_is_not_booked() -> None:
    turns = played("ça rame", "un technicien", "0612345678", "non")
    assert turns[2][1].slots["tel"].needs_review
    assert turns[3][0].action == "ask_tel"
    assert "tel" not in turns[3][1].slots


async def test_the_whole_call_is_spoken_without_any_model() -> None:
    async def bundle():
        return example_bundle(TENANT)

    engine = HybridAnswering(
        bundles=bundle,
        passages=FakePassages("Un redémarrage n'efface aucun réglage."),
        cascade_of=lambda _: Cascade(),
    )
    state, said = FlowState(), list[Answer]()
    for message in ("allô", "plus d'internet", "vert", "ça efface mes réglages ?", "fait", "non", "0612345678", "oui"):
        answer = await engine.answer(turn_of(says(message), state))
        state = answer.state
        said.append(answer)
    assert all(answer.text and "{" not in answer.text for answer in said)
    assert "06" in said[6].text
    assert said[7].text == "Préférez-vous être rappelé le matin ou l'après-midi ?"
