"""Those who watch the rollout within this process: woken at each change, without a question to the store."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from services.router.rollout.state import RolloutState


class Watchers:
    """Hands states to any number of watchers."""

    def __init__(self) -> None:
        self._news: set[asyncio.Event] = set()
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many watch now."""
        return len(self._news)

    def wake(self) -> None:
        """Lets every watcher look again."""
        for each in self._news:
            each.set()

    def close(self) -> None:
        """Ends every watch, those to come included."""
        self._is_closed = True
        self.wake()

    async def states(self, look: Callable[[], RolloutState]) -> AsyncGenerator[RolloutState, None]:
        """Yields what `look` returns, at once and then whenever it differs.

        Of changes that come faster than they are read, the last is yielded.
        """
        news = asyncio.Event()
        self._news.add(news)
        last: RolloutState | None = None
        try:
            while not self._is_closed:
                news.clear()
                state = look()
                if state != last:
                    last = state
                    yield state
                else:
                    await news.wait()
        finally:
            self._news.discard(news)
