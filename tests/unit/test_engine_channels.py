"""Replies in the form of their channel."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.hybrid_engine.channels import PROFILES, SMS_CHARACTERS, TWITCH_CHARACTERS, cut, fit

# Any text that can be sent; lone surrogates cannot.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=1500)


def test_twitch_mentions_who_asked() -> None:
    assert fit("Salut !", "twitch", "Luna_77") == "@Luna_77 Salut !"
    assert fit("Salut !", "twitch", "@Luna 77\n!") == "@Luna77 Salut !"
    assert fit("Salut !", "twitch") == "Salut !"
    assert fit("Salut !", "whatsapp", "Luna") == "Salut !"


def test_twitch_cuts_at_a_word_with_the_mention_counted() -> None:
    text = fit("mot " * 400, "twitch", "luna")
    assert len(text) <= TWITCH_CHARACTERS
    assert text.startswith("@luna mot")
    assert text.endswith("mot…")


def test_a_word_longer_than_the_channel_is_cut_where_it_must_be() -> None:
    assert cut("a" * 600, 500) == "a" * 499 + "…"
    assert len(fit("a" * 600, "twitch", "luna")) == TWITCH_CHARACTERS


def test_a_text_that_fits_exactly_is_left_alone() -> None:
    assert fit("a" * 500, "twitch") == "a" * 500


def test_lines_become_one_on_twitch() -> None:
    assert fit("un\n\ndeux\n- trois", "twitch") == "un deux trois"


def test_a_voice_reads_out_no_marks_pictures_or_addresses() -> None:
    spoken = fit("**Bonjour** 👋🏽 ! Voir [notre page](https://exemple.fr/x) ou www.exemple.fr/y 🇫🇷.", "voice")
    assert spoken == "Bonjour ! Voir notre page ou ."


def test_whatsapp_has_its_own_bold() -> None:
    assert fit("**2000F** ce soir", "whatsapp") == "*2000F* ce soir"


def test_a_channel_without_a_profile_is_plain() -> None:
    assert fit("**a** 👋", "telegram") == "**a** 👋"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(TEXTS, st.sampled_from([*PROFILES, "other"]), st.text(max_size=80))
def test_no_channel_gets_more_than_it_takes_nor_nothing(text: str, channel: str, user: str) -> None:
    fitted = fit(text, channel, user)
    limit = PROFILES.get(channel, PROFILES["plain"]).characters
    assert fitted.strip()
    assert not limit or len(fitted) <= limit


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=60, max_size=300), st.integers(100, 500))
def test_a_cut_ends_between_words(said: list[str], characters: int) -> None:
    text = " ".join(said)
    short = cut(text, characters)
    assert len(short) <= characters
    if short != text:
        assert text.startswith(short.removesuffix("…") + " ")


@settings(max_examples=100, derandomize=True, deadline=None)
@given(TEXTS)
def test_what_is_spoken_holds_nothing_that_cannot_be_said(text: str) -> None:
    spoken = fit(text, "voice")
    assert not set(spoken) & set("*_`#~|<>\n")
    assert "http://" not in spoken


@pytest.mark.parametrize("channel", ["sms", "twitch"])
def test_limits_are_the_vendors(channel: str) -> None:
    assert PROFILES[channel].characters == {"sms": SMS_CHARACTERS, "twitch": 500}[channel]
