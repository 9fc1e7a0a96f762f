"""Where a sentence ends."""

import pytest

from services.voice.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Très bien. Je note !", ("Très bien.", "Je note !")),
        ("Cela fait 25.000 FCFA. Merci.", ("Cela fait 25.000 FCFA.", "Merci.")),
        ("Version 3.5 ou 4,2 ? Oui.", ("Version 3.5 ou 4,2 ?", "Oui.")),
        ("Bonjour M. Koné. Ça va ?", ("Bonjour M. Koné.", "Ça va ?")),
        ("J. Dupont arrive. Bien.", ("J. Dupont arrive.", "Bien.")),
        ("Des sacs, p. ex. en toile. Oui.", ("Des sacs, p. ex. en toile.", "Oui.")),
        ("Sacs, boîtes, etc. Nous livrons.", ("Sacs, boîtes, etc.", "Nous livrons.")),
        ("Sacs, boîtes, etc. sont livrés.", ("Sacs, boîtes, etc. sont livrés.",)),
        ("Un instant... Voilà.", ("Un instant...", "Voilà.")),
        ("Il a dit « Oui. » Puis rien.", ("Il a dit « Oui. »", "Puis rien.")),
        ('He said "Stop!" Then left.', ('He said "Stop!"', "Then left.")),
        ("Mr. Smith is at 5 p.m. in town. Fine.", ("Mr. Smith is at 5 p.m. in town.", "Fine.")),
        ("1. Envoyez la photo\n2. Payez", ("1. Envoyez la photo", "2. Payez")),
        ("Une ligne\nUne autre", ("Une ligne", "Une autre")),
        ("sans point", ("sans point",)),
        ("", ()),
        (" … !! ", ()),
    ],
)
def test_sentences(text: str, sentences: tuple[str, ...]) -> None:
    assert split_sentences(text) == sentences


def test_an_endless_sentence_is_cut_at_a_comma_and_loses_nothing() -> None:
    text = ", ".join(f"article numéro {index}" for index in range(60)) + "."
    pieces = split_sentences(text)
    assert all(len(piece) <= 240 for piece in pieces)
    assert " ".join(pieces) == text


def test_a_word_without_spaces_is_cut_too() -> None:
    assert "".join(split_sentences("a" * 1_000)) == "a" * 1_000
