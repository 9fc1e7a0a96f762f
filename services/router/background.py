"""Work that goes on after its reply: owned, counted, and waited for when the process stops."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from libs.common.errors import ReparteeError
from libs.common.interceptors.guard import stack_without_text
from libs.common.stages import begin_step

_log = logging.getLogger(__name__)


class Background:
    """Tasks that no caller waits for. Above `limit` at once, new work is dropped and counted in `dropped`."""

    def __init__(self, *, limit: int = 1000) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Runs `work` on its own, as a step of the current call's trace. An error is logged without its text."""
        if len(self._tasks) >= self._limit:
            work.close()
            self.dropped += 1
            return
        task = asyncio.create_task(_logged(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, *, timeout_seconds: float) -> None:
        """Waits for what runs, at most `timeout_seconds`, and cancels the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _logged(work: Coroutine[Any, Any, None], name: str) -> None:
    step = begin_step(name)
    try:
        with step.within():
            await work
    except ReparteeError as error:
        step.fail(error.reason)
        _log.warning("%s failed: %s", name, error.reason)
    except Exception as problem:  # noqa: BLE001  # nobody awaits it, and the event loop would log its text
        step.fail(type(problem).__qualname__)
        _log.error("%s failed\n%s", name, stack_without_text(problem))
    finally:
        step.end()
