"""The keeper of conversations by the settings: in Redis behind an outbox, or in memory where no Redis is configured."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from libs.common.process_status import DependencyState
from libs.common.redis_store import RedisStore
from libs.common.upkeep import Upkeep
from services.router.adapters.file_outbox import FileOutbox
from services.router.adapters.memory_conversations import MemoryConversations
from services.router.adapters.redis_conversations import RedisConversations
from services.router.conversations import Conversations
from services.router.steady_conversations import SteadyConversations

_log = logging.getLogger(__name__)

_REPLAY_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class OpenConversations:
    """The keeper, and what its dependency says of itself."""

    conversations: Conversations
    steady: SteadyConversations | None

    def dependency(self) -> DependencyState:
        """Returns how `redis` is, and where turns wait when it is away."""
        if self.steady is None:
            return DependencyState("redis", "embedded", "Conversations live in this process and end with it.")
        place = "on the disk" if self.steady.waits_on_disk else "in memory only"
        lost = f" {self.steady.lost} turns were not kept since this process began." if self.steady.lost else ""
        if self.steady.is_down:
            return DependencyState("redis", "degraded", f"{self.steady.waiting} turns wait {place} to be kept.{lost}")
        return DependencyState("redis", "up", f"While it is away turns wait {place}.{lost}")


@asynccontextmanager
async def open_conversations(
    redis: RedisStore | None,
    *,
    state_dir: Path | None,
    retention_days: int,
    history_messages: int,
    max_waiting: int,
    timeout_seconds: float = 0.1,
    outbox_timeout_seconds: float = 0.05,
) -> AsyncGenerator[OpenConversations, None]:
    """Keeps conversations within the block, and gives the store what waits for it, also from an earlier process.

    Turns wait in `STATE_DIR/router/outbox`; without a state folder, or where it cannot be used, in memory.
    """
    if redis is None:
        yield OpenConversations(MemoryConversations(history_messages=history_messages), None)
        return
    async with AsyncExitStack() as stack:
        outbox, left = None, ()
        if state_dir is not None:
            try:
                outbox, left = await asyncio.to_thread(FileOutbox.open, state_dir / "router" / "outbox")
            except OSError as error:
                _log.error("the outbox cannot be used (%s): turns wait in memory only", error.strerror or error)
            else:
                stack.push_async_callback(outbox.aclose)
        if left:
            _log.warning("%d turns of an earlier process wait for the store of conversations", len(left))
        steady = SteadyConversations(
            RedisConversations(redis, retention_days=retention_days, history_messages=history_messages),
            is_back=redis.ping,
            outbox=outbox,
            left=left,
            max_waiting=max_waiting,
            history_messages=history_messages,
            timeout_seconds=timeout_seconds,
            outbox_timeout_seconds=outbox_timeout_seconds,
        )
        # Before the first turn: one that is asked for while others wait finds only what those say.
        await steady.replay()
        upkeep = Upkeep(after_failure_seconds=_REPLAY_EVERY_SECONDS)
        stack.push_async_callback(_leave, steady)
        stack.push_async_callback(upkeep.stop)
        upkeep.start(steady.replay, name="replaying turns", every_seconds=_REPLAY_EVERY_SECONDS)
        yield OpenConversations(steady, steady)


async def _leave(steady: SteadyConversations) -> None:
    if await steady.replay():
        return
    if steady.waits_on_disk:
        _log.warning("%d turns that waited for the store are left to the next process", steady.waiting)
    else:
        _log.error("%d turns that waited for the store are lost with this process", steady.waiting)
