"""Changes of a rollout as pure functions: the state before in, the state after out, or a named refusal.

None touches `version`, `source`, `actor`, `reason` or a time: `stamped` does, once it is sure that something changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from libs.common.errors import Conflict, FieldViolation, PreconditionFailed
from services.router.rollout.plans import progress_of
from services.router.rollout.state import RolloutState
from services.router.rollout.wish import Wish
from services.router.turn import Variant

Transition = Callable[[RolloutState], RolloutState]


def enable(state: RolloutState, *, acknowledge: bool = False) -> RolloutState:
    """Gives hybrid all traffic, and ends a plan and an emergency. Raises PreconditionFailed (NEEDS_ACKNOWLEDGEMENT)."""
    lifted = _lifted(state, acknowledge=acknowledge)
    return replace(_without_plan(lifted), percent=100.0)


def disable(state: RolloutState, *, emergency: bool = False) -> RolloutState:
    """Gives classic all traffic and ends a plan. An emergency stays one: only giving hybrid traffic again lifts it."""
    return replace(_without_plan(state), percent=0.0, stopped=True, emergency=state.emergency or emergency)


def toggle(state: RolloutState) -> RolloutState:
    """Switches hybrid off when it gets any traffic, else on. Raises PreconditionFailed (NEEDS_ACKNOWLEDGEMENT)."""
    return disable(state) if state.hybrid_enabled else enable(state)


def set_rollout(state: RolloutState, wish: Wish) -> RolloutState:
    """Applies a checked wish. Raises PreconditionFailed (NEEDS_ACKNOWLEDGEMENT).

    A stop ends only when hybrid is meant to get traffic again; other settings can be changed under it.
    """
    gives_traffic = wish.percent > 0 or bool(wish.always_hybrid) or any(each.percent > 0 for each in wish.steps)
    if gives_traffic or wish.acknowledge:
        lifted = _lifted(state, acknowledge=wish.acknowledge)
        state = lifted if gives_traffic else replace(state, needs_acknowledgement=False)
    return replace(
        state,
        percent=wish.percent,
        plan=wish.plan,
        steps=wish.steps,
        step=0,
        policy=wish.policy,
        auto_advance=wish.auto_advance,
        always_hybrid=frozenset(wish.always_hybrid),
        shadow_percent=state.shadow_percent if wish.shadow_percent is None else wish.shadow_percent,
        experiment=wish.experiment or state.experiment,
    )


def advance(state: RolloutState, *, samples: Mapping[Variant, int], now: float, force: bool = False) -> RolloutState:
    """Goes to the plan's next step; `samples` are turns by variant since this one began.

    Raises PreconditionFailed (NEEDS_ACKNOWLEDGEMENT, NO_PLAN, STEP_NOT_DONE); `force` passes over the last of them.
    """
    _require_acknowledged(state)
    if not state.steps:
        raise _refused("NO_PLAN", "No plan is followed; start one with SetRollout.")
    if state.is_at_last_step:
        raise _refused("NO_PLAN", "The plan is at its last step; there is nothing to advance to.")
    progress = progress_of(state, samples, now=now)
    if not force and not progress.is_done:
        lacks = [f"{_spoken(progress.seconds_left)} more"] * (progress.seconds_left > 0)
        lacks += [f"{progress.samples_left} more turns of the variant with fewer"] * (progress.samples_left > 0)
        raise _refused(
            "STEP_NOT_DONE",
            f"Step {state.step + 1} of {len(state.steps)} needs {' and '.join(lacks)}; wait, or set `force`.",
            seconds_left=str(progress.seconds_left),
            samples_left=str(progress.samples_left),
        )
    following = state.step + 1
    return replace(state, step=following, percent=state.steps[following].percent)


def roll_back(state: RolloutState) -> RolloutState:
    """Takes all traffic from hybrid until a person acknowledges it; the plan stays to be seen.

    Returns `state` itself when hybrid gets nothing already.
    """
    if not state.hybrid_enabled:
        return state
    return replace(state, percent=0.0, stopped=True, needs_acknowledgement=True, auto_advance=False)


def check_version(state: RolloutState, expected_version: int) -> None:
    """Raises Conflict (VERSION_MISMATCH) when another version than 0, which is any, was expected."""
    if expected_version and expected_version != state.version:
        raise Conflict(
            "VERSION_MISMATCH",
            f"Version {expected_version} was expected, and {state.version} is there; "
            "read the rollout again and repeat the change on it.",
            violations=[FieldViolation("expected_version", f"{state.version} is there")],
            metadata={"expected_version": str(expected_version), "actual_version": str(state.version)},
        )


def stamped(before: RolloutState, after: RolloutState, *, actor: str, reason: str, at: float) -> RolloutState:
    """Returns `after` as the version that follows `before`, by `actor` at `at`."""
    moves = (after.percent, after.plan, after.steps, after.step, after.experiment) != (
        before.percent,
        before.plan,
        before.steps,
        before.step,
        before.experiment,
    )
    return replace(
        after,
        version=before.version + 1,
        source="kill_switch" if after.emergency else "api",
        actor=actor,
        reason=reason,
        updated_at=at,
        step_at=at if moves or not before.step_at else before.step_at,
    )


def _lifted(state: RolloutState, *, acknowledge: bool) -> RolloutState:
    if not acknowledge:
        _require_acknowledged(state)
    return replace(state, stopped=False, emergency=False, needs_acknowledgement=False)


def _require_acknowledged(state: RolloutState) -> None:
    if state.needs_acknowledgement:
        raise _refused(
            "NEEDS_ACKNOWLEDGEMENT",
            "The guard rolled hybrid back; look at the audit, then set `acknowledge` to give it traffic again.",
        )


def _without_plan(state: RolloutState) -> RolloutState:
    return replace(state, plan="", steps=(), step=0, auto_advance=False)


def _refused(reason: str, message: str, **metadata: str) -> PreconditionFailed:
    return PreconditionFailed(reason, message, metadata=metadata)


def _spoken(seconds: int) -> str:
    """Returns a length of time in its two largest units, such as `6 d 4 h`."""
    for size, unit, smaller_size, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller_size
            return f"{seconds // size} {unit} {rest} {smaller}" if rest else f"{seconds // size} {unit}"
    return f"{seconds} s"
