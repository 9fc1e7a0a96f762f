"""Durations, tripwires, ratios and the words that operators read."""

import math
import random

import pytest

from services.router.judging import histogram
from services.router.judging.ratios import risk_ratio_upper, sample_ratio_p
from services.router.judging.tripwires import Durations, failures_in_a_row, slowness
from services.router.judging.windows import Bucket, Grain, Window, buckets_of, parse_window
from services.router.judging.wording import error_rate, time_improvement


def counted(durations: list[float]) -> dict[int, int]:
    found: dict[int, int] = {}
    for seconds in durations:
        bucket = histogram.bucket_of(seconds)
        found[bucket] = found.get(bucket, 0) + 1
    return found


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_quantiles_are_within_five_percent(share: float) -> None:
    generator = random.Random(3)
    durations = sorted(generator.lognormvariate(0.0, 0.8) for _ in range(5_000))
    true = durations[math.ceil(share * len(durations)) - 1]
    assert histogram.quantile(counted(durations), share) == pytest.approx(true, rel=0.05)
    assert true <= histogram.quantile_ceiling(counted(durations), share) * (1 + 1e-12)


def test_the_ends_of_the_histogram_take_everything() -> None:
    assert histogram.bucket_of(0.0) == 0
    assert histogram.bucket_of(1e9) == histogram.LAST_BUCKET
    assert histogram.upper_edge(histogram.LAST_BUCKET) >= 600
    assert histogram.quantile({}, 0.5) == 0.0


@pytest.mark.parametrize(
    ("recent", "name"),
    [
        ("", None),
        ("1111", None),
        ("011111", "consecutive_failures"),
        ("111110", None),
        ("10" * 9 + "1", None),
        ("01" * 9 + "00", None),
        ("01" * 10, "recent_failures"),
        ("0011" * 5, "recent_failures"),
    ],
)
def test_failures_in_a_row(recent: str, name: str | None) -> None:
    tripped = failures_in_a_row(recent)
    assert (tripped and tripped.name) == name


OLD_DAY = counted([1.0] * 100)
SLOW = Durations(old=counted([1.0] * 20), hybrid=counted([4.0] * 20))


def test_slow_for_two_minutes_trips() -> None:
    assert slowness([SLOW, SLOW], OLD_DAY) is not None


@pytest.mark.parametrize(
    "minutes",
    [
        [SLOW],
        [Durations(SLOW.old, counted([2.0] * 20)), SLOW],
        [SLOW, Durations(SLOW.old, counted([4.0] * 19))],
        # Classic is as slow just now.
        [SLOW, Durations(counted([4.0] * 20), SLOW.hybrid)],
    ],
)
def test_less_than_that_does_not(minutes: list[Durations]) -> None:
    assert slowness(minutes, OLD_DAY) is None


def test_slowness_needs_a_day_to_be_held_against() -> None:
    assert slowness([SLOW, SLOW], counted([1.0] * 99)) is None


def test_sample_ratio_is_the_chi_square_of_the_textbook() -> None:
    # 10.828 is the 0.1 % point of chi-square with one degree of freedom.
    assert sample_ratio_p(hybrid=552, expected=500, variance=52**2 / 10.828) == pytest.approx(0.001, rel=0.01)
    assert sample_ratio_p(hybrid=500, expected=500, variance=250) == 1.0
    assert sample_ratio_p(hybrid=0, expected=0, variance=0) == 1.0


def test_risk_ratio_bound() -> None:
    assert risk_ratio_upper(old_events=12, old_count=150, hybrid_events=3, hybrid_count=200) < 1.0
    assert risk_ratio_upper(old_events=10, old_count=100, hybrid_events=10, hybrid_count=100) > 1.25
    assert risk_ratio_upper(old_events=0, old_count=0, hybrid_events=3, hybrid_count=200) == math.inf
    assert math.isfinite(risk_ratio_upper(old_events=0, old_count=100, hybrid_events=0, hybrid_count=100))


def test_words() -> None:
    assert error_rate(errors=12, count=150) == "8.0%"
    assert error_rate(errors=0, count=0) == "n/a"
    assert time_improvement(old_seconds=2.3, hybrid_seconds=0.8) == "+65.2%"
    assert time_improvement(old_seconds=1.0, hybrid_seconds=1.5) == "-50.0%"
    assert time_improvement(old_seconds=1.0, hybrid_seconds=1.0001) == "+0.0%"
    assert time_improvement(old_seconds=0.0, hybrid_seconds=1.0) == "n/a"
    assert time_improvement(old_seconds=1.0, hybrid_seconds=0.0, is_known=False) == "n/a"


def test_windows_are_made_of_whole_buckets() -> None:
    now = 7 * 86_400 * 100 + 3_725.0
    assert len(Window.HOUR.buckets(now, 0)) == 60
    assert len(Window.DAY.buckets(now, 0)) == 24
    assert len(Window.WEEK.buckets(now, 0)) == 168
    assert Window.STEP.buckets(now, 12.7) == (Bucket(Grain.STEP, 12),)
    minute, hour, step = buckets_of(now, 12.7)
    assert minute == Window.HOUR.buckets(now, 0)[-1]
    assert hour == Window.DAY.buckets(now, 0)[-1]
    assert step == Bucket(Grain.STEP, 12)
    assert parse_window("") is Window.DAY
