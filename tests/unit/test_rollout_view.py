"""Who gets what by what a replica knows: precedence, stickiness, and no way back but down."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.assignment import Assignment, Pin
from services.router.rollout.changes import disable, enable, roll_back, set_rollout, stamped, toggle
from services.router.rollout.state import RolloutState, SwitchPolicy
from services.router.rollout.view import PIN_SECONDS, View
from services.router.rollout.wish import Wish, checked
from services.router.turn import Variant

CLASSIC, HYBRID = Variant.CLASSIC, Variant.HYBRID
NOW = 1_000_000.0
ALL = RolloutState(percent=100.0, source="api", version=2)
PINNED = replace(ALL, policy=SwitchPolicy.PIN_CONVERSATION)


def view(*records: RolloutState, ground: RolloutState | None = None) -> View:
    made = View(ground or RolloutState())
    for record in records:
        made.keep(record)
    return made


def given_by(
    made: View, *, unit: str = "c1", user: str = "", forced: Variant | None = None, pin: Pin | None = None
) -> Assignment:
    return made.assignment("shop", conversation_id=unit, user_id=user, request_id="r", forced=forced, pin=pin, now=NOW)


def kill(state: RolloutState) -> RolloutState:
    return stamped(state, disable(state, emergency=True), actor="a", reason="r", at=1.0)


def own(state: RolloutState) -> RolloutState:
    return replace(state, tenant="shop")


PIN = Pin(HYBRID, NOW - 10)


def test_precedence_from_the_emergency_down_to_the_default() -> None:
    everything = {"forced": HYBRID, "pin": PIN}
    allowed = replace(PINNED, percent=0.0, always_hybrid=frozenset({"c1"}))
    assert given_by(view(kill(ALL), own(allowed)), **everything).decided_by == "kill_switch"
    assert given_by(view(ALL, own(kill(allowed))), **everything).decided_by == "kill_switch"
    assert given_by(view(own(allowed)), forced=CLASSIC, pin=PIN).decided_by == "forced"
    assert given_by(view(own(allowed)), pin=Pin(CLASSIC, NOW)).decided_by == "always_hybrid"
    assert given_by(view(own(replace(PINNED, percent=0.0))), pin=PIN).decided_by == "pin"
    assert given_by(view(ALL)).decided_by == "api"
    assert given_by(view(ground=RolloutState(percent=100.0, source="file"))).decided_by == "file"
    assert (given_by(view()).decided_by, given_by(view()).variant) == ("default", CLASSIC)


def test_the_unit_is_what_is_there() -> None:
    assert given_by(view(ALL)).unit_kind == "conversation"
    assert given_by(view(ALL), unit="", user="u").unit_kind == "user"
    assert given_by(view(ALL), unit="").unit_kind == "request"


def test_a_stop_for_all_stops_tenants_with_a_share_of_their_own() -> None:
    pilot = replace(own(ALL), version=7)
    assert given_by(view(pilot)).variant is HYBRID
    stopped = view(stamped(ALL, disable(ALL), actor="a", reason="r", at=1.0), pilot)
    assert given_by(stopped).variant is CLASSIC
    state = stopped.in_force("shop")
    assert (state.percent, state.version, state.tenant, state.source) == (0.0, 7, "shop", "api")


def test_a_share_of_nothing_for_all_leaves_a_tenants_own_share() -> None:
    assert given_by(view(replace(ALL, percent=0.0), own(ALL))).variant is HYBRID


def test_a_stop_lets_no_id_through_but_leaves_pins_where_they_are() -> None:
    stopped = disable(replace(PINNED, always_hybrid=frozenset({"c1"})))
    assert given_by(view(stopped)).variant is CLASSIC
    assert given_by(view(stopped), pin=PIN).variant is HYBRID


def test_pins_end_after_a_day_and_hold_only_under_their_policy() -> None:
    none = replace(PINNED, percent=0.0)
    assert given_by(view(none), pin=Pin(HYBRID, NOW - PIN_SECONDS + 1)).variant is HYBRID
    assert given_by(view(none), pin=Pin(HYBRID, NOW - PIN_SECONDS)).variant is CLASSIC
    assert given_by(view(replace(none, policy=SwitchPolicy.NEXT_REQUEST)), pin=PIN).variant is CLASSIC


def test_no_pin_keeps_what_the_guard_rolled_back() -> None:
    assert given_by(view(roll_back(PINNED)), pin=PIN).variant is CLASSIC


def test_an_older_record_never_replaces_a_newer_one() -> None:
    made = view(replace(ALL, version=5))
    assert not made.keep(replace(ALL, version=4, percent=0.0))
    assert made.in_force("").version == 5


def test_a_decision_made_here_wins_until_it_is_lifted() -> None:
    made = view(ALL)
    mine, other = disable(ALL), disable(ALL, emergency=True)
    made.override(mine)
    made.keep(replace(ALL, version=9))
    assert made.in_force("shop").percent == 0.0
    made.override(other)
    made.lift(mine)
    assert made.in_force("shop").emergency
    made.lift(other)
    assert made.in_force("shop").percent == 100.0


def test_a_tenant_begins_from_what_holds_for_all_without_its_stop() -> None:
    stopped = kill(replace(ALL, experiment="e2", always_hybrid=frozenset({"x"})))
    begins = view(stopped).beginning("shop")
    assert (begins.tenant, begins.version, begins.emergency, begins.stopped, begins.experiment) == (
        "shop",
        1,
        False,
        False,
        "e2",
    )


percents = st.integers(0, 100_000).map(lambda each: each / 1000)
moves = st.one_of(
    st.tuples(st.sampled_from(["enable", "disable", "toggle", "rollback"]), st.just(0.0)),
    st.tuples(st.just("set"), percents),
)


def switched(state: RolloutState, name: str, percent: float) -> RolloutState:
    if name == "set":
        return set_rollout(state, checked(Wish(percent=percent, acknowledge=True)))
    if name == "rollback":
        return roll_back(state)
    turns_on = name == "enable" or (name == "toggle" and not state.hybrid_enabled)
    return enable(state, acknowledge=True) if turns_on else disable(state)


@settings(deadline=None, derandomize=True)
@given(st.lists(moves, max_size=12), st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=20))
def test_any_interleaving_of_switches_is_sticky_and_monotonic(steps: list[tuple[str, float]], units: list[str]) -> None:
    """Raising the share moves units to hybrid only, lowering it to classic only; equal shares give equal units."""
    made, state = view(), RolloutState()
    seen: dict[float, frozenset[str]] = {}
    before: tuple[float, frozenset[str]] = (0.0, frozenset())
    for name, percent in steps:
        after = switched(state, name, percent)
        state = stamped(state, after, actor="a", reason="r", at=1.0)
        assert made.keep(state)
        share = made.in_force("shop").percent
        got = frozenset(unit for unit in units if given_by(made, unit=unit).variant is HYBRID)
        assert got == seen.setdefault(share, got)
        assert before[1] <= got if share >= before[0] else got <= before[1]
        before = (share, got)


def test_toggle_is_its_own_pure_change() -> None:
    assert toggle(toggle(ALL)) == enable(ALL)


@pytest.mark.parametrize("experiment", ["e1", "e2"])
def test_tenants_share_the_experiment_but_not_the_buckets(experiment: str) -> None:
    made = view(replace(ALL, experiment=experiment))
    buckets = {
        made.assignment(t, conversation_id="c", user_id="", request_id="", forced=None, pin=None, now=NOW).bucket
        for t in ("one", "two", "three")
    }
    assert len(buckets) == 3
