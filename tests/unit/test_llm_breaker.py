"""A tier that fails is left alone, and comes back by one request at a time."""

import random

import pytest

from services.hybrid_engine.llm.breaker import Breaker


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


class Middle(random.Random):
    """No jitter: always the middle of the range."""

    def uniform(self, a: float, b: float) -> float:
        """The middle."""
        return (a + b) / 2


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(now=clock, jitter=Middle())


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        assert breaker.admits()
        breaker.failed()


def test_three_failures_in_a_row_open_it_and_two_do_not(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.is_closed
    assert breaker.admits()
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.is_closed
    fail(breaker)
    assert not breaker.is_closed
    assert not breaker.admits()
    assert breaker.retry_in() == 5.0


def test_half_of_the_last_twenty_within_a_minute_open_it(breaker: Breaker, clock: Clock) -> None:
    for at in range(19):
        assert breaker.admits()
        (breaker.failed if at % 2 else breaker.succeeded)()
        clock.seconds += 1
    assert breaker.is_closed
    fail(breaker)
    assert not breaker.is_closed


def test_failures_of_longer_ago_do_not_open_it(breaker: Breaker, clock: Clock) -> None:
    for at in range(60):
        assert breaker.admits()
        (breaker.failed if at % 2 else breaker.succeeded)()
        clock.seconds += 4
    assert breaker.is_closed


def test_one_of_a_hundred_is_let_through_when_it_is_half_open(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.seconds += 5.0
    assert [breaker.admits() for _ in range(100)].count(True) == 1


def test_two_successes_close_it_and_one_does_not(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.seconds += 5.0
    assert breaker.admits()
    breaker.succeeded()
    assert not breaker.is_closed
    assert [breaker.admits() for _ in range(100)].count(True) == 1
    breaker.succeeded()
    assert breaker.is_closed
    assert all(breaker.admits() for _ in range(100))


def test_each_further_opening_is_twice_as_long_up_to_two_minutes(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    waits = [breaker.retry_in()]
    for _ in range(6):
        clock.seconds += breaker.retry_in()
        fail(breaker)
        waits.append(breaker.retry_in())
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0]


def test_cool_downs_vary_by_a_fifth_at_most(clock: Clock) -> None:
    waits: set[float] = set()
    for seed in range(200):
        breaker = Breaker(now=clock, jitter=random.Random(seed))
        fail(breaker, 3)
        waits.add(breaker.retry_in())
    assert min(waits) >= 4.0
    assert max(waits) <= 6.0
    assert len(waits) > 100


def test_a_request_that_tells_nothing_gives_its_place_back(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.seconds += 5.0
    assert breaker.admits()
    breaker.let_go()
    assert breaker.admits()


def test_a_tier_rests_for_as_long_as_it_asked(breaker: Breaker, clock: Clock) -> None:
    breaker.rest(42.0)
    assert breaker.retry_in() == 42.0
    breaker.rest(10_000.0)
    assert breaker.retry_in() == 600.0
    clock.seconds += 600.0
    assert breaker.admits()
    breaker.failed(retry_after_seconds=33.0)
    assert breaker.retry_in() == 33.0


def test_what_was_seen_alive_may_prove_it_at_once(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.try_soon()
    assert breaker.admits()
    assert not breaker.admits()


def test_what_was_let_in_before_it_opened_takes_nobody_s_place_and_proves_nothing(
    breaker: Breaker, clock: Clock
) -> None:
    before = breaker.epoch
    fail(breaker, 3)
    clock.seconds += 5.0
    assert breaker.admits(), "the one that tries"
    breaker.let_go(before)
    breaker.failed(None, before)
    breaker.succeeded(before)
    assert not breaker.admits(), "one request at a time"
    assert breaker.retry_in() == 0.0, "a late failure does not open it again"
    for _ in range(2):
        breaker.succeeded(breaker.epoch)
        assert breaker.admits()
    assert breaker.is_closed
