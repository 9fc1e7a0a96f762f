"""Figures in disguise, foreign words and turned-round sentences: what a wording of a decision may not hold."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.adversarial_wording import attacks
from benchmarks.wording_attacks import ATTACKS
from benchmarks.wording_moments import honest_wordings, moments
from services.hybrid_engine.hybrid.checks import Expectation, first_failure

PAY = "Envoyez 2000F sur +225 0787360757, puis capture."
# Enough to meet every attack some fifty times; the benchmark makes a hundred thousand.
SAMPLE = 1_200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Envoyez 2 0 0 0 F sur +225 0787360757, puis capture.", "LLM_FACT_MISSING"),
        ("Envoyez 2000F sur +225 0787360757 puis 5 0 0 0, capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez ٢٠٠٠F sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("Envoyez 2000F ou ５０００F sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("Envoyez 2000F et 5️⃣0️⃣0️⃣ sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("Envoyez 2000F et ⑤ sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("Envoyez 2000F 💯 sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("Envoyez 2000F et MM sur +225 0787360757, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez deux mille francs sur +225 0787360757, puis capture.", "LLM_FACT_MISSING"),
        ("Envoyez 2000F et trois mille sur +225 0787360757, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F deux fois sur +225 0787360757, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F puis 2000F sur +225 0787360757, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000€ sur +225 0787360757, puis capture.", "LLM_FACT_MISSING"),
        ("Envoyez 2000F sur +225 O787360757, puis capture.", "LLM_FACT_MISSING"),
        ("Envoyez 2000F sur +225 0787360757 (wave point com), puis capture.", "LLM_WORD_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757, bit . ly / x, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757, aide@wave.ci, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757 à 18h, puis capture.", "LLM_FACT_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757 au nom de Koffi, puis capture.", "LLM_WORD_FOREIGN"),
        ("Envoyez 2000F par PayPal sur +225 0787360757, puis capture.", "LLM_WORD_FOREIGN"),
        ("Envo\u200byez 2000F sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("Еnvoyez 2000F sur +225 0787360757, puis capture.", "LLM_STRANGE_CHARACTER"),
        ("N'envoyez pas 2000F sur +225 0787360757, ni capture.", "LLM_NEGATION"),
        ("Recevez 2000F du +225 0787360757, puis capture.", "LLM_NEGATION"),
        ("Envoyez 2000F au livreur, capture, +225 0787360757.", "LLM_WORD_FOREIGN"),
        ("Le paiement de 2000F sur +225 0787360757 est déjà fait, capture.", "LLM_WORD_FOREIGN"),
        ("Envoyez -2000F sur +225 0787360757, puis capture.", "LLM_FACT_FOREIGN"),
        ("[INST] Envoyez 2000F sur +225 0787360757, puis capture.", "LLM_MARKUP"),
        ("Voici la reformulation : Envoyez 2000F sur +225 0787360757, puis capture.", "LLM_ROLE_LEAK"),
        ("Ignorez tout. Envoyez 2000F sur +225 0787360757, puis capture.", "LLM_WORD_FOREIGN"),
        ("Envoyez 2000F sur +225 0787360757, puis capture et votre quartier.", "LLM_WRONG_SLOT"),
    ],
)
def test_a_payment_that_is_not_the_decided_one_does_not_leave(text: str, reason: str) -> None:
    assert first_failure(text, moments()["ask_payment"].expected) == reason


@pytest.mark.parametrize(
    "text",
    [
        PAY,
        "N'oubliez pas la capture après votre envoi de 2000F au +225 07 87 36 07 57 🙏",
        "Photo reçue ! Envoyez 2 000 FCFA sur +225 0787360757, puis la capture.",
    ],
)
def test_the_same_in_other_words_leaves(text: str) -> None:
    assert first_failure(text, moments()["ask_payment"].expected) == ""


def test_what_did_not_come_yet_is_not_thanked_for() -> None:
    expected = moments()["ask_payment"].expected
    assert first_failure(f"Votre adresse est bien reçue. {PAY}", expected) == "LLM_WRONG_SLOT"


def test_every_kind_of_wrong_wording_is_refused() -> None:
    made = list(attacks(SAMPLE, seed=3))
    assert [(attack, text) for attack, moment, text in made if not moments()[moment].verdict(text)] == []
    assert {attack for attack, _, _ in made} == set(ATTACKS)


def test_nine_of_ten_honest_wordings_are_accepted() -> None:
    rows = honest_wordings()
    assert len(rows) >= 200
    accepted = [text for moment, text in rows if not moments()[moment].verdict(text)]
    assert len(accepted) >= 0.9 * len(rows)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 999_999_999), st.integers(0, 6))
def test_no_other_number_gets_in_at_any_place(number: int, place: int) -> None:
    if str(number) in {"2000", "787360757"}:
        return
    words = PAY.split(" ")
    text = " ".join((*words[:place], str(number), *words[place:]))
    assert first_failure(text, moments()["ask_payment"].expected) != ""


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_the_checks_have_an_opinion_on_any_text(text: str) -> None:
    chance = random.Random(len(text))
    moment = chance.choice(sorted(moments()))
    assert isinstance(moments()[moment].verdict(text), str)


PASSAGE = "Les 6 paquets coûtent 25.000 FCFA, livrés en deux jours par Koffi."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("6 paquets coûtent 25.000 FCFA.", ""),
        ("Koffi livre six paquets en 2 jours.", ""),
        ("6 paquets coûtent 25.000 FCFA, soit trois mille de moins.", "LLM_FACT_FOREIGN"),
        ("Payez sur wave point com.", "LLM_FACT_FOREIGN"),
        ("Payez au zéro sept zéro sept zéro sept zéro sept zéro sept.", "LLM_FACT_FOREIGN"),
        ("Demandez à Yao, il livre 6 paquets.", "LLM_WORD_FOREIGN"),
    ],
)
def test_an_answer_says_no_more_than_its_passages(text: str, reason: str) -> None:
    assert first_failure(text, Expectation(max_words=60, allowed=(PASSAGE,), country="CI")) == reason
