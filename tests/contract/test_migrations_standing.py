"""What a service says of the version of its store, on a real Redis."""

import logging

import pytest

from libs.common.errors import PreconditionFailed
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.stamp import Stamp
from libs.common.migrations.standing import Standing, stored_version
from libs.common.redis_store import RedisStore
from services.router.migrations.stores import SENTINELS, conversations_store
from tests.fakes import old_records

pytest_plugins = ("tests.redis_fixture",)


@pytest.fixture
def redis(redis_url: str) -> RedisStore:
    return RedisStore.connect(redis_url, timeout_seconds=5.0)


def standing(redis: RedisStore) -> Standing:
    return Standing(conversations_store(redis), redis, sentinels=SENTINELS)


async def test_an_empty_store_is_stamped_at_the_first_start_and_nothing_is_said(redis: RedisStore) -> None:
    async with standing(redis) as here:
        assert here.dependencies() == ()
    assert (await RedisBook(redis, "conversations").read() or Stamp(0)).version == 4
    await redis.aclose()


async def test_records_without_a_stamp_are_served_and_operators_are_told_to_migrate(redis: RedisStore) -> None:
    await old_records.put_tenant(redis, "shop")
    async with standing(redis) as here:
        (said,) = here.dependencies()
        assert (said.name, said.state) == ("schema:conversations", "degraded")
        assert said.detail == "Stored records have version 0 of 4 and are read all the same: run `migrate`."
        assert await RedisBook(redis, "conversations").read() is None
        # A run elsewhere is noticed.
        await RedisBook(redis, "conversations").begin(Stamp(4))
        await here.look()
        assert here.dependencies() == ()
    await redis.aclose()


async def test_a_replica_that_was_rolled_back_serves_what_it_reads(redis: RedisStore) -> None:
    await RedisBook(redis, "conversations").begin(Stamp(7, min_reader=4))
    async with standing(redis) as here:
        (said,) = here.dependencies()
        assert (said.state, said.detail) == ("up", "Version 7 is newer than this process, which reads it.")
    await redis.aclose()


async def test_a_replica_that_cannot_read_the_store_does_not_start(redis: RedisStore) -> None:
    await RedisBook(redis, "conversations").begin(Stamp(7, min_reader=5, written_by="9.0"))
    with pytest.raises(PreconditionFailed, match=r"only code that knows version 5 reads it; this process knows 4"):
        async with standing(redis):
            pass
    await redis.aclose()


async def test_found_too_new_later_it_is_said_once_and_the_replica_goes_on(
    redis: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    async with standing(redis) as here:
        await redis.platform.hset(redis.platform.key("schema", "conversations"), {"version": 9, "min_reader": 9})
        with caplog.at_level(logging.ERROR):
            await here.look()
            await here.look()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        (said,) = here.dependencies()
        assert said.state == "degraded"
        assert "only code that knows version 9 reads it" in said.detail
    await redis.aclose()


async def test_a_store_that_does_not_answer_keeps_nobody_from_starting() -> None:
    away = RedisStore.connect("unix:///nowhere/redis.sock", timeout_seconds=0.05)
    async with standing(away) as here:
        assert here.dependencies() == ()
    await away.aclose()


async def test_without_a_redis_there_is_nothing_to_say() -> None:
    async with stored_version(None, conversations_store, sentinels=SENTINELS) as say:
        assert list(say()) == []
