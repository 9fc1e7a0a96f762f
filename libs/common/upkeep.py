"""Steps that are taken again and again as long as a process runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from libs.common.errors import ReparteeError
from libs.common.interceptors.guard import stack_without_text

_LOG = logging.getLogger(__name__)


class Upkeep:
    """Owns one task per step. A step that fails is taken again later: nothing may end the keeping up."""

    def __init__(
        self, *, wait: Callable[[float], Awaitable[None]] = asyncio.sleep, after_failure_seconds: float
    ) -> None:
        self._wait = wait
        self._after_failure = after_failure_seconds
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, step: Callable[[], Awaitable[object]], *, name: str, every_seconds: float) -> None:
        """Takes `step` now and then `every_seconds` after it ended."""
        self._tasks.append(asyncio.create_task(self._for_ever(step, name, every_seconds), name=name))

    async def stop(self) -> None:
        """Cancels every step."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _for_ever(self, step: Callable[[], Awaitable[object]], name: str, every_seconds: float) -> None:
        failure = ""
        while True:
            seconds = every_seconds
            try:
                await step()
                if failure:
                    _LOG.info("%s works again", name)
                failure = ""
            except ReparteeError as error:
                if error.reason != failure:
                    failure = error.reason
                    _LOG.warning("%s does not work: %s", name, failure)
                seconds = self._after_failure
            except Exception as problem:  # noqa: BLE001  # a fault in one step must not leave this replica behind for good
                _LOG.error("%s failed\n%s", name, stack_without_text(problem))
                seconds = self._after_failure
            await self._wait(seconds)
