"""What a caller sends in a spoken conversation, and the one event that wakes whoever speaks."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from services.voice.reply_feed import SpokenTurn

# A caller who sends more before the first is looked at waits.
_ROOM = 8
# Shorter waits are rounding errors of clocks.
_TICK_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Interruption:
    """The caller spoke over the bot, having heard `heard_ms` of the turn; all that was sent when 0."""

    heard_ms: float = 0.0


Said = SpokenTurn | Interruption


class Inbox:
    """Reads `said` by `read`, which runs beside the speaking. `now` is in the seconds of `wait_until`."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self.wake = asyncio.Event()
        self._now = now
        self._items: deque[Said] = deque()
        self._room = asyncio.Semaphore(_ROOM)
        self._failure: BaseException | None = None
        self._is_over = False

    async def read(self, said: AsyncIterator[Said]) -> None:
        """Reads to the end; what it raises is raised by the other methods."""
        try:
            async for item in said:
                await self._room.acquire()
                self._items.append(item)
                self.wake.set()
        except Exception as failure:  # noqa: BLE001  # raised to whoever looks next, which is the conversation
            self._failure = failure
        finally:
            self._is_over = True
            self.wake.set()

    def peek(self) -> Said | None:
        """Returns what came and was not taken yet."""
        if self._failure is not None:
            raise self._failure
        return self._items[0] if self._items else None

    def take(self) -> Said:
        """Takes what `peek` showed."""
        self._room.release()
        return self._items.popleft()

    @property
    def is_over(self) -> bool:
        """True when the caller sends nothing more."""
        return self._is_over and not self._items

    async def wait_until(self, at: float | None) -> None:
        """Returns when something has happened, or at that point in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), None if at is None else max(_TICK_SECONDS, at - self._now()))
        self.wake.clear()
