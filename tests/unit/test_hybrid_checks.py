"""What a model's wording must keep to."""

from dataclasses import replace

import pytest

from services.hybrid_engine.flow.rules import SlotKind
from services.hybrid_engine.hybrid.checks import Expectation, first_failure

PAYMENT = Expectation(
    max_words=20,
    locked="Envoyez 2000F sur +225 0787360757, puis capture.",
    asked=SlotKind.PAYMENT_PROOF,
    not_asked=(SlotKind.IMAGE, SlotKind.PLACE, SlotKind.PHONE),
    country="CI",
)


@pytest.mark.parametrize(
    "text",
    [
        "Envoyez 2000F sur +225 0787360757, puis capture.",
        "Merci d'envoyer 2 000 FCFA au 07 87 36 07 57 et la capture du paiement 🙏",
    ],
)
def test_the_same_facts_in_other_words_pass(text: str) -> None:
    assert first_failure(text, PAYMENT) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "LLM_EMPTY"),
        ("  \n", "LLM_EMPTY"),
        ("Envoyez la capture du paiement sur +225 0787360757.", "LLM_FACT_MISSING"),
        ("Envoyez 2000F puis la capture.", "LLM_FACT_MISSING"),
        ("Envoyez 3000F sur +225 0787360757, puis capture.", "LLM_FACT_MISSING"),
        ("Envoyez 2000F ou 3000F sur +225 0787360757, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757 ou 0102030405, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757, capture sur www.exemple.ci/payer", "LLM_FACT_FOREIGN"),
        ("Envoyez **2000F** sur +225 0787360757, puis capture.", "LLM_MARKUP"),
        ("Assistant: envoyez 2000F sur +225 0787360757, puis capture.", "LLM_ROLE_LEAK"),
        ("Merci ! 2000F au +225 0787360757.", "LLM_WRONG_SLOT"),
        ("Envoyez 2000F sur +225 0787360757, la capture et votre quartier.", "LLM_WRONG_SLOT"),
        ("Send 2000F to +225 0787360757 and then the screenshot, please.", "LLM_WRONG_LANGUAGE"),
    ],
)
def test_the_first_check_that_fails_names_the_reason(text: str, reason: str) -> None:
    assert first_failure(text, PAYMENT) == reason


def test_twenty_words_pass_and_twenty_one_are_too_many() -> None:
    expected = Expectation(max_words=20)
    assert first_failure(" ".join(["mot"] * 20), expected) == ""
    assert first_failure(" ".join(["mot"] * 21), expected) == "LLM_TOO_LONG"
    assert first_failure(" ".join(["mot"] * 25), replace(expected, max_words=25)) == ""


def test_words_are_counted_as_unicode_parts_them() -> None:
    assert first_failure("l'adresse 🙂 — 25.000 F !", Expectation(max_words=3, locked="25.000 F")) == ""


def test_a_literal_must_stand_as_it_is() -> None:
    expected = Expectation(max_words=20, literals=("CMD-ABCD1234",))
    assert first_failure("Commande CMD-ABCD1234 notée.", expected) == ""
    assert first_failure("Commande notée.", expected) == "LLM_FACT_MISSING"
