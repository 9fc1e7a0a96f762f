"""Counting shadowed turns: the same on the memory and on the Redis adapter."""

from collections.abc import AsyncIterator

import pytest

from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from services.router.adapters.memory_shadow import MemoryShadowCounts
from services.router.adapters.redis_shadow import RedisShadowCounts
from services.router.shadow.pairs import MAX_DIFFERING_TURNS, ShadowCounts, ShadowPair, ShadowReport, Sums

pytest_plugins = ("tests.redis_fixture",)

SHOP, BAKERY = (Principal(f"dev:{name}", TenantId(name)) for name in ("shop", "bakery"))


@pytest.fixture(params=["memory", "redis"])
async def counts(request: pytest.FixtureRequest) -> AsyncIterator[ShadowCounts]:
    if request.param == "memory":
        yield MemoryShadowCounts()
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=2)
    yield RedisShadowCounts(store)
    await store.aclose()


def pair(turn: str, *, principal: Principal = SHOP, conversation: str = "c1", same: bool = True) -> ShadowPair:
    return ShadowPair(
        principal,
        conversation,
        turn,
        same_state=same,
        same_ask=True,
        served=Sums(1_500_000, 100, 20),
        shadow=Sums(500_000, 40, 0),
    )


async def test_nothing_is_counted_at_first(counts: ShadowCounts) -> None:
    assert await counts.report(SHOP) == await counts.report(None) == ShadowReport()


async def test_sums_are_kept_for_each_tenant_and_for_all(counts: ShadowCounts) -> None:
    await counts.add(pair("t1"))
    await counts.add(pair("t2", same=False))
    await counts.add(ShadowPair(SHOP, "c1", "t3", failed=True))
    await counts.add(pair("t1", principal=BAKERY))
    assert await counts.report(SHOP) == ShadowReport(
        pairs=2,
        same_state=1,
        same_ask=2,
        failed=1,
        served=Sums(3_000_000, 200, 40),
        shadow=Sums(1_000_000, 80, 0),
        differing_turns=("c1 t2",),
    )
    everybody = await counts.report(None)
    assert (everybody.pairs, everybody.same_state, everybody.failed) == (3, 2, 1)
    assert everybody.differing_turns == ()


async def test_newest_differing_turns_are_kept(counts: ShadowCounts) -> None:
    for number in range(MAX_DIFFERING_TURNS + 5):
        await counts.add(pair(f"t{number}", same=False))
    turns = (await counts.report(SHOP)).differing_turns
    assert (len(turns), turns[0], turns[-1]) == (MAX_DIFFERING_TURNS, "c1 t54", "c1 t5")


async def test_deleted_conversation_leaves_no_name(counts: ShadowCounts) -> None:
    for conversation in ("c1", "c10", "c1"):
        await counts.add(pair("t1", conversation=conversation, same=False))
    await counts.add(pair("t1", principal=BAKERY, same=False))
    await counts.forget(SHOP, "c1")
    assert (await counts.report(SHOP)).differing_turns == ("c10 t1",)
    assert (await counts.report(BAKERY)).differing_turns == ("c1 t1",)
    assert (await counts.report(SHOP)).pairs == 3
