"""The recorder of usage: it waits for its store, within bounds, and writes when it ends."""

import asyncio
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId
from services.router.adapters.memory_usage import MemoryUsage
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord
from services.router.usage import recording
from services.router.usage.counts import MESSAGES, Batch, Counts, Place
from services.router.usage.recording import UsageRecorder

SHOP = TenantId("shop")
NOON = 1_795_000_000.0
DAY = datetime.datetime.fromtimestamp(NOON, datetime.UTC).date()
TURN = TurnRecord(SHOP, "c1", "t1", Variant.HYBRID, Rung.ASSIGNED, 0.8, NOON)


class AwayStore:
    """A store that can be away; it remembers what it was asked to add."""

    def __init__(self) -> None:
        self.kept = MemoryUsage()
        self.is_away = False
        self.asked: list[Batch] = []

    async def add(self, batch: Batch) -> None:
        self.asked.append(batch)
        if self.is_away:
            raise Unavailable("STORE_UNAVAILABLE", "Away.")
        await self.kept.add(batch)

    async def counts(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Mapping[Place, Counts]:
        return await self.kept.counts(tenant, first, last)

    async def conversations(self, tenant: TenantId, groups: Sequence[Sequence[Place]]) -> Sequence[int]:
        return await self.kept.conversations(tenant, groups)

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        return await self.kept.tenants(first)


async def messages(store: AwayStore) -> int:
    counts = await store.counts(SHOP, DAY, DAY)
    return sum(each.by_name[MESSAGES] for each in counts.values())


async def test_an_outage_delays_counts_and_loses_none() -> None:
    store = AwayStore()
    recorder = UsageRecorder(store)
    store.is_away = True
    for number in range(5):
        recorder.record(replace(TURN, turn_id=f"t{number}"))
        await recorder.flush()
    # Each flush asks once, whatever waits.
    assert len(store.asked) == 5
    store.is_away = False
    await recorder.flush()
    assert await messages(store) == 5


async def test_ending_writes_what_is_counted() -> None:
    store = AwayStore()
    async with UsageRecorder(store, flush_seconds=3600) as recorder:
        recorder.record(TURN)
    assert await messages(store) == 1


async def test_a_flood_of_conversations_in_an_outage_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_MAX_CONVERSATIONS", 3)
    store = AwayStore()
    recorder = UsageRecorder(store)
    for number in range(10):
        recorder.record(replace(TURN, conversation_id=f"c{number}"))
    await recorder.flush()
    assert await messages(store) == 10
    (batch,) = store.asked
    assert [len(seen) for seen in batch.conversations.values()] == [3]


async def test_midnight_divides_a_batch() -> None:
    store = AwayStore()
    recorder = UsageRecorder(store)
    recorder.record(TURN)
    recorder.record(replace(TURN, at=NOON + 86_400))
    await recorder.flush()
    assert [batch.day for batch in store.asked] == [DAY, DAY + datetime.timedelta(1)]


async def test_a_fault_of_the_store_does_not_end_the_writing() -> None:
    class FaultyOnce(AwayStore):
        """Fails once as nobody foresaw."""

        def __init__(self) -> None:
            super().__init__()
            self.is_written = asyncio.Event()

        async def add(self, batch: Batch) -> None:
            await super().add(batch)
            if len(self.asked) == 1:
                raise KeyError("a fault")
            self.is_written.set()

    store = FaultyOnce()
    async with UsageRecorder(store, flush_seconds=0.0) as recorder:
        recorder.record(TURN)
        await store.is_written.wait()
    # The same batch again, under the same id.
    assert len({batch.id for batch in store.asked}) == 1
