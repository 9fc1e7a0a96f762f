"""An answer from documents: it is one, and says what they say."""

import pytest

from services.hybrid_engine.hybrid.checks import NEGATION
from services.hybrid_engine.hybrid.grounding import NO_ANSWER, ungrounded

PASSAGES = (
    "## Article abîmé\n\nUn article abîmé à la livraison est remplacé gratuitement. Envoyez une photo.",
    "Un article non ouvert s'échange dans les 7 jours. L'échange est gratuit à l'entrepôt.",
    "Nous acceptons Wave et les espèces. Les cartes bancaires et les chèques ne sont pas acceptés.",
)


@pytest.mark.parametrize(
    "text",
    [
        "Désolé, je ne trouve pas cette information dans les passages.",
        "Je suis une IA et je ne peux pas répondre à cette question.",
        "Une erreur est survenue. Veuillez réessayer plus tard.",
        "Cette information n'est pas disponible.",
        "Le prix n'est pas précisé.",
        "I'm sorry, but I cannot help with that.",
        "The provided context does not say.",
    ],
)
def test_what_a_model_says_of_itself_is_no_answer(text: str) -> None:
    assert ungrounded(text, "Acceptez-vous les échanges ?", PASSAGES, "fr") == NO_ANSWER


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Remplacez-vous un article abîmé ?", "Un article abîmé à la livraison n'est pas remplacé gratuitement."),
        ("Puis-je échanger un article ?", "Non, aucun échange n'est possible."),
        ("Prenez-vous la carte ?", "Les cartes bancaires sont acceptées."),
        ("Acceptez-vous les cartes bancaires ?", "Oui, bien sûr !"),
    ],
)
def test_the_opposite_of_what_documents_say_does_not_leave(question: str, text: str) -> None:
    assert ungrounded(text, question, PASSAGES, "fr") == NEGATION


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Remplacez-vous un article abîmé ?", "Oui, un article abîmé est remplacé gratuitement."),
        ("Puis-je échanger un article ?", "Oui, tout article non ouvert s'échange dans les 7 jours."),
        ("Prenez-vous la carte ?", "Non, ni les cartes bancaires ni les chèques ne sont acceptés."),
        ("Comment payer ?", "Par Wave ou en espèces."),
        ("Prenez-vous Wave ?", "Oui !"),
    ],
)
def test_what_documents_say_in_other_words_passes(question: str, text: str) -> None:
    assert ungrounded(text, question, PASSAGES, "fr") == ""


def test_what_a_document_says_itself_may_be_said() -> None:
    told = ("Ce que je ne sais pas, une personne le sait : écrivez « conseiller ».",)
    assert ungrounded("Ce que je ne sais pas, une personne le sait.", "Qui aide ?", told, "fr") == ""
