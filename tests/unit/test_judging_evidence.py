"""The evidence: its known values, and that replicas, ramps and order change nothing of it."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.judging.evidence import (
    BETTER_GRID,
    HARM_GRID,
    LARGEST,
    e_value,
    log_factors,
    log_products_of_counts,
)

events = st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), max_size=60)


def products(happened: list[tuple[float, bool]], grid: tuple[float, ...] = HARM_GRID) -> list[float]:
    sums = [0.0] * len(grid)
    for share, is_hybrid in happened:
        factors = log_factors(share, grid, is_hybrid=is_hybrid)
        sums = [a + b for a, b in zip(sums, factors, strict=True)]
    return sums


def test_known_example_gives_its_published_value() -> None:
    logs = log_products_of_counts(BETTER_GRID, share=200 / 350, old_events=12, hybrid_events=3)
    assert e_value(logs) == pytest.approx(40.7, abs=0.05)


def test_factors_are_the_ratios_of_the_definition() -> None:
    share, tolerated = 0.3, 1.2
    q0 = share * tolerated / (share * tolerated + 1 - share)
    for is_hybrid in (True, False):
        found = log_factors(share, HARM_GRID, is_hybrid=is_hybrid, tolerated=tolerated)
        for ratio, log in zip(HARM_GRID, found, strict=True):
            q = share * ratio / (share * ratio + 1 - share)
            assert math.exp(log) == pytest.approx(q / q0 if is_hybrid else (1 - q) / (1 - q0))


@given(st.floats(0.001, 0.999), st.sampled_from([0.8, 1.0, 1.5]))
def test_one_event_changes_nothing_on_average_when_hybrid_is_as_tolerated(share: float, tolerated: float) -> None:
    q0 = share * tolerated / (share * tolerated + 1 - share)
    hybrid = e_value(log_factors(share, HARM_GRID, is_hybrid=True, tolerated=tolerated))
    classic = e_value(log_factors(share, HARM_GRID, is_hybrid=False, tolerated=tolerated))
    assert q0 * hybrid + (1 - q0) * classic == pytest.approx(1.0)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("is_hybrid", [True, False])
def test_an_event_that_was_not_dealt_proves_nothing(share: float, is_hybrid: bool) -> None:
    assert e_value(log_factors(share, HARM_GRID, is_hybrid=is_hybrid)) == 1.0


@settings(max_examples=60, derandomize=True)
@given(events, st.integers(1, 4), st.integers(0, 2**16))
def test_replicas_that_add_their_parts_in_any_order_come_to_the_same(
    happened: list[tuple[float, bool]], replicas: int, seed: int
) -> None:
    shuffled = list(happened)
    random.Random(seed).shuffle(shuffled)
    parts = [products(shuffled[each::replicas]) for each in range(replicas)]
    merged = [math.fsum(column) for column in zip(*parts, strict=True)]
    assert e_value(merged) == pytest.approx(e_value(products(happened)), rel=1e-9)


@settings(max_examples=60, derandomize=True)
@given(st.floats(0.01, 0.99), st.integers(0, 40), st.integers(0, 40))
def test_counts_at_one_share_are_the_events_one_by_one(share: float, old: int, hybrid: int) -> None:
    one_by_one = products([(share, False)] * old + [(share, True)] * hybrid, BETTER_GRID)
    at_once = log_products_of_counts(BETTER_GRID, share=share, old_events=old, hybrid_events=hybrid)
    assert at_once == pytest.approx(one_by_one)


def test_a_ramp_without_harm_is_no_evidence_and_with_harm_it_is() -> None:
    generator = random.Random(7)
    shares = [0.01] * 400 + [0.1] * 400 + [0.5] * 400

    def ramp(risk: float) -> float:
        dealt = [(share, generator.random() < share * risk / (share * risk + 1 - share)) for share in shares]
        return e_value(products(dealt))

    assert ramp(1.0) < 20
    assert ramp(3.0) > 1e6


def test_nothing_overflows() -> None:
    huge = log_products_of_counts(HARM_GRID, share=0.01, old_events=0, hybrid_events=10**6)
    tiny = log_products_of_counts(HARM_GRID, share=0.99, old_events=10**6, hybrid_events=0)
    assert e_value(huge) == LARGEST
    assert e_value(tiny) == 0.0
