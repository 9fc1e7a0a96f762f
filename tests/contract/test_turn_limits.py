"""What limits of turns must do, counted in memory and in a real Redis."""

import random
from collections.abc import AsyncIterator

import pytest

from libs.common.errors import ErrorKind, Exhausted, FieldViolation, Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from libs.common.tenants.bundle import Limits
from services.router.adapters.memory_limits import MemoryLimits
from services.router.adapters.redis_limits import RedisLimits
from services.router.turn_limits import OverLimit, TurnBuckets, TurnLimits

pytest_plugins = ("tests.redis_fixture",)

SHOP, OTHER = Principal("test", TenantId("shop")), Principal("test", TenantId("other"))
LIMITS = Limits(user_per_minute=3, tenant_per_minute=5)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.at = 1_795_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    yield store
    await store.aclose()


@pytest.fixture(params=["memory", "redis"])
def buckets(request: pytest.FixtureRequest, clock: Clock) -> TurnBuckets:
    if request.param == "memory":
        return MemoryLimits(clock=clock)
    return RedisLimits(request.getfixturevalue("store"), clock=clock)


async def test_a_customer_over_the_limit_waits_and_others_do_not(buckets: TurnBuckets, clock: Clock) -> None:
    for _ in range(3):
        assert await buckets.take(SHOP, "u1", LIMITS) is None
    assert await buckets.take(SHOP, "u1", LIMITS) == OverLimit("user", 20.0)
    assert await buckets.take(SHOP, "u2", LIMITS) is None
    assert await buckets.take(OTHER, "u1", LIMITS) is None
    clock.at += 20
    assert await buckets.take(SHOP, "u1", LIMITS) is None


async def test_a_refused_turn_consumes_nothing_of_either_limit(buckets: TurnBuckets) -> None:
    for _ in range(3):
        await buckets.take(SHOP, "u1", LIMITS)
    for _ in range(50):
        assert await buckets.take(SHOP, "u1", LIMITS) == OverLimit("user", 20.0)
    # Two of the tenant's five are left, then the tenant's limit refuses customers who have their own left.
    assert await buckets.take(SHOP, "u2", LIMITS) is None
    assert await buckets.take(SHOP, "u3", LIMITS) is None
    for _ in range(50):
        assert await buckets.take(SHOP, "u2", LIMITS) == OverLimit("tenant", 12.0)


async def test_turns_without_a_customer_count_for_the_tenant_alone(buckets: TurnBuckets) -> None:
    for _ in range(5):
        assert await buckets.take(SHOP, "", LIMITS) is None
    assert await buckets.take(SHOP, "", LIMITS) == OverLimit("tenant", 12.0)


async def test_a_customer_named_like_a_key_takes_nobody_elses(buckets: TurnBuckets) -> None:
    for _ in range(3):
        await buckets.take(SHOP, "{other}:u1", LIMITS)
    assert await buckets.take(OTHER, "u1", LIMITS) is None
    assert await buckets.take(SHOP, "{other}:u1", LIMITS) == OverLimit("user", 20.0)


async def test_memory_and_script_decide_alike_on_random_sequences(store: RedisStore, clock: Clock) -> None:
    dice = random.Random(11)
    for round_number in range(12):
        limits = Limits(user_per_minute=dice.randint(1, 300), tenant_per_minute=dice.randint(1, 900))
        principal = Principal("test", TenantId(f"shop-{round_number}"))
        memory, redis = MemoryLimits(clock=clock), RedisLimits(store, clock=clock)
        pace = dice.choice((0.001, 0.05, 1.0))
        for _ in range(120):
            clock.at += dice.expovariate(1 / pace)
            user = dice.choice(("", "u1", "u2"))
            assert await memory.take(principal, user, limits) == await redis.take(principal, user, limits)


async def test_the_servers_own_clock_serves_replicas(store: RedisStore) -> None:
    one, other = RedisLimits(store), RedisLimits(store)
    limits = Limits(user_per_minute=2)
    assert await one.take(SHOP, "u1", limits) is None
    assert await other.take(SHOP, "u1", limits) is None
    over = await one.take(SHOP, "u1", limits)
    assert over is not None
    assert over.subject == "user"
    assert 0 < over.retry_after_seconds <= 30
    # An idle customer leaves nothing behind: a key lives until its bucket is full again.
    redis = store.for_tenant(SHOP)
    assert 0 < await redis.command("PTTL", redis.key("limit-user", "u1")) <= 60_000


async def test_the_refusal_names_whose_limit_and_when_to_come_back(clock: Clock) -> None:
    limits = TurnLimits(None, MemoryLimits(clock=clock))
    for _ in range(3):
        await limits.admit(SHOP, "u1", LIMITS)
    with pytest.raises(Exhausted) as refused:
        await limits.admit(SHOP, "u1", LIMITS)
    error = refused.value
    assert (error.kind, error.reason, error.retry_after_seconds) == (ErrorKind.EXHAUSTED, "RATE_LIMITED", 20.0)
    assert error.violations == (FieldViolation("user", "at most 3 turns a minute"),)


async def test_without_its_store_this_process_counts_alone_and_asks_again_later(clock: Clock) -> None:
    nowhere = RedisStore.connect("unix:///nowhere/redis.sock")
    monotonic = Clock()
    limits = TurnLimits(RedisLimits(nowhere), MemoryLimits(clock=clock), now=monotonic)
    for _ in range(3):
        await limits.admit(SHOP, "u1", LIMITS)
    assert limits.is_down
    with pytest.raises(Exhausted):
        await limits.admit(SHOP, "u1", LIMITS)
    await nowhere.aclose()


async def test_a_store_that_is_back_decides_again(redis_url: str, clock: Clock) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    shared = Failing(RedisLimits(store, clock=clock))
    monotonic = Clock()
    limits = TurnLimits(shared, MemoryLimits(clock=clock), now=monotonic)
    shared.fails = True
    for _ in range(3):
        await limits.admit(SHOP, "u1", LIMITS)
    assert shared.asked == 1
    shared.fails = False
    monotonic.at += 1
    await limits.admit(SHOP, "u1", LIMITS)
    assert not limits.is_down
    assert shared.asked == 2
    await store.aclose()


class Failing:
    """Buckets that answer, or do not."""

    def __init__(self, buckets: TurnBuckets) -> None:
        self._buckets = buckets
        self.fails = False
        self.asked = 0

    async def take(self, principal: Principal, user_id: str, limits: Limits) -> OverLimit | None:
        self.asked += 1
        if self.fails:
            raise Unavailable("STORE_UNAVAILABLE", "Away.")
        return await self._buckets.take(principal, user_id, limits)
