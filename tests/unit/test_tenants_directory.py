"""The directory of tenants: lazy, fresh, bounded, and calm when its store is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from libs.common.errors import NotFound, Unavailable
from libs.common.request_context import TenantId
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.memory_source import MemoryTenantStore
from libs.common.tenants.stored import StoredTenant
from tests.unit.test_tenants_bundle import MINIMAL

SHOP = TenantId("my-shop")


def bundle_yaml(tenant: str = SHOP, name: str = "My Shop") -> str:
    return MINIMAL.replace("id: my-shop", f"id: {tenant}").replace("name: My Shop", f"name: {name}")


class Clock:
    """Time that passes when it is told to; who waits is let go when its time has come."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self.seconds

    async def wait(self, seconds: float) -> None:
        until = asyncio.Event()
        self._waiting.append((self.seconds + seconds, until))
        await until.wait()

    async def advance(self, seconds: float) -> None:
        self.seconds += seconds
        for due, until in self._waiting:
            if due <= self.seconds:
                until.set()
        await settle()


async def settle() -> None:
    """Lets every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


class ScriptedSource:
    """A store that counts, fails while `is_down`, and answers only once `gate` is open."""

    def __init__(self) -> None:
        self.store = MemoryTenantStore()
        self.fetch_count = 0
        self.is_down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = asyncio.Event()

    async def fetch(self, tenant: TenantId) -> StoredTenant | None:
        self.fetch_count += 1
        found = await self.store.fetch(tenant)
        await self.gate.wait()
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "down")
        return found

    async def watch(self) -> AsyncIterator[TenantId | None]:
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "down")
        changes = self.store.watch()
        while True:
            change = asyncio.ensure_future(anext(changes))
            broken = asyncio.ensure_future(self.broken.wait())
            try:
                await asyncio.wait({change, broken}, return_when=asyncio.FIRST_COMPLETED)
                if broken.done():
                    raise Unavailable("STORE_UNAVAILABLE", "connection lost")
                yield change.result()
            finally:
                change.cancel()
                broken.cancel()

    async def put(self, tenant: TenantId = SHOP, name: str = "My Shop") -> None:
        await self.store.put(tenant, bundle_yaml(tenant, name), actor="ana", reason="test")


@asynccontextmanager
async def directory_of(source: ScriptedSource, clock: Clock, max_tenants: int = 10) -> AsyncIterator[TenantDirectory]:
    async with TenantDirectory(source, max_tenants=max_tenants, now=clock.now, wait=clock.wait) as directory:
        await settle()
        yield directory


async def test_a_tenant_is_fetched_once_and_then_found_in_memory() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        first = await directory.get(SHOP)
        await clock.advance(3600)
        assert await directory.get(SHOP) is first
        assert directory.peek(SHOP) is first
    assert source.fetch_count == 1


async def test_a_change_is_there_at_the_next_get() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        await directory.get(SHOP)
        await source.put(name="New Name")
        await settle()
        assert (await directory.get(SHOP)).name == "New Name"


async def test_a_change_during_a_fetch_is_not_lost() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        source.gate.clear()
        early = asyncio.ensure_future(directory.get(SHOP))
        await settle()
        await source.put(name="New Name")
        await settle()
        source.gate.set()
        assert (await early).name == "My Shop"
        assert (await directory.get(SHOP)).name == "New Name"


async def test_a_deleted_tenant_is_gone() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        await directory.get(SHOP)
        await source.store.delete(SHOP, actor="ana", reason="test")
        await settle()
        with pytest.raises(NotFound) as missing:
            await directory.get(SHOP)
        assert missing.value.reason == "TENANT_NOT_FOUND"


async def test_a_missing_tenant_is_asked_for_once_a_second() -> None:
    source, clock = ScriptedSource(), Clock()
    async with directory_of(source, clock) as directory:
        for _ in range(5):
            with pytest.raises(NotFound):
                await directory.get(SHOP)
        assert source.fetch_count == 1
        await clock.advance(1.0)
        with pytest.raises(NotFound):
            await directory.get(SHOP)
        assert source.fetch_count == 2


async def test_a_tenant_that_was_missing_is_there_once_put() -> None:
    source, clock = ScriptedSource(), Clock()
    async with directory_of(source, clock) as directory:
        with pytest.raises(NotFound):
            await directory.get(SHOP)
        await source.put()
        await settle()
        assert (await directory.get(SHOP)).id == SHOP


async def test_callers_at_the_same_time_share_one_fetch_and_one_may_leave() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        source.gate.clear()
        callers = [asyncio.ensure_future(directory.get(SHOP)) for _ in range(8)]
        await settle()
        callers[0].cancel()
        await settle()
        source.gate.set()
        bundles = await asyncio.gather(*callers[1:])
    assert source.fetch_count == 1
    assert len({id(bundle) for bundle in bundles}) == 1


async def test_the_last_good_bundle_is_served_while_the_store_is_down() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        good = await directory.get(SHOP)
        source.is_down = True
        source.broken.set()
        await settle()
        for _ in range(3):
            assert await directory.get(SHOP) is good
        assert source.fetch_count == 2, "a store that is down is asked once a second"
        with pytest.raises(Unavailable):
            await directory.get(TenantId("never-seen"))


async def test_a_change_while_the_watch_was_down_is_seen_within_a_second() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        await directory.get(SHOP)
        source.is_down = True
        source.broken.set()
        await settle()
        await directory.get(SHOP)
        source.is_down = False
        source.broken.clear()
        await source.put(name="New Name")
        await clock.advance(1.0)
        assert (await directory.get(SHOP)).name == "New Name"
        fetches = source.fetch_count
        await clock.advance(60.0)
        await directory.get(SHOP)
        assert source.fetch_count == fetches, "the watch is back, so nothing is read again"


async def test_a_stored_bundle_that_does_not_parse_leaves_the_last_good_one() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    async with directory_of(source, clock) as directory:
        good = await directory.get(SHOP)
        await source.store.put(SHOP, "id: [", actor="ana", reason="test")
        await settle()
        assert await directory.get(SHOP) is good
        other = TenantId("other-shop")
        await source.store.put(other, bundle_yaml(SHOP), actor="ana", reason="test")
        with pytest.raises(Unavailable) as invalid:
            await directory.get(other)
        assert invalid.value.reason == "TENANT_BUNDLE_INVALID"


async def test_only_the_tenants_used_last_are_kept() -> None:
    source, clock = ScriptedSource(), Clock()
    names = [TenantId(f"shop-{number}") for number in range(3)]
    for name in names:
        await source.put(name)
    async with directory_of(source, clock, max_tenants=2) as directory:
        await directory.get(names[0])
        await directory.get(names[1])
        await directory.get(names[0])
        await directory.get(names[2])
        assert [directory.peek(name) is not None for name in names] == [True, False, True]


async def test_leaving_ends_the_tasks_also_those_that_fetch() -> None:
    source, clock = ScriptedSource(), Clock()
    await source.put()
    before = asyncio.all_tasks()
    async with directory_of(source, clock) as directory:
        source.gate.clear()
        caller = asyncio.ensure_future(directory.get(SHOP))
        await settle()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await settle()
    assert asyncio.all_tasks() == before


async def test_memory_keeps_who_changed_it_and_when() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    store = MemoryTenantStore(now=lambda: moment)
    outcome = await store.put(SHOP, "x", actor="ana", reason="first")
    assert outcome.stored == StoredTenant(SHOP, 1, "x", moment, "ana", "first")
