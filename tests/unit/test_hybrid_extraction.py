"""Answers quoted from documents."""

import pytest

from services.hybrid_engine.hybrid.extraction import extract_answer, sentences
from services.hybrid_engine.turn import Passage

HOURS = "# Horaires\n\nL'entrepôt est ouvert du lundi au vendredi de 8h à 18h. Il est fermé le dimanche."
PRICES = "# Tarifs\n\n- 3 paquets - 13.000 FCFA\n- 6 paquets - 25.000 FCFA\n- 12 paquets - 48.000 FCFA"
RETURNS = "Le remboursement est fait sous 5 jours ouvrés, sur le numéro qui a payé. L'échange est gratuit à l'entrepôt."


def passages(*texts: str) -> list[Passage]:
    return [Passage(f"d{at}", 0, "", text, 1 - at / 10) for at, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Combien coûtent 6 paquets ?", "6 paquets - 25.000 FCFA"),
        ("combien pour 12 paquets", "12 paquets - 48.000 FCFA"),
        ("Êtes-vous ouverts le dimanche ?", "fermé le dimanche"),
        ("Sous combien de jours le remboursement ?", "5 jours ouvrés"),
    ],
)
def test_the_sentence_that_answers_is_quoted(question: str, expected: str) -> None:
    found = extract_answer(question, passages(HOURS, PRICES, RETURNS))
    assert found is not None
    assert expected in found.text
    assert len(sentences(found.text)) <= 2


def test_the_passage_it_comes_from_is_cited() -> None:
    found = extract_answer("Combien coûtent 6 paquets ?", passages(HOURS, PRICES))
    assert found is not None
    assert [passage.document_id for passage in found.passages] == ["d1"]


@pytest.mark.parametrize("question", ["", "?", "Vendez-vous des téléphones portables ?"])
def test_nothing_shared_is_nothing_found(question: str) -> None:
    assert extract_answer(question, passages(HOURS, PRICES)) is None


def test_the_answer_below_a_question_is_found_and_the_question_is_not_quoted() -> None:
    found = extract_answer(
        "Comment suivre ma commande ?", passages("Comment suivre une commande ?\nUn lien vous est envoyé.")
    )
    assert found is not None
    assert found.text == "Un lien vous est envoyé."


def test_a_decimal_point_ends_no_sentence() -> None:
    assert sentences("Cela coûte 25.000 F en gros. Merci.") == ["Cela coûte 25.000 F en gros.", "Merci."]


def test_a_list_of_other_quantities_answers_nothing() -> None:
    packets = "# Tailles\n\nChaque paquet contient 40 couches."
    assert extract_answer("10 paquets, ça fait combien ?", passages(packets, PRICES)) is None
    extract = extract_answer("6 paquets, ça fait combien ?", passages(packets, PRICES))
    assert extract is not None
    assert extract.text == "6 paquets - 25.000 FCFA"
