"""Ten thousand tenants in a real Redis: found one by one, listed page by page, and never all in one process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from libs.common.redis_connections import Command, RedisConnections
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.redis_source import RedisTenantStore
from tests.unit.test_tenants_bundle import MINIMAL

COUNT = 10_000
KEPT = 100


@pytest.fixture
async def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of commands in each exchange with the server."""
    sizes: list[int] = []
    run_many = RedisConnections.run_many

    async def counted(self: RedisConnections, commands: Sequence[Command], **options: Any) -> list[Any]:
        sizes.append(len(commands))
        return await run_many(self, commands, **options)

    monkeypatch.setattr(RedisConnections, "run_many", counted)
    return sizes


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore.connect(redis_url, timeout_seconds=10.0)
    yield store
    await store.aclose()


def name_of(number: int) -> TenantId:
    return TenantId(f"shop-{number:05}")


def bundle_of(number: int) -> str:
    return MINIMAL.replace("id: my-shop", f"id: {name_of(number)}").replace("My Shop", f"Shop {number}")


async def put_all(redis: RedisStore) -> None:
    """Puts every tenant as `RedisTenantStore.put` does, many in one exchange."""
    store = RedisTenantStore(redis)
    for first in range(0, COUNT, 100):
        numbers = range(first, first + 100)
        await asyncio.gather(
            *(store.put(name_of(n), bundle_of(n), actor="ana", reason="load", name=f"Shop {n}") for n in numbers)
        )


async def test_ten_thousand_tenants(redis: RedisStore, exchanges: list[int]) -> None:
    await put_all(redis)
    store = RedisTenantStore(redis)
    exchanges.clear()
    seen: list[tuple[str, str]] = []
    after = ""
    while page := await store.list_tenants(after=after, limit=1000):
        assert all(each.bundle_yaml == "" for each in page)
        seen += [(each.tenant, each.name) for each in page]
        after = page[-1].tenant
    assert seen == [(name_of(number), f"Shop {number}") for number in range(COUNT)]
    # Eleven pages, of one exchange for the ids and one for each 200 tenants.
    assert len(exchanges) == 11 + COUNT // 200
    async with TenantDirectory(store, max_tenants=KEPT) as directory:
        wanted = [*range(0, COUNT, 37), *range(COUNT - 1, 0, -1013)]
        for number in wanted:
            assert (await directory.get(name_of(number))).name == f"Shop {number}"
        held = [number for number in range(COUNT) if directory.peek(name_of(number)) is not None]
        assert len(held) == KEPT
        exchanges.clear()
        for number in held:
            await directory.get(name_of(number))
        assert exchanges == []
