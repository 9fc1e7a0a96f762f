"""Decisions about a rollout: those of operators, of the guard, and of plans that advance alone."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from libs.common.errors import Conflict, PreconditionFailed
from services.router.rollout import changes
from services.router.rollout.keeping_up import Replica
from services.router.rollout.plans import SamplesSince, no_samples
from services.router.rollout.propagation import Change, confirmed
from services.router.rollout.state import EVERYBODY, FIRST_VERSION, RolloutState
from services.router.rollout.store import RolloutStore
from services.router.rollout.view import View
from services.router.rollout.watching import Watchers
from services.router.rollout.wish import Wish, checked, checked_reason
from services.router.rollout.writing import Decision, Writer


class Deciding:
    """Makes decisions on one replica; a stop holds here before anything else is asked.

    `clock` counts seconds since 1970.
    """

    def __init__(
        self,
        view: View,
        *,
        store: RolloutStore,
        replica: str,
        samples: SamplesSince,
        clock: Callable[[], float],
        wait: Callable[[float], Awaitable[None]],
    ) -> None:
        self._view = view
        self._store = store
        self._samples = samples
        self._clock = clock
        self._wait = wait
        self._writer = Writer(store, view)
        self._watchers = Watchers()
        self._replica = Replica(
            replica, store=store, view=view, writer=self._writer, changed=self._watchers.wake, clock=clock
        )

    async def enable(
        self, tenant: str = EVERYBODY, *, actor: str, reason: str, request_id: str = "", acknowledge: bool = False
    ) -> Change:
        """Gives hybrid all traffic. Raises PreconditionFailed (NEEDS_ACKNOWLEDGEMENT), Unavailable."""
        change = partial(changes.enable, acknowledge=acknowledge)
        return await self._write(self._decision(tenant, "EnableHybrid", actor, reason, change, request_id=request_id))

    async def disable(
        self, tenant: str = EVERYBODY, *, actor: str, reason: str, request_id: str = "", emergency: bool = False
    ) -> Change:
        """Gives classic all traffic, on this replica at once, whatever else works; then tells the others.

        Waits half a second at most for the others to confirm.
        """
        change = partial(changes.disable, emergency=emergency)
        was = self._view.own(tenant)
        decision = self._decision(tenant, "DisableHybrid", actor, reason, change, request_id=request_id)
        outcome = await self._replica.decide_here_first(decision)
        if outcome is None:
            changed = was is None or change(was) != was
            return Change(self._view.in_force(tenant), changed, (self._replica.name,), (self._store.name,))
        done, pending = await confirmed(self._store, outcome.sequence, here=self._replica.name, wait=self._wait)
        return Change(self._view.in_force(tenant), outcome.changed, done, pending)

    async def toggle(self, tenant: str = EVERYBODY, *, actor: str, reason: str, expected_version: int = 0) -> Change:
        """Flips the switch; 0 flips whatever is there. Raises Conflict (VERSION_MISMATCH), PreconditionFailed."""
        return await self._write(
            self._decision(tenant, "ToggleHybrid", actor, reason, changes.toggle, expected_version=expected_version)
        )

    async def set_rollout(
        self, tenant: str, wish: Wish, *, actor: str, reason: str, expected_version: int = 0
    ) -> Change:
        """Sets a share or a plan. Raises InvalidRequest (INVALID_FIELD, UNKNOWN_PLAN), Conflict, PreconditionFailed."""
        change = partial(changes.set_rollout, wish=checked(wish))
        return await self._write(
            self._decision(tenant, "SetRollout", actor, reason, change, expected_version=expected_version)
        )

    async def advance(
        self, tenant: str = EVERYBODY, *, actor: str, reason: str, expected_version: int = 0, force: bool = False
    ) -> Change:
        """Goes to the plan's next step. Raises PreconditionFailed (NO_PLAN, STEP_NOT_DONE), Conflict."""
        await self._replica.tell()
        state = await self._writer.current(tenant)
        is_counted = bool(state.steps) and not force
        samples = await (self._samples if is_counted else no_samples)(tenant, state.step_at)
        change = partial(changes.advance, samples=samples, now=self._clock(), force=force)
        # The samples are those of the state that was read: on another one they say nothing.
        return await self._write(
            self._decision(
                tenant, "AdvanceRollout", actor, reason, change, expected_version=expected_version or state.version
            )
        )

    async def roll_back(self, tenant: str, *, reason: str, evidence: Mapping[str, object]) -> bool:
        """Takes all traffic from hybrid because it does harm; a person has to acknowledge it.

        Holds on this replica at once. Of several replicas that find the same harm in the same state, one gets True.
        """
        if not self._view.in_force(tenant).hybrid_enabled:
            return False
        own = self._view.own(tenant)
        decision = replace(
            self._decision(tenant, "automatic_rollback", "guard", reason, changes.roll_back),
            expected_version=own.version if own else FIRST_VERSION,
            evidence=evidence,
        )
        try:
            outcome = await self._replica.decide_here_first(decision)
        except Conflict:
            return False
        return outcome is None or outcome.changed

    async def note(self, tenant: str, *, actor: str, action: str, reason: str) -> None:
        """Adds an audit entry without a change. Raises InvalidRequest for the reason, Unavailable."""
        reason = checked_reason(reason)
        await self._writer.note(tenant, action=action, actor=actor, reason=reason, at=self._clock())

    def _decision(
        self,
        tenant: str,
        action: str,
        actor: str,
        reason: str,
        change: changes.Transition,
        *,
        request_id: str = "",
        expected_version: int = 0,
    ) -> Decision:
        return Decision(
            scope=tenant,
            action=action,
            actor=actor,
            reason=checked_reason(reason),
            change=change,
            at=self._clock(),
            request_id=request_id,
            expected_version=expected_version,
        )

    async def _write(self, decision: Decision) -> Change:
        # What was decided here before has to come first in the store too.
        await self._replica.tell()
        outcome = await self._writer.write(decision)
        self._watchers.wake()
        return Change(self._view.in_force(decision.scope), outcome.changed)

    async def _advance_by_plan(self, record: RolloutState) -> None:
        # Another replica, or a person, may have been faster.
        with contextlib.suppress(Conflict, PreconditionFailed):
            await self.advance(
                record.tenant,
                actor="plan",
                reason="The step has lasted and been measured long enough.",
                expected_version=record.version,
            )
