"""The rollout of one replica: who gets what, without waiting; changes of it; and the tasks that keep it up to date."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from libs.common.errors import Conflict, PreconditionFailed, Unavailable
from services.router.assignment import Assignment, Pin
from services.router.rollout import changes
from services.router.rollout.audit_pages import AuditPage, audit_page
from services.router.rollout.following import NOT_READ_YET, Following
from services.router.rollout.ground import Ground
from services.router.rollout.keeping_up import Replica
from services.router.rollout.memory_store import MemoryRolloutStore
from services.router.rollout.plans import Progress, SamplesSince, no_samples, progress_of
from services.router.rollout.propagation import Change, confirmed
from services.router.rollout.state import EVERYBODY, FIRST_VERSION, RolloutState
from services.router.rollout.store import RolloutStore
from services.router.rollout.switch_file import SwitchFile
from services.router.rollout.view import View
from services.router.rollout.watching import Watchers
from services.router.rollout.wish import Wish, checked, checked_reason
from services.router.rollout.writing import Decision, Writer
from services.router.turn import Variant

_LOG = logging.getLogger(__name__)


class Rollout:
    """Who gets hybrid on this replica. Use as an async context manager: it owns the tasks that follow store and file.

    `percent` and `source` are what the process was started with, `share` what hybrid gets when `file` says true.
    Without a `store` the rollout is this process's own. With one, everybody gets classic until it has answered once,
    because it may hold a stop; when it fails later, the last known state stays.
    """

    def __init__(
        self,
        percent: float = 0.0,
        source: str = "default",
        *,
        share: float = 100.0,
        store: RolloutStore | None = None,
        file: SwitchFile | None = None,
        samples: SamplesSince = no_samples,
        replica: str = "router",
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        ground = Ground(RolloutState(percent=percent, source=source), share=share, file=file, clock=clock)
        self._samples = samples
        self._clock = clock
        self._wait = wait
        self._store = store or MemoryRolloutStore(clock=clock)
        self._view = View(RolloutState(reason=NOT_READ_YET) if store else ground.state)
        self._writer = Writer(self._store, self._view)
        self._watchers = Watchers()
        self._replica = Replica(
            replica,
            store=self._store,
            view=self._view,
            writer=self._writer,
            changed=self._watchers.wake,
            clock=clock,
        )
        self._following = Following(
            ground, self._replica, view=self._view, writer=self._writer, samples=samples, clock=clock, wait=wait
        )

    async def __aenter__(self) -> Self:
        """Raises InvalidRequest (INVALID_SETTING) for a file that is unclear."""
        await self._following.start(advance=self._advance_by_plan)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_watches()
        await self._following.stop()
        if self._replica.waiting:
            _LOG.error("the store was never told of %d decisions about the rollout", self._replica.waiting)

    @property
    def waiting(self) -> int:
        """Decisions that hold here and that the store does not know yet."""
        return self._replica.waiting

    def state(self, tenant: str = EVERYBODY) -> RolloutState:
        """Returns the state in force for `tenant`, or for all when it is empty."""
        return self._view.in_force(tenant)

    def assignment(
        self,
        tenant: str,
        conversation_id: str = "",
        *,
        user_id: str = "",
        request_id: str = "",
        forced: Variant | None = None,
        pin: Pin | None = None,
    ) -> Assignment:
        """Returns what a turn gets, from memory; see `View.assignment`. Only operators may force a variant."""
        return self._view.assignment(
            tenant,
            conversation_id=conversation_id,
            user_id=user_id,
            request_id=request_id,
            forced=forced,
            pin=pin,
            # Most turns bring no pin, and a clock costs as much as the hash.
            now=self._clock() if pin is not None else 0.0,
        )

    async def progress(self, tenant: str = EVERYBODY) -> Progress:
        """Returns what the current step still lacks; while nobody can count, no turn of it is taken for counted."""
        state = self.state(tenant)
        samples: Mapping[Variant, int] = {}
        if state.steps:
            with contextlib.suppress(Unavailable):
                samples = await self._samples(tenant, state.step_at)
        return progress_of(state, samples, now=self._clock())

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
            return Change(self.state(tenant), changed, (self._replica.name,), (self._store.name,))
        done, pending = await confirmed(self._store, outcome.sequence, here=self._replica.name, wait=self._wait)
        return Change(self.state(tenant), outcome.changed, done, pending)

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
        if not self.state(tenant).hybrid_enabled:
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

    def watch(self, tenant: str = EVERYBODY) -> AsyncGenerator[RolloutState, None]:
        """Yields the state in force now, and at each change; ends when the rollout does."""
        return self._watchers.states(partial(self.state, tenant))

    @property
    def watcher_count(self) -> int:
        """How many watch now."""
        return self._watchers.count

    def end_watches(self) -> None:
        """Ends every watch, so that a server that stops need not wait for them."""
        self._watchers.close()

    async def audit(self, tenant: str = EVERYBODY, *, size: int = 0, token: str = "") -> AuditPage:
        """See `audit_page`."""
        return await audit_page(self._store, tenant, size=size, token=token)

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
        return Change(self.state(decision.scope), outcome.changed)

    async def _advance_by_plan(self, record: RolloutState) -> None:
        # Another replica, or a person, may have been faster.
        with contextlib.suppress(Conflict, PreconditionFailed):
            await self.advance(
                record.tenant,
                actor="plan",
                reason="The step has lasted and been measured long enough.",
                expected_version=record.version,
            )
