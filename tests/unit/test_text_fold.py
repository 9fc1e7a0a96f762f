"""Folding: one spelling for what people write in many ways."""

import pytest

from libs.common.text_fold import fold, fold_with_offsets, stems, tokens, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Où êtes-vous ?", "ou etes-vous ?"),
        ("ÉTÉ e\u0301te\u0301", "ete ete"),
        ("L’œuvre", "l'oeuvre"),
        ("25\u202f000\u00a0F", "25 000 f"),
        ("６ paquets", "6 paquets"),
        ("m² et 2½", "m² et 2½"),
        ("İstanbul", "istanbul"),
        ("📦 ok", "📦 ok"),
        ("", ""),
    ],
)
def test_fold_gives_one_spelling(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["plain ascii", "Œuf à 25\u202f000 F…", "e\u0301a", "📦"])
def test_offsets_lead_back_to_the_text_as_written(text: str) -> None:
    folded, offsets = fold_with_offsets(text)
    assert folded == fold(text)
    assert len(offsets) == len(folded) + 1
    assert offsets[-1] == len(text)
    assert all(character in fold(text[at]) for character, at in zip(folded, offsets, strict=False))


def test_words_are_counted_as_unicode_bounds_them() -> None:
    """An elided article and a thousands separator join; punctuation, emoji and hyphens do not."""
    assert words("Envoyez l'acompte : 25.000 F, svp 📦 !") == ["Envoyez", "l'acompte", "25.000", "F", "svp"]
    assert words("peut-être") == ["peut", "être"]
    assert words(" … 📦") == []


def test_tokens_are_folded_and_lose_elided_articles() -> None:
    assert tokens("L'Été, qu’il dit d'abord 25.000") == ["ete", "il", "dit", "abord", "25.000"]


@pytest.mark.parametrize(
    ("first", "second", "language"),
    [
        ("Quels sont les délais de livraison ?", "delai livraisons", "fr"),
        ("remboursements", "remboursement", "fr-CI"),
        ("opening hours", "OPEN hour", "en"),
    ],
)
def test_stems_meet_across_number_accents_and_case(first: str, second: str, language: str) -> None:
    assert stems(first, language) == stems(second, language)


def test_stems_of_a_language_without_stemmer_are_the_folded_words() -> None:
    assert stems("Öffnungszeiten heute", "de") == ["offnungszeiten", "heute"]
