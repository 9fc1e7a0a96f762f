"""Limits of turns: the arithmetic, and that it never lets more pass than it says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.gcra import MINUTE_US, Refused, Taken, interval_us, take

RATES = st.integers(1, 100_000)
GAPS = st.lists(st.integers(0, 20_000_000), max_size=120)


def test_a_minutes_worth_comes_at_once_then_one_an_interval() -> None:
    arrival, now = 0, 1_700_000_000_000_000
    for _ in range(20):
        outcome = take(arrival, per_minute=20, now_us=now)
        assert isinstance(outcome, Taken)
        arrival = outcome.arrival_us
    assert take(arrival, per_minute=20, now_us=now) == Refused(3_000_000)
    assert take(arrival, per_minute=20, now_us=now + 2_999_999) == Refused(1)
    assert isinstance(take(arrival, per_minute=20, now_us=now + 3_000_000), Taken)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(RATES, GAPS)
def test_never_more_than_burst_and_rate_pass_in_any_span(per_minute: int, gaps: list[int]) -> None:
    arrival, now = 0, 1_700_000_000_000_000
    passed: list[int] = []
    for gap in gaps:
        now += gap
        outcome = take(arrival, per_minute=per_minute, now_us=now)
        if isinstance(outcome, Taken):
            arrival = outcome.arrival_us
            passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            allowed = per_minute + (passed[last] - begin) * per_minute / MINUTE_US
            assert last - first + 1 <= allowed


@settings(derandomize=True, max_examples=150, deadline=None)
@given(RATES, GAPS)
def test_who_waits_as_told_passes_and_a_microsecond_earlier_does_not(per_minute: int, gaps: list[int]) -> None:
    arrival, now = 0, 1_700_000_000_000_000
    for gap in gaps:
        now += gap
        outcome = take(arrival, per_minute=per_minute, now_us=now)
        if isinstance(outcome, Refused):
            assert 0 < outcome.wait_us <= interval_us(per_minute)
            assert isinstance(take(arrival, per_minute=per_minute, now_us=now + outcome.wait_us - 1), Refused)
            now += outcome.wait_us
            outcome = take(arrival, per_minute=per_minute, now_us=now)
        assert isinstance(outcome, Taken)
        arrival = outcome.arrival_us
