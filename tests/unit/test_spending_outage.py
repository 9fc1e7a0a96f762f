"""The ledger while its store is away: calls go on, budgets hold, and no charge is lost."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from libs.common.errors import Exhausted
from libs.common.redis_store import RedisStore
from libs.common.request_context import TenantId
from libs.common.spending.ledger import Allowance, Charge, utc_day
from libs.common.spending.redis_ledger import RETRY_SECONDS, RedisLedger

pytest_plugins = ("tests.redis_fixture",)

SHOP = TenantId("shop")
NOON = 1_795_000_000.0
DAY = utc_day(NOON)
ALLOWANCE = Allowance(daily_tokens=100)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> float:
        return self.at


class Line:
    """The way to a real server, which can be cut."""

    def __init__(self, server: str, place: Path) -> None:
        self._server = server
        self._place = place
        self.url = f"unix://{place}"

    def mend(self) -> None:
        self._place.symlink_to(self._server)


@pytest.fixture
def line(redis_url: str) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="rp-") as folder:
        yield Line(redis_url.removeprefix("unix://"), Path(folder) / "s")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(line: Line, clock: Clock) -> AsyncIterator[RedisLedger]:
    store = RedisStore.connect(line.url, timeout_seconds=5.0)
    yield RedisLedger(store, max_waiting=3, clock=lambda: NOON, now=clock)
    await store.aclose()


def charge(number: int = 1, *, tokens: int = 10) -> Charge:
    return Charge(
        SHOP, "hybrid", "wording", "audrey", "openai", "gpt-4o-mini", tokens, 0, 2, True, NOON, "c1", f"t{number}", 1
    )


async def test_calls_pass_and_this_process_counts_what_they_spend(ledger: RedisLedger) -> None:
    for number in range(2):
        held = await ledger.reserve(SHOP, ALLOWANCE, tokens=40, micro_usd=0)
        await ledger.settle(held, [charge(number, tokens=40)])
    assert ledger.is_down
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, ALLOWANCE, tokens=40, micro_usd=0)


async def test_what_waited_is_written_when_the_store_is_back(ledger: RedisLedger, line: Line) -> None:
    for number in range(3):
        held = await ledger.reserve(SHOP, ALLOWANCE, tokens=10, micro_usd=0)
        await ledger.settle(held, [charge(number)])
    assert ledger.waiting == 3
    assert not await ledger.retry()
    line.mend()
    assert await ledger.retry()
    assert not ledger.is_down
    (row,) = await ledger.rows(SHOP, DAY, DAY)
    assert (row.calls, row.prompt_tokens, row.cost_micro_usd) == (3, 30, 6)


async def test_the_last_known_sums_hold_when_the_store_goes(ledger: RedisLedger, line: Line) -> None:
    line.mend()
    held = await ledger.reserve(SHOP, ALLOWANCE, tokens=90, micro_usd=0)
    await ledger.settle(held, [charge(tokens=90)])
    await ledger._spending._store.aclose()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Exhausted):
        await ledger.reserve(SHOP, ALLOWANCE, tokens=20, micro_usd=0)
    assert ledger.is_down


async def test_calls_do_not_wait_for_a_store_that_is_away(ledger: RedisLedger, line: Line, clock: Clock) -> None:
    """Asked again only after a while, a black hole costs one time-out and not one a call."""
    held = await ledger.reserve(SHOP, ALLOWANCE, tokens=10, micro_usd=0)
    line.mend()
    await ledger.settle(held, [charge()])
    assert ledger.waiting == 1
    clock.at += RETRY_SECONDS
    held = await ledger.reserve(SHOP, ALLOWANCE, tokens=10, micro_usd=0)
    assert not ledger.is_down
    await ledger.settle(held, [charge(2)])
    assert ledger.waiting == 1


async def test_a_full_waiting_room_drops_the_oldest_and_counts_it(ledger: RedisLedger, line: Line) -> None:
    for number in range(5):
        held = await ledger.reserve(SHOP, ALLOWANCE, tokens=1, micro_usd=0)
        await ledger.settle(held, [charge(number, tokens=1), charge(number, tokens=1)])
    assert (ledger.waiting, ledger.dropped_charges) == (3, 4)
    line.mend()
    await ledger.retry()
    assert [each.turn_id for each in await ledger.recent(SHOP, limit=9)] == ["t4", "t4", "t3", "t3", "t2", "t2"]


async def test_ending_writes_what_waits(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    async with RedisLedger(store, clock=lambda: NOON) as ledger:
        held = await ledger.reserve(SHOP, ALLOWANCE, tokens=1, micro_usd=0)
        ledger._away_until = float("inf")  # pyright: ignore[reportPrivateUsage]
        await ledger.settle(held, [charge()])
        assert ledger.waiting == 1
    assert ledger.waiting == 0
    assert len(await ledger.recent(SHOP, limit=9)) == 1
    await store.aclose()


async def test_a_charge_in_redis_is_sealed_for_its_tenant(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    ledger = RedisLedger(store, clock=lambda: NOON)
    held = await ledger.reserve(SHOP, ALLOWANCE, tokens=1, micro_usd=0)
    await ledger.settle(held, [charge()])
    ledger_of = RedisLedger(store, clock=lambda: NOON)
    # Copied under another tenant's key, it opens for nobody.
    platform = store.platform
    await platform.connections.run(("COPY", "spend-recent:{shop}", "spend-recent:{other}"))
    assert list(await ledger_of.recent(TenantId("other"), limit=9)) == []
    assert store.seal_failures == 1
    await store.aclose()
