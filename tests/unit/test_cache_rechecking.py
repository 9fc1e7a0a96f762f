"""The bound on false hits."""

import pytest

from services.cache.rechecking import FALSE_HIT_BUDGET, upper_bound


def test_without_samples_everything_may_be_false() -> None:
    assert upper_bound(0, 0) == 1.0


@pytest.mark.parametrize(("false", "samples", "expected"), [(0, 268, 0.01), (1, 100, 0.0455), (50, 100, 0.581)])
def test_it_is_wilsons_one_sided_bound(false: int, samples: int, expected: float) -> None:
    assert upper_bound(false, samples) == pytest.approx(expected, abs=2e-3)


def test_more_samples_bring_it_down_and_more_false_hits_up() -> None:
    bounds = [upper_bound(1, samples) for samples in (10, 100, 1000, 10_000)]
    assert bounds == sorted(bounds, reverse=True)
    assert upper_bound(1, 400) > FALSE_HIT_BUDGET > upper_bound(1, 600)
    assert upper_bound(2, 600) > upper_bound(1, 600)
