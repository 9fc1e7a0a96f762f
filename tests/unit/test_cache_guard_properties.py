"""What holds of the guard for any two questions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cache import guard
from services.cache.admission import is_elliptical
from services.cache.reading import MAX_QUESTION_CHARACTERS, read_question

SUBJECTS = ["la livraison", "une coupe", "la chambre", "mon vol", "un compte", "ma carte", "le menu", "la vidange"]
OPENINGS = ["Combien coûte", "Où se trouve", "Quand arrive", "Comment annuler", "Pourquoi refuser", "Puis-je modifier"]
CITIES = ["Dakar", "Lyon", "Genève", "Rabat", "Liège", "Douala", "Montréal"]
COUNTS = [2, 3, 12, 21, 120]
QUESTION = st.builds(
    "{} {} à {} pour {} personnes ?".format,
    st.sampled_from(OPENINGS),
    st.sampled_from(SUBJECTS),
    st.sampled_from(CITIES),
    st.sampled_from(COUNTS),
)
ANY_TEXT = st.text(max_size=300)
exactly = settings(derandomize=True, max_examples=150, deadline=None)


def rule(a: str, b: str, language: str = "fr") -> str:
    refused = guard.refuse(read_question(a, language=language), read_question(b, language=language), language=language)
    return refused.rule if refused else ""


@exactly
@given(QUESTION, QUESTION)
def test_the_guard_does_not_care_which_was_stored(a: str, b: str) -> None:
    assert rule(a, b) == rule(b, a)


@exactly
@given(QUESTION)
def test_a_question_passes_for_itself(question: str) -> None:
    assert not is_elliptical(read_question(question, language="fr"))
    assert rule(question, question) == ""


@exactly
@given(
    st.sampled_from(OPENINGS),
    st.sampled_from(SUBJECTS),
    st.lists(st.sampled_from(CITIES), min_size=2, max_size=2, unique=True),
    st.lists(st.sampled_from(COUNTS), min_size=2, max_size=2, unique=True),
)
def test_another_place_number_or_polarity_is_another_question(
    opening: str, subject: str, cities: list[str], counts: list[int]
) -> None:
    question = f"{opening} {subject} à {cities[0]} pour {counts[0]} personnes ?"
    assert rule(question, f"{opening} {subject} à {cities[1]} pour {counts[0]} personnes ?")
    assert rule(question, f"{opening} {subject} à {cities[0]} pour {counts[1]} personnes ?") == guard.GUARD_NUMBER
    assert rule(question, f"{opening} {subject} à {cities[0]} sans {counts[0]} personnes ?") == guard.GUARD_POLARITY


@exactly
@given(
    st.lists(
        st.sampled_from(["Combien coûte", "Où est", "Quand est", "Pourquoi"]), min_size=2, max_size=2, unique=True
    ),
    st.sampled_from(SUBJECTS),
)
def test_another_question_word_is_another_question(openings: list[str], subject: str) -> None:
    a, b = (f"{opening} {subject} du samedi ?" for opening in openings)
    assert rule(a, b) == guard.GUARD_QUESTION_WORD


@exactly
@given(ANY_TEXT, ANY_TEXT, st.sampled_from(["fr", "en", "ar", ""]))
def test_no_text_raises_and_none_is_judged_by_its_side(a: str, b: str, language: str) -> None:
    assert rule(a, b, language) == rule(b, a, language)


@pytest.mark.parametrize(
    "text",
    [
        "pas " * 1000,
        "ne pas plus jamais " * 60,
        "\U0001f600" * 4000,
        "e\u0301\u0302" * 1300,
        "\u0301" * 4000,
        "\u202eשלום עולם " * 300,
        "\ufdfa" * 900,
        "1 2 3 4 " * 500,
        "<script>" * 500,
        "\x00\ud800\ufffe",
        "",
    ],
)
def test_what_cannot_be_read_never_passes(text: str) -> None:
    assert rule(text, text)


def test_a_question_longer_than_any_customer_asks_is_not_read() -> None:
    question = "Combien coûte la livraison à Dakar ? ".ljust(MAX_QUESTION_CHARACTERS)
    assert rule(question, question) == ""
    assert rule(question + "!", question + "!") == guard.GUARD_CONTENT
