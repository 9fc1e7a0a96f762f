"""The simulation counts with the module that guards, and not with a copy that could differ."""

import numpy as np
import pytest

from benchmarks.rollout_guard import RISKS, TABLE, e_values, events_of, naive_false_alarms, simulate
from services.router.judging.evidence import HARM_GRID, e_value, log_factors


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_evidence_of_all_events_at_once_is_that_of_one_after_the_other(share: float) -> None:
    generator = np.random.default_rng(4)
    _, is_hybrid = events_of(generator, share=share, base_rate=0.01, risk=1.7)
    sums = [0.0] * len(HARM_GRID)
    one_by_one: list[float] = []
    for each in is_hybrid:
        factors = log_factors(share, HARM_GRID, is_hybrid=bool(each))
        sums = [a + b for a, b in zip(sums, factors, strict=True)]
        one_by_one.append(e_value(sums))
    assert len(one_by_one) > 100
    assert e_values(is_hybrid, share) == pytest.approx(one_by_one, rel=1e-9)


def test_events_come_as_often_as_they_should() -> None:
    generator = np.random.default_rng(4)
    places, is_hybrid = events_of(generator, share=0.5, base_rate=0.1, risk=3.0)
    assert len(places) == pytest.approx(20_000 * 0.2, rel=0.05)
    assert is_hybrid.mean() == pytest.approx(0.75, abs=0.03)
    assert places[0] >= 1


def test_a_small_simulation_keeps_its_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.rollout_guard.CALM_RUNS", 400)
    monkeypatch.setattr("benchmarks.rollout_guard.HARM_RUNS", 60)
    row = simulate(TABLE[3], np.random.default_rng(1))
    assert row.false_alarms <= 0.02
    for place, _ in enumerate(RISKS):
        assert row.medians[place] == pytest.approx(TABLE[3].designed[place], rel=0.35)
    assert naive_false_alarms(np.random.default_rng(1), share=0.5, base_rate=0.08, alpha=0.05) > 0.2
