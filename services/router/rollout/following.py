"""The steps by which a replica keeps up: with the store, with the switch file, and with plans that advance alone."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from libs.common.errors import Unavailable
from libs.common.upkeep import Upkeep
from services.router.rollout.ground import Ground
from services.router.rollout.keeping_up import Replica
from services.router.rollout.plans import SamplesSince, progress_of
from services.router.rollout.state import EVERYBODY, RolloutState
from services.router.rollout.switch_word import SWITCH
from services.router.rollout.view import View
from services.router.rollout.writing import Writer

_LOG = logging.getLogger(__name__)

# News come at once; this is how long one that went missing can go unseen.
FOLLOW_SECONDS = 0.2
FILE_SECONDS = 0.25
PLAN_SECONDS = 5.0
# A replica that starts waits this long for the store; then it serves, and everybody gets classic.
START_SECONDS = 2.0
NOT_READ_YET = "The store of the rollout has not answered yet; until it does, everybody gets classic."


class Following:
    """Owns the tasks of one replica. The ground counts from the moment on when the store is known to hold no stop."""

    def __init__(
        self,
        ground: Ground,
        replica: Replica,
        *,
        view: View,
        writer: Writer,
        samples: SamplesSince,
        clock: Callable[[], float],
        wait: Callable[[float], Awaitable[None]],
    ) -> None:
        self._ground = ground
        self._replica = replica
        self._view = view
        self._writer = writer
        self._samples = samples
        self._clock = clock
        self._upkeep = Upkeep(wait=wait, after_failure_seconds=FOLLOW_SECONDS)

    async def start(self, *, advance: Callable[[RolloutState], Awaitable[None]]) -> None:
        """Reads file and store once, then follows them; `advance` takes the scope whose step is done to the next one.

        Raises InvalidRequest (INVALID_SETTING) for a file that is unclear.
        """
        await self._ground.open()
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._catch_up(wait_seconds=0.0)
        if not self._replica.has_caught_up:
            _LOG.error(NOT_READ_YET)

        async def advance_plans() -> None:
            for record in self._view.records():
                if await self._is_due(record):
                    await advance(record)

        self._upkeep.start(self._follow, name="following the rollout", every_seconds=0.0)
        self._upkeep.start(advance_plans, name="advancing plans", every_seconds=PLAN_SECONDS)
        if self._ground.has_file:
            self._upkeep.start(self._look_at_file, name="watching the switch file", every_seconds=FILE_SECONDS)

    async def stop(self) -> None:
        """Ends the tasks."""
        await self._upkeep.stop()

    async def _follow(self) -> None:
        # First the news: a decision that cannot be written must not keep this replica from following.
        await self._catch_up(wait_seconds=0.0 if self._replica.waiting else FOLLOW_SECONDS)
        await self._replica.tell()

    async def _catch_up(self, *, wait_seconds: float) -> None:
        was_behind = not self._replica.has_caught_up
        await self._replica.catch_up(wait_seconds=wait_seconds)
        if was_behind:
            self._stand_on_ground()

    def _stand_on_ground(self) -> None:
        self._view.set_ground(self._ground.state)
        self._replica.changed()

    async def _look_at_file(self) -> None:
        before = self._view.in_force(EVERYBODY)
        if not await self._ground.changed():
            return
        if self._replica.has_caught_up:
            self._stand_on_ground()
        source = self._view.in_force(EVERYBODY).source
        overruled = "" if source == "file" else f"; what holds comes from {source}"
        said = f"{SWITCH} says {self._ground.file_says} to {self._replica.name}{overruled}"
        _LOG.info("%s", said)
        await self._writer.note(
            EVERYBODY, action="file", actor="file", reason=said, at=self._clock(), before=before.to_json()
        )

    async def _is_due(self, record: RolloutState) -> bool:
        if not record.auto_advance or record.is_at_last_step or record.needs_acknowledgement:
            return False
        samples = await self._samples(record.tenant, record.step_at)
        return progress_of(record, samples, now=self._clock()).is_done
