"""Texts as a reader takes them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.hybrid_engine.number_words import in_digits, is_number_word
from services.hybrid_engine.plain_text import read_aloud, unmasked


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("deux mille francs", "2000 francs"),
        ("Quatre-vingt-dix-sept", "97"),
        ("soixante et onze", "71"),
        ("vingt et un mille cinq cents", "21500"),
        ("dix-sept", "17"),
        ("deuxmille", "2000"),
        ("three thousand two hundred and five", "3205"),
        ("zéro sept quatre-vingt-sept", "0 7 87"),
        ("une photo", "une photo"),
        ("un deux un", "1 2 1"),
        ("un million", "1000000"),
    ],
)
def test_spelled_numbers_become_digits(text: str, digits: str) -> None:
    assert in_digits(text) == digits


@pytest.mark.parametrize("word", ["deux", "dixmillefrancs", "double", "twice", "hundred"])
def test_a_word_that_counts_is_known(word: str) -> None:
    assert is_number_word(word)


@pytest.mark.parametrize("word", ["une", "one", "simple", "paquet", "second"])
def test_an_article_counts_nothing(word: str) -> None:
    assert not is_number_word(word)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("２０００F", "2000f"),
        ("٢٠٠٠ F", "2000 f"),
        ("𝟐𝟎𝟎𝟎", "2000"),
        ("2️⃣0️⃣", "20"),
        ("O7 87 36 O7 57", "07 87 36 07 57"),
        ("2\u200b0\u200b0", "200"),
        ("wave point com", "wave.com"),
        ("bit . ly / x", "bit.ly/x"),
        ("aide (at) gros . com", "aide@gros.com"),
        ("wаve", "wave"),
    ],
)
def test_a_disguise_is_undone(text: str, plain: str) -> None:
    assert read_aloud(text) == plain


def test_plain_words_stay_as_they_are() -> None:
    text = "Envoyez la capture, s'il vous plaît !"
    assert unmasked(text) == text


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 9_999_999_999))
def test_digits_survive_every_set_of_digits(number: int) -> None:
    for zero in ("０", "٠", "०", "𝟎"):
        assert unmasked("".join(chr(ord(zero) + int(digit)) for digit in str(number))) == str(number)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(read_aloud(text), str)
