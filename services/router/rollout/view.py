"""What one replica knows of the rollout, and who gets what by it: memory only, nothing waits."""

from dataclasses import replace

from services.router.assignment import Assignment, Pin, bucket_of, is_hybrid, unit_of
from services.router.rollout.state import EVERYBODY, FIRST_VERSION, RolloutState, SwitchPolicy
from services.router.turn import Variant

# How long a conversation may stay with the system it began on.
PIN_SECONDS = 86_400


class View:
    """Records of the store, decisions made here that the store lacks, and `ground`: what file and process say.

    For a tenant holds the first of: a stop of everybody, the tenant's record, everybody's record, the ground.
    """

    def __init__(self, ground: RolloutState) -> None:
        self._ground = ground
        self._records: dict[str, RolloutState] = {}
        self._overrides: dict[str, RolloutState] = {}
        # In force by scope; emptied whenever anything changes.
        self._in_force: dict[str, RolloutState] = {}

    @property
    def ground(self) -> RolloutState:
        """What holds when nobody has said anything to the store."""
        return self._ground

    def set_ground(self, ground: RolloutState) -> None:
        """Replaces what file and process say."""
        self._ground = ground
        self._in_force.clear()

    def own(self, scope: str) -> RolloutState | None:
        """Returns the scope's own state, or None when it has none."""
        return self._overrides.get(scope) or self._records.get(scope)

    def beginning(self, scope: str) -> RolloutState:
        """Returns what a scope's first record of its own begins from."""
        return inherited(scope, everybody=self.own(EVERYBODY), ground=self._ground)

    def record(self, scope: str) -> RolloutState | None:
        """Returns what is known of the store about one scope."""
        return self._records.get(scope)

    def records(self) -> list[RolloutState]:
        """Returns what is known of the store."""
        return list(self._records.values())

    def keep(self, record: RolloutState) -> bool:
        """Takes over a record of the store, unless a newer one is known; says whether it was news."""
        known = self._records.get(record.tenant)
        if known is not None and known.version >= record.version:
            return False
        self._records[record.tenant] = record
        self._in_force.clear()
        return True

    def override(self, state: RolloutState) -> None:
        """Makes a decision of this replica win over the scope's record."""
        self._overrides[state.tenant] = state
        self._in_force.clear()

    def lift(self, state: RolloutState) -> None:
        """Ends the override by `state`, unless another has taken its place."""
        if self._overrides.get(state.tenant) is state:
            del self._overrides[state.tenant]
            self._in_force.clear()

    def in_force(self, tenant: str) -> RolloutState:
        """Returns the state that holds for `tenant`, or for all when it is empty. Its version is the scope's own."""
        state = self._in_force.get(tenant)
        if state is None:
            state = self._in_force[tenant] = combined(
                tenant, own=self.own(tenant), everybody=self.own(EVERYBODY), ground=self._ground
            )
        return state

    def assignment(
        self,
        tenant: str,
        *,
        conversation_id: str,
        user_id: str,
        request_id: str,
        forced: Variant | None,
        pin: Pin | None,
        now: float,
    ) -> Assignment:
        """Returns what a turn gets; `now` is in seconds since 1970.

        The first of these decides: an emergency, `forced`, the ids that always get hybrid, the conversation's pin, the
        hash against the share. What the guard rolled back, no pin keeps alive.
        """
        state = self._in_force.get(tenant) or self.in_force(tenant)
        unit, unit_kind = unit_of(conversation_id, user_id, request_id)
        bucket = bucket_of(state.experiment, tenant, unit)
        if state.emergency:
            return Assignment(Variant.CLASSIC, bucket, "kill_switch", unit_kind)
        if forced is not None:
            return Assignment(forced, bucket, "forced", unit_kind)
        allowed = state.always_hybrid
        if allowed and not state.stopped and (conversation_id in allowed or user_id in allowed):
            return Assignment(Variant.HYBRID, bucket, "always_hybrid", unit_kind)
        if (
            pin is not None
            and state.policy is SwitchPolicy.PIN_CONVERSATION
            and not state.needs_acknowledgement
            and now - pin.began_at < PIN_SECONDS
        ):
            return Assignment(pin.variant, bucket, "pin", unit_kind, pin.began_at)
        variant = Variant.HYBRID if is_hybrid(bucket, state.percent) else Variant.CLASSIC
        return Assignment(variant, bucket, state.source, unit_kind)


def combined(
    tenant: str, *, own: RolloutState | None, everybody: RolloutState | None, ground: RolloutState
) -> RolloutState:
    """Returns the state in force for `tenant` from its own record, everybody's and the ground."""
    above = everybody or ground
    if tenant == EVERYBODY:
        return above
    version = own.version if own else FIRST_VERSION
    if above.emergency:
        return replace(above, tenant=tenant, version=version)
    if own is None or (above.stopped and not own.emergency):
        return replace(above, tenant=tenant, version=version)
    return own


def inherited(tenant: str, *, everybody: RolloutState | None, ground: RolloutState) -> RolloutState:
    """Returns what a tenant's first own record begins from: the settings of all, without what only stops them."""
    if tenant == EVERYBODY:
        return everybody or ground
    return replace(
        everybody or ground,
        tenant=tenant,
        version=FIRST_VERSION,
        stopped=False,
        emergency=False,
        needs_acknowledgement=False,
        auto_advance=False,
        plan="",
        steps=(),
        step=0,
    )
