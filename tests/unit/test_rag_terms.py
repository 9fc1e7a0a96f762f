"""Codes, languages and weighted words, and the order that two searches make together."""

import pytest

from services.rag.codes import codes
from services.rag.fusion import above_floor, fuse
from services.rag.language import language_of_text
from services.rag.passage_index import Hit
from services.rag.terms import Terms, passage_terms, question_terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("la référence JT-2042 svp", {"jt2042"}),
        ("du jt2042 ou jt.2043", {"jt2042", "jt2043"}),
        ("srv 540 b combien", {"srv540", "srv540b"}),
        ("commande CMD-77120", {"cmd77120", "77120"}),
        ("n° 71720", {"71720"}),
        ("l'arrêté 2019/118", {"2019118"}),
        ("0X80070005 again", {"0x80070005", "80070005"}),
        ("٤٥٦٧٨", {"45678"}),
        ("12 paquets à 25.000 F, 1500 FCFA ou 20 €", set()),
        ("24 h sur 24, à 14h30, au 2e étage en 2026", set()),
        ("07 07 12 34 56", set()),
        ("", set()),
    ],
)
def test_codes_are_what_is_looked_up_letter_by_letter(text: str, expected: set[str]) -> None:
    assert codes(text) == expected


def test_codes_of_a_long_text_take_linear_time() -> None:
    """Quadratic time would not end."""
    assert codes("a1-" * 300_000) == frozenset()


@pytest.mark.parametrize(
    ("text", "among", "language"),
    [
        ("Où sont les clés de la maison ?", (), "fr"),
        ("Where are the keys to my house?", (), "en"),
        ("JT-2042", (), ""),
        ("Where are the keys?", ("fr",), ""),
        ("Where are the keys?", ("fr", "en"), "en"),
        ("Wo sind die Schlüssel?", ("de",), ""),
    ],
)
def test_small_words_tell_the_language(text: str, among: tuple[str, ...], language: str) -> None:
    assert language_of_text(text, among=among) == language


def shared(question: Terms, passage: Terms) -> int:
    return len(set(question.indices) & set(passage.indices))


def test_accents_elisions_endings_and_small_words_do_not_part_a_question_from_its_passage() -> None:
    passage = passage_terms("L'été, les réparations gratuites d'horloges.", language="fr")
    assert shared(question_terms("reparation gratuite horloge ete", languages=("fr",)), passage) == 4
    assert shared(question_terms("les de la", languages=("fr",)), passage) == 0
    english = passage_terms("Returned watches are repaired", language="en")
    assert shared(question_terms("repairing a watch", languages=("en",)), english) == 2


def test_a_question_of_unclear_language_looks_for_its_words_in_all() -> None:
    question = question_terms("réparations watches", languages=("fr", "en"))
    assert shared(question, passage_terms("réparation", language="fr")) == 1
    assert shared(question, passage_terms("watch", language="en")) == 1


def test_terms_are_in_order_once_and_bounded() -> None:
    terms = passage_terms("frais " * 500 + "JT-2042", language="fr")
    assert list(terms.indices) == sorted(set(terms.indices))
    assert max(terms.weights) <= 2.2
    assert not passage_terms("", language="fr")


def hit(name: str, score: float, *, text: str = "", sparse: float = 0.0) -> Hit:
    return Hit("shop", "shared", name, 0, "", text, score, sparse_score=sparse)


def test_the_passage_that_names_the_code_comes_first_whatever_else_is_alike() -> None:
    near = hit("near", 0.9, text="Le joint JT-2043", sparse=20.0)
    right = hit("right", 0.1, text="Le joint JT-2042")
    assert [each.document_id for each in fuse([near, right], "prix du jt 2042")] == ["right", "near"]


def test_words_break_ties_of_meaning_and_no_more() -> None:
    hits = [hit("meant", 0.6), hit("worded", 0.55, sparse=10.0), hit("chatter", 0.1, sparse=20.0)]
    assert [each.document_id for each in fuse(hits, "frais")] == ["worded", "meant", "chatter"]
    assert fuse(hits[::-1], "frais") == fuse(hits, "frais")


def test_under_the_floor_only_the_very_code_is_an_answer() -> None:
    hits = [hit("far", 0.1, sparse=30.0), hit("code", 0.1, text="réf. JT-2042"), hit("near", 0.5)]
    assert [each.document_id for each in above_floor(hits, "jt2042 ?", floor=0.25)] == ["code", "near"]
    assert [each.document_id for each in above_floor(hits, "bonjour", floor=0.25)] == ["near"]
