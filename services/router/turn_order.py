"""One turn at a time for each conversation of this replica, in the order they came."""

import asyncio
from collections import deque
from collections.abc import Hashable

from libs.common.errors import Conflict


class TurnOrder:
    """Queues of turns, one for each conversation that is being answered. Free conversations cost nothing."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[asyncio.Future[None]]] = {}

    async def enter(self, key: Hashable, *, timeout_seconds: float) -> None:
        """Waits until no other turn holds `key`, and holds it. Raises Conflict (CONVERSATION_BUSY) if late."""
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = deque()
            return
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(ticket)
        try:
            async with asyncio.timeout(timeout_seconds):
                await ticket
        except BaseException as error:
            if ticket.done() and not ticket.cancelled():
                # Called up at the very moment of giving up: the next one goes in its place.
                self.leave(key)
            elif ticket in queue:
                # Not when it was passed over in between: whoever left has taken it out then.
                queue.remove(ticket)
            if isinstance(error, TimeoutError):
                raise conversation_busy() from None
            raise

    def leave(self, key: Hashable) -> None:
        """Lets the next turn of `key` in."""
        queue = self._queues[key]
        while queue:
            ticket = queue.popleft()
            if not ticket.done():
                ticket.set_result(None)
                return
        del self._queues[key]


def conversation_busy() -> Conflict:
    """Returns the error of a turn that other turns of its conversation kept out."""
    return Conflict(
        "CONVERSATION_BUSY",
        "Other turns of this conversation are still being answered; send this one again with the same turn_id.",
        retry_after_seconds=1.0,
    )
