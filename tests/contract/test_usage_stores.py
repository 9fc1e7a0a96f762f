"""What usage must count, kept in memory and in a real Redis."""

import datetime
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from libs.common.errors import InvalidRequest, Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.spending.ledger import Allowance, Charge
from libs.common.spending.memory_ledger import MemoryLedger
from services.router.adapters.memory_usage import MemoryUsage
from services.router.adapters.redis_usage import RedisUsage
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord
from services.router.usage.counts import Batch, UsageStore
from services.router.usage.query import UsageLine, UsageQuery, UsageQuestion
from services.router.usage.recording import UsageRecorder

pytest_plugins = ("tests.redis_fixture",)

SHOP, OTHER = TenantId("shop"), TenantId("other")
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC).timestamp()
DAY = datetime.date(2026, 11, 20)
DAY_SECONDS = 86_400.0
TURN = TurnRecord(
    SHOP, "c1", "t1", Variant.HYBRID, Rung.ASSIGNED, 0.8, NOON, agent="audrey", confidence=0.9, llm_tier="groq"
)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[UsageStore]:
    if request.param == "memory":
        yield MemoryUsage()
        return
    redis = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=5.0)
    yield RedisUsage(redis)
    await redis.aclose()


async def counted(store: UsageStore, *turns: TurnRecord) -> None:
    recorder = UsageRecorder(store)
    for turn in turns:
        recorder.record(turn)
    await recorder.flush()


async def ask(
    store: UsageStore,
    *group_by: str,
    tenant: TenantId | None = SHOP,
    first: datetime.date = DAY,
    last: datetime.date = DAY,
    ledger: MemoryLedger | None = None,
) -> list[UsageLine]:
    query = UsageQuery(store, ledger or MemoryLedger(), clock=lambda: NOON)
    return list(await query.ask(UsageQuestion(tenant, first, last, group_by)))


async def test_what_happened_in_turns_is_counted(store: UsageStore) -> None:
    await counted(
        store,
        TURN,
        replace(TURN, turn_id="t2", failed=True, confidence=0.5),
        replace(TURN, turn_id="t3", conversation_id="c2", escalated=True, confidence=0.0),
        replace(TURN, turn_id="t4", conversation_id="c3", cache_hit=True, seconds=0.02, confidence=0.0),
    )
    (line,) = await ask(store)
    assert (line.messages, line.errors, line.escalations, line.cache_hits) == (4, 1, 1, 1)
    assert line.conversations == 3
    assert line.counts.mean_confidence == pytest.approx(0.7)
    assert line.seconds(0.5) == pytest.approx(0.8, rel=0.05)
    assert line.seconds(0.25) == pytest.approx(0.02, rel=0.05)


async def test_groups_keep_turns_apart_and_count_a_conversation_once_in_each(store: UsageStore) -> None:
    await counted(
        store,
        TURN,
        replace(TURN, agent="carole"),
        replace(TURN, assigned=Variant.CLASSIC, conversation_id="c2"),
        replace(TURN, at=NOON + DAY_SECONDS),
        replace(TURN, at=NOON + DAY_SECONDS, llm_tier="openai"),
    )
    later = DAY + datetime.timedelta(1)
    by_variant = await ask(store, "variant", last=later)
    assert [(line.group["variant"], line.messages, line.conversations) for line in by_variant] == [
        ("classic", 1, 1),
        ("hybrid", 4, 1),
    ]
    by_day = await ask(store, "day", "agent", last=later)
    assert [(*line.group.values(), line.messages) for line in by_day] == [
        ("2026-11-20", "audrey", 2),
        ("2026-11-20", "carole", 1),
        ("2026-11-21", "audrey", 2),
    ]
    assert [line.group["tier"] for line in await ask(store, "tier", last=later)] == ["groq", "openai"]
    (only_first_day,) = await ask(store)
    assert only_first_day.messages == 3


