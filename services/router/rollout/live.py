"""The rollout of one replica: who gets what, without waiting, and the tasks that keep it up to date."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from libs.common.errors import Unavailable
from services.router.assignment import Assignment, Pin
from services.router.rollout.audit_pages import AuditPage, audit_page
from services.router.rollout.deciding import Deciding
from services.router.rollout.following import NOT_READ_YET, Following
from services.router.rollout.ground import Ground
from services.router.rollout.memory_store import MemoryRolloutStore
from services.router.rollout.plans import Progress, SamplesSince, no_samples, progress_of
from services.router.rollout.state import EVERYBODY, RolloutState
from services.router.rollout.store import RolloutStore
from services.router.rollout.switch_file import SwitchFile
from services.router.rollout.view import View
from services.router.turn import Variant

_LOG = logging.getLogger(__name__)


class Rollout(Deciding):
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
        super().__init__(
            View(RolloutState(reason=NOT_READ_YET) if store else ground.state),
            store=store or MemoryRolloutStore(clock=clock),
            replica=replica,
            samples=samples,
            clock=clock,
            wait=wait,
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
