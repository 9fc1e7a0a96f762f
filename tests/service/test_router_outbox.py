"""The keeper of conversations on a real Redis that comes and goes, across the end of its process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from libs.common.embedded_redis import EmbeddedRedis, start_embedded_redis
from libs.common.redis_store import RedisStore
from services.router.adapters.open_conversations import OpenConversations, open_conversations
from services.router.turn import Stored
from tests.fakes.router_world import RouterWorld


@asynccontextmanager
async def opened(url: str, state_dir: Path | None) -> AsyncIterator[tuple[OpenConversations, RouterWorld]]:
    redis = RedisStore.connect(url, timeout_seconds=2.0)
    try:
        async with open_conversations(
            redis,
            state_dir=state_dir,
            retention_days=30,
            history_messages=20,
            max_waiting=100,
            # A busy machine is no outage.
            timeout_seconds=5.0,
            outbox_timeout_seconds=5.0,
        ) as keeping:
            yield keeping, RouterWorld(conversations=keeping.conversations)
    finally:
        await redis.aclose()


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[EmbeddedRedis]:
    running = await start_embedded_redis(folder)
    try:
        yield running
    finally:
        await running.stop()


@pytest.mark.parametrize("stops_first", ["store", "router"])
async def test_turns_wait_on_the_disk_until_the_store_is_back(tmp_path: Path, stops_first: str) -> None:
    """Whether the store comes back under the router that holds them, or under the next one."""
    state = tmp_path / "state"
    async with server(tmp_path / "redis") as running:
        url = running.url
        async with opened(url, state) as (keeping, world):
            assert keeping.dependency().detail == "While it is away turns wait on the disk."
            await world.say("un", turn_id="t1")
            await running.stop()
            assert (await world.say("deux", turn_id="t2")).stored is Stored.PENDING
            assert (keeping.dependency().state, keeping.dependency().detail) == (
                "degraded",
                "1 turns wait on the disk to be kept.",
            )
            if stops_first == "store":
                async with server(tmp_path / "redis"):
                    assert await keeping.steady.replay()
    async with server(tmp_path / "redis"), opened(url, state) as (keeping, world):
        again = await world.say("deux", turn_id="t2")
        assert (again.replayed, again.stored, again.reply.state.event_count) == (True, Stored.DURABLE, 2)
        assert (await world.say("trois")).reply.state.event_count == 3


async def test_folder_that_cannot_be_used_leaves_turns_in_memory_and_says_so(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "router").write_text("a file where a folder should be")
    async with opened(redis_url, tmp_path) as (keeping, world):
        assert (await world.say("un")).stored is Stored.DURABLE
        assert keeping.dependency().detail == "While it is away turns wait in memory only."
    assert "the outbox cannot be used" in caplog.text


async def test_without_a_state_folder_turns_wait_in_memory(redis_url: str) -> None:
    async with opened(redis_url, None) as (keeping, _):
        assert keeping.dependency().detail == "While it is away turns wait in memory only."


async def test_without_redis_conversations_live_in_the_process() -> None:
    async with open_conversations(
        None, state_dir=None, retention_days=30, history_messages=20, max_waiting=100
    ) as keeping:
        assert keeping.dependency().state == "embedded"
        assert (await RouterWorld(conversations=keeping.conversations).say("un")).stored is Stored.MEMORY
