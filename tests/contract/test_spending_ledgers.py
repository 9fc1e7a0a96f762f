"""What every ledger must do, on the one in memory and on the one in a real Redis."""

import asyncio
import datetime
import random
from collections.abc import AsyncIterator

import pytest

from libs.common.errors import Exhausted
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.spending.ledger import RESERVATION_SECONDS, Allowance, Charge, Reservation
from libs.common.spending.memory_ledger import MemoryLedger
from libs.common.spending.open_ledger import ReadableLedger
from libs.common.spending.redis_ledger import RedisLedger

pytest_plugins = ("tests.redis_fixture",)

SHOP, OTHER = TenantId("shop"), TenantId("other")
DAY = datetime.date(2026, 11, 20)
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC).timestamp()


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "redis"])
async def ledger(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[ReadableLedger]:
    if request.param == "memory":
        yield MemoryLedger(clock=clock)
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=5.0)
    try:
        yield RedisLedger(store, clock=clock)
    finally:
        await store.aclose()


def charge(
    *,
    tenant: TenantId = SHOP,
    prompt: int = 100,
    completion: int = 20,
    cost: int = 27,
    used: bool = True,
    at: float = NOON,
    component: str = "wording",
    turn: str = "t1",
    known: bool = True,
) -> Charge:
    return Charge(
        tenant,
        "hybrid",
        component,
        "audrey",
        "openai",
        "gpt-4o-mini",
        prompt,
        completion,
        cost,
        used,
        at,
        "c1",
        turn,
        1,
        known,
    )


async def test_a_call_over_the_tokens_of_the_day_is_refused_until_midnight(ledger: ReadableLedger) -> None:
    allowance = Allowance(daily_tokens=100)
    await ledger.reserve(SHOP, allowance, tokens=60, micro_usd=0)
    with pytest.raises(Exhausted) as refused:
        await ledger.reserve(SHOP, allowance, tokens=41, micro_usd=0)
    assert refused.value.reason == "BUDGET_SPENT"
    assert refused.value.retry_after_seconds == 12 * 3600
    # Exactly what is left fits, and another tenant has its own.
    await ledger.reserve(SHOP, allowance, tokens=40, micro_usd=0)
    await ledger.reserve(OTHER, allowance, tokens=100, micro_usd=0)


async def test_money_that_is_spent_still_lets_a_free_model_answer(ledger: ReadableLedger) -> None:
    allowance = Allowance(daily_micro_usd=50)
    await ledger.settle(await ledger.reserve(SHOP, allowance, tokens=10, micro_usd=50), [charge(cost=50)])
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=10, micro_usd=1)
    await ledger.reserve(SHOP, allowance, tokens=10_000, micro_usd=0)


async def test_settling_gives_back_what_was_held_and_counts_what_was_charged(ledger: ReadableLedger) -> None:
    allowance = Allowance(daily_tokens=200)
    held = await ledger.reserve(SHOP, allowance, tokens=200, micro_usd=0)
    await ledger.settle(held, [charge(prompt=50, completion=10)])
    await ledger.reserve(SHOP, allowance, tokens=140, micro_usd=0)
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=1, micro_usd=0)


async def test_a_call_that_cost_more_than_was_held_counts_whole(ledger: ReadableLedger) -> None:
    allowance = Allowance(daily_tokens=200)
    await ledger.settle(await ledger.reserve(SHOP, allowance, tokens=1, micro_usd=0), [charge(prompt=190)])
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=1, micro_usd=0)


async def test_a_reservation_that_nobody_settles_ends(ledger: ReadableLedger, clock: Clock) -> None:
    """A process may be killed between the two steps; the budget must not stay locked."""
    allowance = Allowance(daily_tokens=100, daily_micro_usd=100)
    late = await ledger.reserve(SHOP, allowance, tokens=100, micro_usd=100)
    clock.at += RESERVATION_SECONDS - 1
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=1, micro_usd=0)
    clock.at += 1
    again = await ledger.reserve(SHOP, allowance, tokens=70, micro_usd=70)
    # The late one is charged all the same, and takes nothing from who holds now.
    await ledger.settle(late, [charge(prompt=20, completion=10, cost=30)])
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=1, micro_usd=0)
    await ledger.settle(again, [])
    await ledger.reserve(SHOP, allowance, tokens=70, micro_usd=70)


async def test_midnight_utc_begins_a_new_budget(ledger: ReadableLedger, clock: Clock) -> None:
    allowance = Allowance(daily_tokens=100)
    held = await ledger.reserve(SHOP, allowance, tokens=100, micro_usd=0)
    clock.at += 12 * 3600
    await ledger.reserve(SHOP, allowance, tokens=100, micro_usd=0)
    # Settled after midnight: the tokens are the old day's, whose budget held them.
    await ledger.settle(held, [charge(at=clock.at)])
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=1, micro_usd=0)