async def test_a_long_time_of_many_groups_is_counted_whole(store: UsageStore) -> None:
    """More places than are merged or read in one step."""
    first = DAY - datetime.timedelta(29)
    turns = [
        replace(TURN, agent=f"a{agent}", conversation_id=f"c{day % 7}", at=NOON - day * DAY_SECONDS)
        for day in range(30)
        for agent in range(8)
    ]
    await counted(store, *turns)
    (line,) = await ask(store, first=first)
    assert (line.messages, line.conversations) == (240, 7)
    by_agent = await ask(store, "agent", first=first)
    assert [(line.messages, line.conversations) for line in by_agent] == [(30, 7)] * 8
    assert len(await ask(store, "day", "agent", first=first)) == 240


async def test_processes_add_up_and_all_tenants_are_found(store: UsageStore) -> None:
    await counted(store, TURN)
    await counted(store, replace(TURN, conversation_id="c2"), replace(TURN, tenant=OTHER))
    assert [
        (line.group["tenant"], line.messages, line.conversations) for line in await ask(store, "tenant", tenant=None)
    ] == [
        ("other", 1, 1),
        ("shop", 2, 2),
    ]
    (total,) = await ask(store, tenant=None)
    assert (total.messages, total.conversations) == (3, 3)
    assert list(await store.tenants(DAY + datetime.timedelta(1))) == []


async def test_a_batch_that_is_sent_twice_counts_once(store: UsageStore) -> None:
    twice = Stuttering(store)
    recorder = UsageRecorder(twice)
    recorder.record(TURN)
    await recorder.flush()
    # The store took it and its answer was lost; meanwhile another turn ended.
    recorder.record(replace(TURN, turn_id="t2"))
    await recorder.flush()
    (line,) = await ask(store)
    assert line.messages == 2


async def test_money_comes_from_the_ledger_also_where_no_turn_ended(store: UsageStore) -> None:
    ledger = MemoryLedger(clock=lambda: NOON)

    def charge(component: str, tier: str, *, used: bool = True) -> Charge:
        return Charge(SHOP, "hybrid", component, "audrey", tier, "gpt-4o-mini", 100, 20, 27, used, NOON, "c1", "t1", 1)

    held = await ledger.reserve(SHOP, Allowance(), tokens=0, micro_usd=0)
    await ledger.settle(
        held, [charge("wording", "openai", used=False), charge("wording", "groq"), charge("rerank", "")]
    )
    await counted(store, TURN)
    by_tier = {line.group["tier"]: line for line in await ask(store, "tier", ledger=ledger)}
    assert (by_tier["groq"].messages, by_tier["groq"].calls, by_tier["groq"].prompt_tokens) == (1, 1, 100)
    assert (by_tier["openai"].messages, by_tier["openai"].wasted_tokens) == (0, 120)
    assert by_tier["openai"].cost_usd == pytest.approx(0.000027)
    by_component = await ask(store, "component", ledger=ledger)
    assert [(line.group["component"], line.messages, line.calls) for line in by_component] == [
        ("rerank", 0, 1),
        ("wording", 0, 2),
    ]


async def test_nothing_used_is_one_empty_line_or_none(store: UsageStore) -> None:
    (line,) = await ask(store)
    assert (line.group, line.messages, line.cost_usd, line.seconds(0.5)) == ({}, 0, 0.0, 0.0)
    assert await ask(store, "day") == []
    # Far away days are not read one by one.
    assert await ask(store, "day", first=datetime.date(1971, 1, 1), last=datetime.date(2020, 1, 1)) == []


@pytest.mark.parametrize("group_by", [("variant", "colour"), ("day", "day")])
async def test_an_unknown_group_is_refused_with_its_place(store: UsageStore, group_by: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await ask(store, *group_by)
    assert refused.value.reason == "UNKNOWN_GROUP"
    assert refused.value.violations[0].field == "group_by[1]"


async def test_a_span_that_ends_before_it_begins_is_refused(store: UsageStore) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await ask(store, last=DAY - datetime.timedelta(1))
    assert refused.value.violations[0].field == "end_time"


class Stuttering:
    """A store whose first answer is lost after it did its work."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._lost = False

    async def add(self, batch: Batch) -> None:
        await self._store.add(batch)
        if not self._lost:
            self._lost = True
            raise Unavailable("STORE_UNAVAILABLE", "The answer was lost.")

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)
