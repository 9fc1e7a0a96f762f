"""Where a sentence ends."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.voice import sentences
from services.voice.sentences import SentenceSplitter, split_sentences


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


def streamed(text: str, sizes: random.Random) -> list[sentences.Sentence]:
    splitter, found, at = SentenceSplitter(), list[sentences.Sentence](), 0
    while at < len(text):
        size = sizes.randint(1, 9)
        found += splitter.push(text[at : at + size])
        at += size
    return found + splitter.finish()


_PARTS = (
    *("Bonjour", " M.", " Koné", ".", " 25.000 FCFA", " ! ", "etc. sont", " etc.", " \n", "1. ", "p. ex. ", "…", "..."),
    *("« Oui. »", " Ça va", " ?", " J. Dupont", ", ", "3.5", "\n\n", "a" * 300, " mot" * 80),
)


def spoken(text: str) -> str:
    """Letters and digits."""
    return "".join(sign for sign in text if sign.isalnum())


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(st.sampled_from(_PARTS), max_size=12), seed=st.integers(0, 99))
def test_a_text_that_comes_in_pieces_loses_nothing(parts: list[str], seed: int) -> None:
    text = "".join(parts)
    found = streamed(text, random.Random(seed))
    assert all(text[each.start : each.end] == each.text for each in found)
    # A mark that stands alone says nothing, and may come too late to be joined to what it ends.
    assert spoken("".join(each.text for each in found)) == spoken("".join(split_sentences(text)))


def test_a_sentence_is_known_when_the_next_one_begins() -> None:
    splitter = SentenceSplitter()
    pushed = [
        splitter.push(piece) for piece in ("Cela fait 25", ".", "000 F", ".", " ", "M", ". Koné", " arrive.", "\n")
    ]
    assert [[each.text for each in found] for found in pushed] == [
        *([[]] * 5),
        ["Cela fait 25.000 F."],
        *([[]] * 2),
        ["M. Koné arrive."],
    ]


def test_a_long_first_sentence_is_begun_at_a_clause_and_later_ones_are_not() -> None:
    text = (
        "Votre commande de trois cartons, que vous avez passée mardi, part demain. Le livreur, qui connaît la route, "
    )
    splitter = SentenceSplitter()
    found = splitter.push(text[:61])
    assert [each.text for each in found] == ["Votre commande de trois cartons,"]
    found = splitter.push(text[61:] + "vous appellera avant, puis il passera. Voilà.") + splitter.finish()
    assert [each.text for each in found] == [
        "que vous avez passée mardi, part demain.",
        "Le livreur, qui connaît la route, vous appellera avant, puis il passera.",
        "Voilà.",
    ]


def test_words_that_wait_are_given_up_to_a_clause_when_nobody_waits_for_the_rest() -> None:
    splitter = SentenceSplitter()
    splitter.push("Un moment, je regar")
    assert splitter.waits
    assert [each.text for each in splitter.flush()] == ["Un moment,"]
    assert splitter.flush() == [] or splitter.waits
