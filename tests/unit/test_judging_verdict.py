"""The five recommendations, in their order, and which turns they rest on."""

import random

import pytest

from services.router.judging.counts import Fields, add_dealt, add_event, add_turn, read_counts
from services.router.judging.standing import dealt_share
from services.router.judging.verdict import Recommendation, judge
from services.router.turn import Variant
from tests.fakes.metrics_world import State, turn


def fields(
    *, old: tuple[int, int], hybrid: tuple[int, int], share: float | None = 0.5, slow: tuple[int, int] = (0, 0)
) -> Fields:
    """Counts of (turns, errors) of each system, one turn a conversation, and their slow turns."""
    made: Fields = {}
    systems = ((Variant.CLASSIC, old, slow[0]), (Variant.HYBRID, hybrid, slow[1]))
    for variant, (count, errors), slow_turns in systems:
        for number in range(count):
            add_turn(made, turn(f"{variant.value}{number}", variant, failed=number < errors))
            if share is not None:
                add_dealt(made, variant, share)
                if number < errors:
                    add_event(made, "error", variant, share)
                if number < slow_turns:
                    add_event(made, "slow", variant, share)
    return made


@pytest.mark.parametrize(
    ("counts", "recommendation"),
    [
        (fields(old=(99, 50), hybrid=(200, 0)), Recommendation.INSUFFICIENT_DATA),
        (fields(old=(200, 16), hybrid=(200, 16)), Recommendation.EQUIVALENT),
        (fields(old=(200, 40), hybrid=(400, 3)), Recommendation.INVALID_SRM),
        (fields(old=(300, 3), hybrid=(300, 30)), Recommendation.OLD),
        (fields(old=(300, 30), hybrid=(300, 3)), Recommendation.HYBRID),
        # Faster, and its errors are surely no worse.
        (fields(old=(2000, 160), hybrid=(2000, 160), slow=(60, 10)), Recommendation.HYBRID),
        # Faster, but how many errors it has is not known well enough.
        (fields(old=(200, 4), hybrid=(200, 4), slow=(60, 10)), Recommendation.EQUIVALENT),
        # Fewer errors and more slow turns: the guard would take it back.
        (fields(old=(300, 30), hybrid=(300, 3), slow=(5, 60)), Recommendation.OLD),
    ],
)
def test_recommendation(counts: Fields, recommendation: Recommendation) -> None:
    verdict = judge(read_counts(counts))
    assert verdict.recommendation is recommendation
    assert verdict.explanation.endswith(".")
    assert verdict.explanation.count(". ") == 0


def test_one_system_after_the_other_is_compared_with_a_warning() -> None:
    verdict = judge(read_counts(fields(old=(150, 12), hybrid=(200, 3), share=None)))
    assert verdict.recommendation is Recommendation.HYBRID
    assert verdict.evidence.better == pytest.approx(40.7, abs=0.05)
    assert "did not share traffic" in verdict.explanation


def test_conversations_dealt_while_the_share_moved_are_no_broken_deal() -> None:
    generator = random.Random(5)
    made: Fields = {}
    for share in (0.01, 0.1, 0.5, 0.9):
        for _ in range(500):
            add_dealt(made, Variant.HYBRID if generator.random() < share else Variant.CLASSIC, share)
    assert judge(read_counts(made)).evidence.sample_ratio_p > 0.01


@pytest.mark.parametrize(
    ("decided_by", "pinned_at", "share"),
    [
        ("api", 0.0, 0.25),
        ("default", 0.0, 0.25),
        ("pin", 100.0, 0.25),
        ("pin", 99.0, None),
        ("always_hybrid", 0.0, None),
        ("forced", 0.0, None),
        ("kill_switch", 0.0, None),
    ],
)
def test_only_what_the_share_in_force_dealt_is_evidence(decided_by: str, pinned_at: float, share: float | None) -> None:
    assert dealt_share(decided_by, State(percent=25.0, step_at=100.0), pinned_at=pinned_at) == share
