"""What may be kept, for how long, and what leans on what was said before."""

import pytest

from libs.common.facts import extract_facts
from services.cache.admission import (
    CONTEXT_BOUND,
    PERSONAL,
    TOO_LARGE,
    is_elliptical,
    refusal_of_answer,
    refusal_to_keep,
    ttl_seconds,
)
from services.cache.reading import Reading, read_question


def read(text: str, language: str = "fr") -> Reading:
    return read_question(text, language=language, country="CI")


def refusal(question: str, answer: str) -> str:
    return refusal_to_keep(question, answer, reading=read(question), answer_facts=extract_facts(answer, country="CI"))


@pytest.mark.parametrize(
    "text",
    [
        "oui",
        "non merci",
        "le même",
        "et pour 12 ?",
        "Et la livraison ?",
        "c'est combien ?",
        "pourquoi ?",
        "à Cocody",
        "ok",
    ],
)
def test_what_leans_on_the_last_message_is_elliptical(text: str) -> None:
    assert is_elliptical(read(text))


@pytest.mark.parametrize(
    "text", ["Où est mon colis ?", "ou est mon colis", "Livrez-vous à Bouaké ?", "Quels sont vos horaires ?"]
)
def test_short_whole_questions_are_not(text: str) -> None:
    assert not is_elliptical(read(text))


def test_a_long_number_is_personal_even_where_the_country_is_not_known() -> None:
    question = "Mon numéro est le 07 08 09 10 11, livrez-vous à Bouaké ?"
    reading = read_question(question, language="fr")
    assert refusal_to_keep(question, "Oui.", reading=reading, answer_facts=()) == PERSONAL


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Livrez-vous à Bouaké ?", "Oui, en deux jours.", ""),
        ("Quel est votre numéro de dépôt Wave ?", "Le dépôt se fait au 07 01 02 03 04.", ""),
        ("Mon numéro est le 07 08 09 10 11, livrez-vous à Bouaké ?", "Oui.", PERSONAL),
        ("Je m'appelle Awa, livrez-vous à Bouaké ?", "Oui Awa.", PERSONAL),
        ("Écrivez à awa@example.ci le prix du forfait", "C'est noté.", PERSONAL),
        ("et pour 12 ?", "C'est 25 000 F.", CONTEXT_BOUND),
        ("Livrez-vous à Bouaké ?", "  ", CONTEXT_BOUND),
        ("Livrez-vous à Bouaké ?", "oui " * 3000, TOO_LARGE),
    ],
)
def test_admission(question: str, answer: str, reason: str) -> None:
    assert refusal(question, answer) == reason


def test_an_answer_about_the_moment_lasts_an_hour_at_most() -> None:
    assert ttl_seconds(read("Êtes-vous ouverts aujourd'hui ?"), asked_for=0, default=604_800) == 3600
    assert ttl_seconds(read("Êtes-vous ouverts le samedi ?"), asked_for=0, default=604_800) == 604_800


def test_a_caller_may_shorten_the_life_and_not_lengthen_it() -> None:
    assert ttl_seconds(read("Livrez-vous à Bouaké ?"), asked_for=60, default=600) == 60
    assert ttl_seconds(read("Livrez-vous à Bouaké ?"), asked_for=6000, default=600) == 600


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        ("Envoyez une photo.", {"wording": "template"}, "NOT_WORDED"),
        ("Salut ! 👋", {"wording": "canned"}, "NOT_WORDED"),
        ("La livraison coûte", {"wording": "model", "is_truncated": True}, "TRUNCATED"),
        ("Oui.", {"wording": "extract", "confidence": 0.69}, "LOW_CONFIDENCE"),
        ("Oui.", {"wording": "extract", "confidence": 0.7}, ""),
        ("Oui, nous livrons à Bouaké.", {"wording": "model"}, ""),
        ("Oui, nous livrons à Bouaké.", {}, ""),
        ('{"error": {"message": "overloaded"}}', {}, "ERROR_TEXT"),
        ("<html><body>502 Bad Gateway</body></html>", {}, "ERROR_TEXT"),
        ("I'm sorry, but I can't help with that.", {}, "ERROR_TEXT"),
        ("As an AI language model, I cannot say.", {}, "ERROR_TEXT"),
        ("Désolé, une erreur est survenue.", {}, "ERROR_TEXT"),
        ("Rate limit reached for requests", {}, "ERROR_TEXT"),
    ],
)
def test_what_is_no_answer_is_not_kept(text: str, more: dict[str, object], reason: str) -> None:
    given = {"wording": "", "confidence": 0.0, "is_truncated": False} | more
    assert refusal_of_answer(text, **given) == reason  # type: ignore[arg-type]
