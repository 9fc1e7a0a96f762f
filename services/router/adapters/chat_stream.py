"""A turn that runs beside its stream: its events as messages, in order and numbered."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from repartee.v1 import router_pb2
from services.router.chat import Answered
from services.router.shown import Sink

Turn = Callable[[Sink], Coroutine[Any, Any, Answered]]
Ending = Callable[[Answered], router_pb2.ChatCompleted]


class _Events:
    """A sink that makes messages of what it is given. It is as long as one reply at most, so it has no bound."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[router_pb2.StreamChatResponse | None] = asyncio.Queue()

    def delta(self, text: str) -> None:
        self.queue.put_nowait(router_pb2.StreamChatResponse(delta=router_pb2.ChatDelta(text=text)))

    def reset(self, reason: str) -> None:
        self.queue.put_nowait(router_pb2.StreamChatResponse(reset=router_pb2.ChatReset(reason=reason)))

    def end(self, _: object) -> None:
        self.queue.put_nowait(None)


async def turn_events(
    started: router_pb2.ChatStarted, turn: Turn, ending: Ending
) -> AsyncGenerator[router_pb2.StreamChatResponse]:
    """Yields `started`, what `turn` shows while it runs, and `ending` once it is kept; raises the turn's error.

    The turn does not wait for whoever reads its events. It is cancelled when the generator is closed before its end,
    and then it is kept whole or not at all.
    """
    yield router_pb2.StreamChatResponse(sequence=0, started=started)
    events = _Events()
    running = asyncio.create_task(turn(events), name="streamed-turn")
    running.add_done_callback(events.end)
    sequence = 0
    try:
        while (event := await events.queue.get()) is not None:
            sequence += 1
            event.sequence = sequence
            yield event
        completed = ending(running.result())
        yield router_pb2.StreamChatResponse(sequence=sequence + 1, completed=completed)
    finally:
        running.cancel()
        await asyncio.wait((running,))
