"""The canary: silent on a store that keeps tenants apart, loud on one that mixes them, honest when a probe fails."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from libs.common.errors import Unavailable
from libs.common.request_context import Principal, TenantId
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.canary import CANARY_TENANTS, Canary
from services.cache.counters import Counters
from services.cache.entries import Entry, Row
from services.cache.statistics import Statistics
from services.cache.store import Changes, Snapshot
from tests.fakes.cache_world import CacheWorld, FixedPolicies

OPERATOR = Principal(subject="test", tenant=None, is_operator=True)
ONE_SHELF = Principal(subject="test", tenant=TenantId("everybody"))
QUESTION = "Combien coûte la livraison à Cocody ?"


class LeakyAnswers(MemoryAnswers):
    """Forgets whose answers it keeps: every tenant reads and writes one shelf."""

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        return await super().read(ONE_SHELF, entry_ids)

    async def changes(self, owner: Principal, since: int | None) -> Changes:
        return await super().changes(ONE_SHELF, since)

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        return await super().write(ONE_SHELF, entry, row, now=now)


class KeylessAnswers(MemoryAnswers):
    """Answers every read with the entry that was written last, whoever asks and whatever for."""

    last: Entry | None = None

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        self.last = entry
        return await super().write(owner, entry, row, now=now)

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        return Snapshot(0, 0, tuple(self.last for _ in entry_ids))


class LostAnswers(MemoryAnswers):
    """Says that it keeps, and keeps nothing."""

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        return 1


class FullAnswers(MemoryAnswers):
    """Takes no write."""

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        raise Unavailable("STORE_UNAVAILABLE", "The fake store was told to fail.")


class Turns:
    """A wait that ends when the test says so."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[float] = asyncio.Queue()
        self.next = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.begun.put_nowait(seconds)
        await self.next.wait()
        self.next.clear()


def canary_of(world: CacheWorld, *, every_seconds: float = 60.0, turns: Turns | None = None) -> Canary:
    return Canary(
        world.answers, world.keeping, world.counters, every_seconds=every_seconds, wait=turns or asyncio.sleep
    )


def statistics_of(world: CacheWorld, store: MemoryAnswers, counters: Counters) -> Statistics:
    return Statistics(store, store, counters, policies=FixedPolicies(), now=world.clock)


async def test_tenants_that_are_apart_raise_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryAnswers()
    world = CacheWorld(store, store)
    canary = canary_of(world)
    assert canary.complaint != ""
    for _ in range(3):
        await canary.probe()
        assert canary.complaint == ""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(("broken", "leaks"), [(LeakyAnswers, 2), (KeylessAnswers, 2)])
async def test_a_store_that_mixes_tenants_is_an_alarm_that_stays_and_shows_no_content(
    broken: type[MemoryAnswers], leaks: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = broken()
    world = CacheWorld(store, store)
    canary = Canary(world.answers, world.keeping, world.counters, every_seconds=60.0, marker=lambda: "zwxqvkjb")
    await canary.probe()
    alarms = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    everything = await statistics_of(world, store, world.counters).of_all(OPERATOR)
    assert "given what only another tenant keeps" in canary.complaint
    assert len(alarms) == 1
    assert "zwxqvkjb" not in caplog.text
    assert everything.canary_leaks == leaks
    store.__class__ = MemoryAnswers
    await canary.probe()
    assert "given what only another tenant keeps" in canary.complaint


@pytest.mark.parametrize("store", [LostAnswers(), FullAnswers()])
async def test_a_probe_whose_owner_is_not_served_proves_nothing(store: MemoryAnswers) -> None:
    canary = canary_of(CacheWorld(store, store))
    await canary.probe()
    assert "proved nothing" in canary.complaint


async def test_a_probe_without_embeddings_proves_nothing_and_the_next_may() -> None:
    store = MemoryAnswers()
    world = CacheWorld(store, store)
    canary = canary_of(world)
    for failed_calls in (1, 2, 3, 4):
        world.embedder.fail_times = failed_calls
        await canary.probe()
        assert "proved nothing" in canary.complaint
        assert world.embedder.fail_times == 0
    await canary.probe()
    assert canary.complaint == ""


async def test_markers_are_in_no_statistic_of_companies() -> None:
    store = MemoryAnswers()
    world = CacheWorld(store, store)
    await world.keep("company_A", QUESTION, "1 500 F.")
    await world.look_up("company_A", QUESTION)
    await canary_of(world).probe()
    everything = await statistics_of(world, store, world.counters).of_all(OPERATOR)
    assert set(await store.tenants()) > CANARY_TENANTS
    assert (everything.tenants_with_entries, everything.entries, everything.hit_rate_percent) == (1, 1, 100.0)


async def test_it_probes_again_after_each_wait_and_stops_with_the_block() -> None:
    store = MemoryAnswers()
    world = CacheWorld(store, store)
    turns = Turns()
    async with canary_of(world, every_seconds=7.0, turns=turns) as canary:
        for _ in range(3):
            assert await turns.begun.get() == 7.0
            assert canary.complaint == ""
            turns.next.set()
        await turns.begun.get()
        calls = len(world.embedder.calls)
    assert calls > 0
    assert len(world.embedder.calls) == calls
    assert canary.complaint != ""


async def test_an_interval_of_zero_never_probes() -> None:
    store = MemoryAnswers()
    world = CacheWorld(store, store)
    async with canary_of(world, every_seconds=0.0) as canary:
        pass
    assert world.embedder.calls == []
    assert "No probe" in canary.complaint
