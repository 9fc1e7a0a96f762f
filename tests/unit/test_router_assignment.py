"""Which system a conversation gets, and how the switch is read."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidRequest
from services.router.assignment import BUCKETS, bucket_of, is_hybrid, unit_of
from services.router.rollout import rollout_from
from services.router.turn import Variant

units = st.text(min_size=1, max_size=40)
percents = st.integers(0, BUCKETS).map(lambda thousandths: thousandths / 1000)


def variant(percent: float, unit: str, salt: str = "s") -> Variant:
    return Variant.HYBRID if is_hybrid(bucket_of(salt, "t", unit), percent) else Variant.CLASSIC


def test_bucket_is_the_first_eight_bytes_of_blake2b() -> None:
    digest = blake2b(b"salt|shop|conversation-1").digest()
    assert bucket_of("salt", "shop", "conversation-1") == int.from_bytes(digest[:8], "big") % 100_000


@given(units, percents, percents)
def test_raising_the_percent_never_moves_a_conversation_back(unit: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    if variant(low, unit) is Variant.HYBRID:
        assert variant(high, unit) is Variant.HYBRID


@given(units)
def test_ends_of_the_scale_are_everybody_and_nobody(unit: str) -> None:
    assert variant(0.0, unit) is Variant.CLASSIC
    assert variant(100.0, unit) is Variant.HYBRID


@pytest.mark.parametrize("percent", [0.5, 10.0, 33.333, 50.0, 99.0])
def test_share_is_close_to_the_percent(percent: float) -> None:
    count = 20_000
    got = sum(variant(percent, f"conversation-{number}") is Variant.HYBRID for number in range(count))
    assert abs(got / count * 100 - percent) < 1.2


def test_unit_is_the_conversation_else_the_user_else_the_request() -> None:
    assert unit_of("c", "u", "r") == ("c", "conversation")
    assert unit_of("", "u", "r") == ("u", "user")
    assert unit_of("", "", "r") == ("r", "request")


def test_another_salt_deals_anew() -> None:
    moved = sum(variant(50.0, str(unit), "a") is not variant(50.0, str(unit), "b") for unit in range(2000))
    assert 800 < moved < 1200


@pytest.mark.parametrize(
    ("text", "percent", "source"),
    [
        ("", 0.0, "default"),
        *((word, 25.0, "environment") for word in ("true", "TRUE", "1", "yes", "On", " true ")),
        *((word, 0.0, "environment") for word in ("false", "False", "0", "no", "OFF")),
    ],
)
def test_switch_words(text: str, percent: float, source: str) -> None:
    state = rollout_from(text, percent=25.0).state()
    assert (state.percent, state.source, state.hybrid_enabled) == (percent, source, percent > 0)


@pytest.mark.parametrize("text", ["perhaps", "2", "vrai", "tru"])
def test_any_other_word_refuses_to_start(text: str) -> None:
    with pytest.raises(InvalidRequest, match="USE_HYBRID_BOTLIVE is"):
        rollout_from(text, percent=100.0)
