"""When lookups pass a store over that does not answer."""

from services.cache.store_health import StoreHealth


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def failing(health: StoreHealth, clock: Clock, *, times: int, every_seconds: float) -> None:
    """Notes faults, one after another."""
    for _ in range(times):
        health.note_fault(TimeoutError())
        clock.now += every_seconds


def test_a_store_that_fails_again_and_again_is_passed_over_but_for_a_lookup_now_and_then() -> None:
    clock = Clock()
    health = StoreHealth(clock)
    failing(health, clock, times=3, every_seconds=0.1)
    assert health.is_resting()
    clock.now += 0.2
    assert [health.is_resting() for _ in range(3)] == [False, True, True]


def test_all_lookups_that_one_hiccup_fails_are_one_fault() -> None:
    """Under load a hiccup fails many at once; were each counted, every hit would go to an engine instead."""
    clock = Clock()
    health = StoreHealth(clock)
    failing(health, clock, times=50, every_seconds=0.001)
    assert health.is_degraded
    assert not health.is_resting()


def test_an_answer_ends_the_row_of_faults() -> None:
    clock = Clock()
    health = StoreHealth(clock)
    failing(health, clock, times=2, every_seconds=0.1)
    health.note_answer()
    failing(health, clock, times=2, every_seconds=0.1)
    assert not health.is_resting()
    assert health.is_degraded
