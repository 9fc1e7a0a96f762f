"""Changes of a rollout: what each does to the state, and what each refuses."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import Conflict, InvalidRequest, PreconditionFailed
from services.router.rollout.changes import (
    advance,
    check_version,
    disable,
    enable,
    roll_back,
    set_rollout,
    stamped,
    toggle,
)
from services.router.rollout.plans import PLANS, Progress, progress_of
from services.router.rollout.state import RolloutState, Step, SwitchPolicy
from services.router.rollout.wish import Wish, checked, checked_reason
from services.router.turn import Variant

ENOUGH = {Variant.HYBRID: 100, Variant.CLASSIC: 100}
DAY = 86_400
HALF = RolloutState(percent=50.0, version=4, source="api", experiment="e2", shadow_percent=1.0)


def following(plan: str = "default", *, step: int = 0, at: float = 1000.0) -> RolloutState:
    state = set_rollout(RolloutState(), checked(Wish(plan=plan)))
    return replace(state, step=step, percent=state.steps[step].percent, step_at=at)


def violations(wish: Wish) -> tuple[str, list[str]]:
    with pytest.raises(InvalidRequest) as refusal:
        checked(wish)
    return refusal.value.reason, [each.field for each in refusal.value.violations]


def test_enable_gives_all_and_keeps_experiment_and_shadow() -> None:
    state = enable(HALF)
    assert (state.percent, state.experiment, state.shadow_percent, state.hybrid_enabled) == (100.0, "e2", 1.0, True)


def test_disable_stops_ends_the_plan_and_never_weakens_an_emergency() -> None:
    stopped = disable(following(step=1))
    assert (stopped.percent, stopped.stopped, stopped.plan, stopped.steps, stopped.emergency) == (
        0,
        True,
        "",
        (),
        False,
    )
    emergency = disable(stopped, emergency=True)
    assert emergency.emergency
    assert disable(emergency) == emergency
    assert not enable(emergency).emergency


def test_ids_that_always_get_hybrid_count_as_traffic_until_a_stop() -> None:
    tested = set_rollout(RolloutState(), checked(Wish(always_hybrid=("tester",))))
    assert tested.hybrid_enabled
    assert not disable(tested).hybrid_enabled
    assert disable(tested).always_hybrid == {"tester"}


def test_toggle_flips() -> None:
    assert toggle(HALF) == disable(HALF)
    assert toggle(disable(HALF)) == enable(disable(HALF))


def test_rollback_waits_for_a_person_by_every_way() -> None:
    back = roll_back(following(step=1))
    assert (back.percent, back.stopped, back.needs_acknowledgement, back.plan) == (0.0, True, True, "default")
    assert roll_back(back) is back
    for attempt in (
        lambda: enable(back),
        lambda: toggle(back),
        lambda: advance(back, samples=ENOUGH, now=1e9, force=True),
        lambda: set_rollout(back, checked(Wish(percent=1.0))),
        lambda: set_rollout(back, checked(Wish(plan="default"))),
        lambda: set_rollout(back, checked(Wish(always_hybrid=("a",)))),
    ):
        with pytest.raises(PreconditionFailed) as refusal:
            attempt()
        assert refusal.value.reason == "NEEDS_ACKNOWLEDGEMENT"
    assert not enable(back, acknowledge=True).needs_acknowledgement
    assert set_rollout(back, checked(Wish(shadow_percent=5.0))).needs_acknowledgement
    acknowledged = set_rollout(back, checked(Wish(acknowledge=True)))
    assert (acknowledged.needs_acknowledgement, acknowledged.stopped) == (False, True)


def test_settings_can_change_under_an_emergency_without_lifting_it() -> None:
    state = set_rollout(disable(HALF, emergency=True), checked(Wish(shadow_percent=7.0, experiment="e3")))
    assert (state.emergency, state.stopped, state.shadow_percent, state.experiment) == (True, True, 7.0, "e3")
    assert not set_rollout(state, checked(Wish(percent=0.001))).emergency


@pytest.mark.parametrize("percent", [0.0, 0.001, 12.345, 99.999, 100.0, 0.1 + 0.2, -0.0])
def test_shares_of_three_decimals_are_taken(percent: float) -> None:
    assert checked(Wish(percent=percent)).percent == round(percent, 3)


@pytest.mark.parametrize("percent", [-1.0, 101.0, 12.3456, math.nan, math.inf, -math.inf, 1e-5, 100.0005])
def test_other_shares_are_refused_by_name(percent: float) -> None:
    assert violations(Wish(percent=percent)) == ("INVALID_FIELD", ["percent"])
    assert violations(Wish(shadow_percent=percent)) == ("INVALID_FIELD", ["shadow_percent"])
    assert violations(Wish(steps=(Step(1.0), Step(percent)))) == ("INVALID_FIELD", ["steps[1].percent"])


def test_every_wrong_place_is_named_at_once() -> None:
    wish = Wish(percent=-1, always_hybrid=("ok", "not ok", ""), shadow_percent=200, experiment="a|b", auto_advance=True)
    assert violations(wish) == (
        "INVALID_FIELD",
        ["percent", "auto_advance", "shadow_percent", "always_hybrid[1]", "always_hybrid[2]", "experiment"],
    )
    assert violations(Wish(always_hybrid=["a"] * 101)) == ("INVALID_FIELD", ["always_hybrid"])
    assert violations(Wish(steps=(Step(1.0),) * 21)) == ("INVALID_FIELD", ["steps"])
    assert violations(Wish(plan="default", steps=(Step(1.0),))) == ("INVALID_FIELD", ["steps"])
    assert violations(Wish(plan="slow")) == ("UNKNOWN_PLAN", ["plan"])


def test_percent_is_ignored_beside_a_plan() -> None:
    assert checked(Wish(percent=math.nan, plan="v1_to_v2")).percent == 10.0


@pytest.mark.parametrize(
    ("reason", "code"), [("", "REQUIRED_FIELD"), (" \n", "REQUIRED_FIELD"), ("x" * 501, "INVALID_FIELD")]
)
def test_a_reason_is_needed(reason: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        checked_reason(reason)
    assert (refusal.value.reason, refusal.value.violations[0].field) == (code, "reason")
    assert checked_reason(" why ") == "why"


def test_shipped_plans() -> None:
    shares = {name: [step.percent for step in steps] for name, steps in PLANS.items()}
    assert shares == {"default": [0, 10, 50, 100], "v1_to_v2": [10, 50, 75, 100], "fast": [10, 50, 100]}
    assert [step.min_duration_seconds // DAY for step in PLANS["default"]] == [7, 7, 14, 0]
    assert all(step.min_samples_per_arm == 100 for steps in PLANS.values() for step in steps[:-1])


def test_advance_goes_step_by_step_and_says_what_is_missing() -> None:
    state = following(step=1, at=1000.0)
    few = {Variant.HYBRID: 63, Variant.CLASSIC: 900}
    with pytest.raises(PreconditionFailed) as refusal:
        advance(state, samples=few, now=1000.0 + 2 * DAY)
    assert refusal.value.reason == "STEP_NOT_DONE"
    assert "Step 2 of 4 needs 5 d more and 37 more turns" in refusal.value.message
    assert refusal.value.metadata == {"seconds_left": str(5 * DAY), "samples_left": "37"}
    assert advance(state, samples=few, now=1000.0, force=True).percent == 50.0
    done = advance(state, samples=ENOUGH, now=1000.0 + 7 * DAY)
    assert (done.step, done.percent) == (2, 50.0)


@pytest.mark.parametrize("state", [RolloutState(), HALF, following(step=3)])
def test_without_a_next_step_there_is_nothing_to_advance_to(state: RolloutState) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        advance(state, samples=ENOUGH, now=1e12, force=True)
    assert refusal.value.reason == "NO_PLAN"


def test_a_variant_without_traffic_is_not_waited_for() -> None:
    """The first step of the default plan gives hybrid nothing: it could never get a turn."""
    progress = progress_of(following(), {Variant.CLASSIC: 80}, now=1000.0 + 8 * DAY)
    assert progress == Progress(0, 20)
    assert progress_of(following(step=3), {}, now=1000.0) == Progress()


def test_version_is_compared_and_named() -> None:
    check_version(HALF, 0)
    check_version(HALF, 4)
    with pytest.raises(Conflict) as conflict:
        check_version(HALF, 3)
    assert conflict.value.reason == "VERSION_MISMATCH"
    assert conflict.value.metadata == {"expected_version": "3", "actual_version": "4"}


def test_a_stamp_counts_and_a_step_begins_only_when_the_share_moves() -> None:
    first = stamped(HALF, enable(HALF), actor="ana", reason="why", at=10.0)
    assert (first.version, first.actor, first.reason, first.updated_at, first.step_at) == (5, "ana", "why", 10.0, 10.0)
    second = stamped(first, replace(first, shadow_percent=3.0), actor="bob", reason="w", at=20.0)
    assert (second.version, second.updated_at, second.step_at) == (6, 20.0, 10.0)
    assert stamped(first, disable(first, emergency=True), actor="a", reason="r", at=1.0).source == "kill_switch"


states = st.builds(
    RolloutState,
    tenant=st.sampled_from(["", "shop"]),
    percent=st.integers(0, 100_000).map(lambda each: each / 1000),
    version=st.integers(1, 2**31),
    source=st.sampled_from(["api", "kill_switch", "file"]),
    policy=st.sampled_from(SwitchPolicy),
    plan=st.text(max_size=5),
    steps=st.lists(st.builds(Step, st.floats(0, 100), st.integers(0, 9), st.integers(0, 9)), max_size=3).map(tuple),
    step_at=st.floats(0, 1e10),
    reason=st.text(max_size=20),
    stopped=st.booleans(),
    always_hybrid=st.frozensets(st.text(max_size=5), max_size=3),
)


@settings(deadline=None, derandomize=True)
@given(states)
def test_json_is_canonical_and_comes_back(state: RolloutState) -> None:
    assert RolloutState.from_json(state.to_json()) == state
    assert RolloutState.from_json(state.to_json()).to_json() == state.to_json()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"percent": 1}'])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the state of a rollout"):
        RolloutState.from_json(text)
