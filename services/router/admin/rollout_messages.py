"""The rollout's values as protobuf, and what operators ask of it."""

import math

from google.protobuf.timestamp_pb2 import Timestamp

from repartee.v1 import rollout_pb2, router_pb2
from services.router.rollout.audit import AuditEntry
from services.router.rollout.plans import Progress
from services.router.rollout.state import RolloutState, Step, SwitchPolicy
from services.router.rollout.wish import Wish
from services.router.turn import Variant
from services.router.variant_names import KNOWN_NAMES, VariantNames

_POLICIES = {
    SwitchPolicy.NEXT_REQUEST: rollout_pb2.SWITCH_POLICY_NEXT_REQUEST,
    SwitchPolicy.PIN_CONVERSATION: rollout_pb2.SWITCH_POLICY_PIN_CONVERSATION,
}
_POLICY_NAMES = {number: policy for policy, number in _POLICIES.items()}
_NO_PROGRESS = Progress()


def names_message(names: VariantNames) -> router_pb2.VariantNames | None:
    """Returns the names that the two systems were given, None when they were given none."""
    if names is KNOWN_NAMES:
        return None
    return router_pb2.VariantNames(classic=names[Variant.CLASSIC].spoken, hybrid=names[Variant.HYBRID].spoken)


def state_message(
    state: RolloutState, progress: Progress = _NO_PROGRESS, *, names: VariantNames = KNOWN_NAMES
) -> rollout_pb2.RolloutState:
    """Returns a state, and what its step still lacks."""
    return rollout_pb2.RolloutState(
        tenant_id=state.tenant,
        hybrid_enabled=state.hybrid_enabled,
        percent=state.percent,
        version=state.version,
        source=state.source,
        switch_policy=_POLICIES[state.policy],
        plan=state.plan,
        steps=[
            rollout_pb2.RolloutStep(
                percent=each.percent,
                min_duration_seconds=each.min_duration_seconds,
                min_samples_per_arm=each.min_samples_per_arm,
            )
            for each in state.steps
        ],
        step=state.step,
        update_time=_time(state.updated_at),
        actor=state.actor,
        reason=state.reason,
        needs_acknowledgement=state.needs_acknowledgement,
        emergency=state.emergency,
        step_time=_time(state.step_at),
        seconds_left=progress.seconds_left,
        samples_left=progress.samples_left,
        auto_advance=state.auto_advance,
        always_hybrid=sorted(state.always_hybrid),
        shadow_percent=state.shadow_percent,
        experiment=state.experiment,
        names=names_message(names),
    )


def read_wish(request: rollout_pb2.SetRolloutRequest) -> Wish:
    """Returns what a SetRollout asks for, unchecked."""
    return Wish(
        percent=request.percent,
        plan=request.plan,
        steps=tuple(Step(each.percent, each.min_duration_seconds, each.min_samples_per_arm) for each in request.steps),
        policy=_POLICY_NAMES.get(request.switch_policy, SwitchPolicy.NEXT_REQUEST),
        auto_advance=request.auto_advance,
        always_hybrid=tuple(request.always_hybrid),
        shadow_percent=request.shadow_percent if request.HasField("shadow_percent") else None,
        experiment=request.experiment,
        acknowledge=request.acknowledge,
    )


def entry_message(entry: AuditEntry) -> rollout_pb2.AuditEntry:
    """Returns an entry of the audit."""
    return rollout_pb2.AuditEntry(
        sequence=entry.sequence,
        time=_time(entry.at_ms / 1000),
        actor=entry.actor,
        action=entry.action,
        reason=entry.reason,
        before=entry.before,
        after=entry.after,
        hash=entry.hash,
        previous_hash=entry.previous_hash,
        tenant_id=entry.tenant,
    )


def _time(seconds: float) -> Timestamp | None:
    """Returns a moment to the millisecond, None for one that never was."""
    if not seconds:
        return None
    milliseconds = math.floor(seconds * 1000 + 0.5)
    return Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)
