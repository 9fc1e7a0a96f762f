"""What a voice is given to read: labelled lines of French and English, and what the rules must never do."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.voice.numbers_en import speakable_english
from services.voice.numbers_fr import speakable_french
from services.voice.roman_numerals import roman_value
from services.voice.spoken_text import speakable

DATA = Path(__file__).parents[1] / "data"


def labelled(language: str) -> list[tuple[str, str, str]]:
    """Returns kind, written and spoken of each line."""
    lines = (DATA / f"spoken_{language}.tsv").read_text(encoding="utf-8").splitlines()
    return [(kind, written, spoken) for kind, written, spoken in (line.split("\t") for line in lines[1:])]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_labelled_lines_are_read_as_people_say_them(language: str) -> None:
    wrong = [
        (written, spoken, said)
        for _, written, spoken in labelled(language)
        if (said := speakable(written, language)).casefold() != spoken.casefold()
    ]
    assert wrong == []


def test_the_labelled_sets_are_large_and_no_line_is_there_twice() -> None:
    for language, least in (("fr", 150), ("en", 80)):
        written = [line for _, line, _ in labelled(language)]
        assert len(written) == len(set(written)) >= least


def test_an_american_date_begins_with_its_month() -> None:
    assert speakable("12/11", "en-US") == "eleventh of December"
    assert speakable("12/11", "en-GB") == "twelfth of November"


def test_other_languages_are_left_alone() -> None:
    assert speakable("Cuesta 20 €", "es-ES") == "Cuesta 20 €"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_reading_again_what_was_read_changes_nothing(language: str) -> None:
    for _, _, spoken in labelled(language):
        assert speakable(spoken, language) in (spoken, spoken.replace(" plus ", " plus "))


@given(st.integers(min_value=0, max_value=999_999_999))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_no_figure_is_left_in_an_amount_however_it_is_grouped(number: int) -> None:
    for grouped in (f"{number}", f"{number:,}".replace(",", "."), f"{number:,}".replace(",", " ")):
        said = speakable_french(f"Total {grouped} FCFA")
        assert not any(character.isdigit() for character in said)
        assert said == speakable_french(f"Total {number} FCFA")
    assert speakable_english(f"{number:,} FCFA") == speakable_english(f"{number} FCFA")


@given(st.text(alphabet="0123456789 .,:/-+%€$hFmMXVI°#@x()'\n", max_size=60))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_no_text_breaks_the_rules(text: str) -> None:
    speakable_french(text)
    speakable_english(text)


@pytest.mark.parametrize(
    "text", ["1" * 4_000, "1 " * 2_000, "1." * 2_000, "12-" * 1_300, "A1-" * 1_300, "a@" * 2_000, "a." * 2_000]
)
def test_the_longest_text_of_the_worst_kind_is_read_in_time(text: str) -> None:
    # A rule that backtracks without limit would take minutes: the test would never end.
    assert speakable_french(text)
    assert speakable_english(text)


@pytest.mark.parametrize(
    ("numeral", "value"),
    [("I", 1), ("IV", 4), ("XIV", 14), ("XXI", 21), ("CCCXCIX", 399), ("IIII", 0), ("", 0), ("MIX", 0)],
)
def test_roman_numerals(numeral: str, value: int) -> None:
    assert roman_value(numeral) == value
