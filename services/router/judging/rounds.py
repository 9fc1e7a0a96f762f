"""A round of metrics: count what was noted, then let the guard look."""

import logging

from libs.common.errors import ReparteeError, Unavailable
from services.router.judging.guarding import Guard
from services.router.judging.recording import MetricsRecorder
from services.router.judging.store import EVERYBODY

_log = logging.getLogger(__name__)

ROUND_SECONDS = 1.0


class Rounds:
    """Somebody goes round every `ROUND_SECONDS`; a bad hybrid turn is judged at most that much later."""

    def __init__(self, recorder: MetricsRecorder, guard: Guard) -> None:
        self._recorder = recorder
        self._guard = guard

    async def once(self) -> None:
        """Counts, then judges each tenant that had turns, and all together. Never raises for a store that is away."""
        if not await self._recorder.flush():
            return
        touched = self._recorder.take_touched()
        for scope in (*sorted(touched), *((EVERYBODY,) if touched else ())):
            try:
                await self._guard.check(scope)
            except Unavailable as error:
                _log.warning("the guard could not judge: %s", error.reason)
                return
            except ReparteeError as error:
                # One tenant's refusal must not keep the guard from the others.
                _log.error("the guard could not act: %s", error.reason, extra={"tenant": scope or "*"})