async def test_settling_twice_counts_once(ledger: ReadableLedger) -> None:
    held = await ledger.reserve(SHOP, Allowance(daily_tokens=1000), tokens=120, micro_usd=27)
    for _ in range(3):
        await ledger.settle(held, [charge()])
    (row,) = await ledger.rows(SHOP, DAY, DAY)
    assert (row.calls, row.prompt_tokens, row.cost_micro_usd) == (1, 100, 27)
    assert len(await ledger.recent(SHOP, limit=10)) == 1


async def test_sums_keep_apart_what_was_spent_on_what(ledger: ReadableLedger) -> None:
    tomorrow = NOON + 86_400
    await ledger.settle(
        await ledger.reserve(SHOP, Allowance(), tokens=0, micro_usd=0),
        [
            charge(used=False, prompt=80, completion=5, cost=15),
            charge(),
            charge(component="embedding", prompt=9, completion=0, cost=0, known=False),
            charge(at=tomorrow, cost=1),
        ],
    )
    await ledger.settle(await ledger.reserve(OTHER, Allowance(), tokens=0, micro_usd=0), [charge(tenant=OTHER, cost=5)])
    rows = {(row.day, row.component): row for row in await ledger.rows(SHOP, DAY, DAY)}
    wording, embedding = rows[DAY, "wording"], rows[DAY, "embedding"]
    assert (wording.variant, wording.agent, wording.tier, wording.model) == (
        "hybrid",
        "audrey",
        "openai",
        "gpt-4o-mini",
    )
    # A dead attempt costs its money, and its tokens are wasted rather than a completion's.
    assert (wording.calls, wording.cost_micro_usd, wording.wasted_tokens) == (2, 42, 85)
    assert (wording.prompt_tokens, wording.completion_tokens) == (100, 20)
    assert (embedding.calls, embedding.unpriced_calls, embedding.cost_micro_usd) == (1, 1, 0)
    assert len(rows) == 2
    assert [
        row.cost_micro_usd for row in await ledger.rows(SHOP, DAY + datetime.timedelta(1), DAY.replace(day=30))
    ] == [1]
    assert list(await ledger.tenants(DAY)) == [OTHER, SHOP]
    assert list(await ledger.tenants(DAY + datetime.timedelta(1))) == [SHOP]


async def test_recent_charges_come_newest_first_and_whole(ledger: ReadableLedger) -> None:
    for turn in ("t1", "t2", "t3"):
        held = await ledger.reserve(SHOP, Allowance(), tokens=0, micro_usd=0)
        await ledger.settle(held, [charge(turn=turn)])
    assert list(await ledger.recent(SHOP, limit=2)) == [charge(turn="t3"), charge(turn="t2")]
    assert list(await ledger.recent(OTHER, limit=2)) == []


async def test_under_two_hundred_calls_at_once_with_cancellations_the_sums_are_what_was_charged(
    ledger: ReadableLedger,
) -> None:
    """A caller may leave at any moment; what its call cost is owed all the same."""
    dice = random.Random(7)
    allowance = Allowance(daily_tokens=1_000_000)
    owed: list[Charge] = []

    async def call(number: int) -> None:
        held: Reservation = await ledger.reserve(SHOP, allowance, tokens=200, micro_usd=50)
        charges: list[Charge] = []
        try:
            for attempt in range(number % 3):
                charges.append(charge(prompt=number, cost=number, used=attempt == 0, turn=f"t{number}"))
                await asyncio.sleep(0)
        finally:
            owed.extend(charges)
            await ledger.settle(held, charges)

    tasks = [asyncio.create_task(call(number)) for number in range(200)]
    for _ in range(40):
        for task in dice.sample(tasks, 2):
            task.cancel()
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
    assert any(outcomes)
    if isinstance(ledger, RedisLedger):
        assert await ledger.retry()
    (row,) = await ledger.rows(SHOP, DAY, DAY)
    assert row.calls == len(owed)
    assert row.cost_micro_usd == sum(each.cost_micro_usd for each in owed)
    assert row.prompt_tokens == sum(each.prompt_tokens for each in owed if each.used)
    assert row.wasted_tokens == sum(each.tokens for each in owed if not each.used)
    # Nothing is held any more but by calls that were cancelled before they knew that they held something.
    left = 1_000_000 - sum(each.tokens for each in owed)
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, allowance, tokens=left + 1, micro_usd=0)
