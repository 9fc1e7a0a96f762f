"""Every store of the rollout behaves the same: memory, and a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise

import pytest

from libs.common.errors import Conflict, Unavailable
from libs.common.redis_store import RedisStore
from services.router.adapters.redis_rollout import RedisRolloutStore
from services.router.rollout import Rollout, RolloutState, Wish
from services.router.rollout.audit import NO_ENTRY, AuditEntry, Head, chained, is_intact
from services.router.rollout.memory_store import MemoryRolloutStore
from services.router.rollout.store import Commit, RolloutStore
from services.router.turn import Variant

WHO = {"actor": "ana", "reason": "test"}
# Gives one more view of the store that a replica would have.
Another = Callable[[], RolloutStore]


@pytest.fixture(params=["memory", "redis"])
async def another(request: pytest.FixtureRequest) -> AsyncIterator[Another]:
    if request.param == "memory":
        shared = MemoryRolloutStore()
        yield lambda: shared
        return
    url = request.getfixturevalue("redis_url")
    async with AsyncExitStack() as exits:

        def connect() -> RolloutStore:
            redis = RedisStore.connect(url, timeout_seconds=2.0)
            exits.push_async_callback(redis.aclose)
            return RedisRolloutStore(redis)

        yield connect


@pytest.fixture
def store(another: Another) -> RolloutStore:
    return another()


def record(tenant: str = "", version: int = 2, percent: float = 5.0) -> RolloutState:
    return RolloutState(tenant=tenant, version=version, percent=percent, source="api", reason="été")


async def put(store: RolloutStore, state: RolloutState, *, request: str = "", outcome: str = "") -> Commit:
    head = (await store.read("")).head
    entry = AuditEntry(
        sequence=0, tenant=state.tenant, at_ms=1, actor="ana", action="a", reason="r", before="", after=state.to_json()
    )
    commit = Commit(head, record=state, entry=chained(entry, head), request=request, outcome=outcome)
    assert await store.append(commit)
    return commit


async def test_nothing_is_there_at_first(store: RolloutStore) -> None:
    kept = await store.read("shop", "request")
    assert (kept.head.sequence, kept.head.hash, kept.record, kept.everybody, kept.outcome) == (0, "", None, None, "")
    assert await store.entries(before=0, count=10) == []
    assert (await store.follow("one", NO_ENTRY, wait_seconds=0.0)).records == []


async def test_what_is_appended_is_read_beside_what_holds_for_all(store: RolloutStore) -> None:
    await put(store, record())
    commit = await put(store, record("shop", percent=7.5), request="r1", outcome='{"a":"é"}')
    kept = await store.read("shop", "r1")
    assert (kept.record, kept.everybody, kept.outcome) == (record("shop", percent=7.5), record(), '{"a":"é"}')
    assert commit.entry is not None
    assert kept.head == commit.entry.head
    assert (await store.read("other", "r2")).record is None


async def test_what_does_not_follow_the_newest_entry_changes_nothing(store: RolloutStore) -> None:
    first = await put(store, record())
    again = replace(first, record=record(version=9), request="r1", outcome="x")
    assert not await store.append(again)
    assert not await store.append(replace(again, after=replace(first.after, sequence=1, hash="forged")))
    kept = await store.read("", "r1")
    assert (kept.record, kept.head.sequence, kept.outcome) == (record(), 1, "")
    assert len(await store.entries(before=0, count=10)) == 1


async def test_an_outcome_or_an_entry_can_come_alone(store: RolloutStore) -> None:
    first = await put(store, record())
    assert first.entry is not None
    assert await store.append(Commit(first.entry.head, request="r1", outcome="nothing changed"))
    assert (await store.read("", "r1")).outcome == "nothing changed"
    assert (await store.read("")).head == first.entry.head
    note = chained(replace(first.entry, action="note"), first.entry.head)
    assert await store.append(Commit(first.entry.head, entry=note))
    changes = await store.follow("one", first.entry.head, wait_seconds=0.0)
    assert (changes.head, changes.records) == (note.head, [])


async def heads(store: RolloutStore) -> list[Head]:
    """The place of each entry, from nothing on."""
    return [NO_ENTRY, *(each.head for each in (await store.entries(before=0, count=1000))[::-1])]


async def test_a_follower_gets_the_newest_of_what_changed(store: RolloutStore) -> None:
    for version in (2, 3):
        await put(store, record(version=version))
    await put(store, record("shop"))
    known = await heads(store)
    everything = await store.follow("one", NO_ENTRY, wait_seconds=0.0)
    assert (everything.head, everything.lost) == (known[3], False)
    assert sorted(each.tenant for each in everything.records) == ["", "shop"]
    assert (await store.follow("one", known[2], wait_seconds=0.0)).records == [record("shop")]
    assert (await store.follow("one", known[3], wait_seconds=0.0)).records == []


@pytest.mark.parametrize("known", [Head(8, "x"), Head(3, "x"), Head(1, "x")])
async def test_a_follower_learns_that_the_store_lost_what_it_knew(store: RolloutStore, known: Head) -> None:
    for tenant in ("", "shop", ""):
        await put(store, record(tenant))
    lost = await store.follow("one", known, wait_seconds=0.0)
    assert (lost.lost, lost.head.sequence, len(lost.records)) == (True, 3, 2)


async def test_hundreds_of_tenants_come_in_pieces(store: RolloutStore) -> None:
    for number in range(250):
        await put(store, record(f"shop-{number}"))
    known, seen = NO_ENTRY, set[str]()
    while True:
        changes = await store.follow("one", known, wait_seconds=0.0)
        assert not changes.lost
        seen |= {each.tenant for each in changes.records}
        if changes.head == known:
            break
        known = changes.head
    assert (known.sequence, len(seen)) == (250, 250)


async def test_a_follower_that_waits_hears_at_once(another: Another) -> None:
    one, two = another(), another()
    await one.follow("one", NO_ENTRY, wait_seconds=0.001)
    waiting = asyncio.create_task(one.follow("one", NO_ENTRY, wait_seconds=60.0))
    async with asyncio.timeout(10):
        await put(two, record())
        assert (await waiting).head.sequence == 1


async def test_a_wait_without_news_ends_by_itself(store: RolloutStore) -> None:
    for _ in range(3):
        assert (await store.follow("one", NO_ENTRY, wait_seconds=0.02)).records == []


async def test_replicas_say_how_far_they_are(another: Another) -> None:
    one, two = another(), another()
    await put(one, record())
    first = (await heads(one))[1]
    await one.follow("one", NO_ENTRY, wait_seconds=0.0)
    await two.follow("two", first, wait_seconds=0.0)
    assert await one.replicas() == {"one": 0, "two": 1}
    await one.follow("one", first, wait_seconds=0.0)
    assert await two.replicas() == {"one": 1, "two": 1}


async def test_entries_are_paged_from_the_newest(store: RolloutStore) -> None:
    for version in range(2, 7):
        await put(store, record(version=version))
    assert [each.sequence for each in await store.entries(before=0, count=2)] == [5, 4]
    assert [each.sequence for each in await store.entries(before=4, count=2)] == [3, 2]
    assert [each.sequence for each in await store.entries(before=2, count=9)] == [1]
    assert await store.entries(before=1, count=9) == []
    assert is_intact(await store.entries(before=0, count=9), head=(await store.read("")).head)


async def replicas(another: Another, count: int, exits: AsyncExitStack) -> list[Rollout]:
    made = [Rollout(store=another(), replica=f"replica-{number}") for number in range(count)]
    return [await exits.enter_async_context(each) for each in made]


async def agreed(rollouts: list[Rollout], version: int, tenant: str = "") -> None:
    """Waits until every replica is at `version`."""
    async with asyncio.timeout(10):
        for each in rollouts:
            async for state in each.watch(tenant):
                if state.version >= version:
                    break


async def toggled(rollout: Rollout, version: int) -> int | None:
    """Returns the version a toggle came to, None when another was faster."""
    try:
        return (await rollout.toggle(expected_version=version, **WHO)).state.version
    except Conflict:
        return None


async def test_of_toggles_at_once_one_wins_each_version(another: Another) -> None:
    """Linearizability of the flag: each round four replicas toggle what they all saw."""
    async with AsyncExitStack() as exits:
        rollouts = await replicas(another, 4, exits)
        versions = [1]
        for _ in range(12):
            await agreed(rollouts, versions[-1])
            results = await asyncio.gather(*(toggled(each, versions[-1]) for each in rollouts for _ in range(2)))
            winners = [each for each in results if each is not None]
            assert len(winners) == 1
            versions += winners
        assert versions == list(range(1, 14))
        page = await rollouts[0].audit(size=200)
        assert page.is_intact
        history = [
            (RolloutState.from_json(each.before), RolloutState.from_json(each.after)) for each in page.entries[::-1]
        ]
        assert [after.version for _, after in history] == versions[1:]
        assert [after.hybrid_enabled for _, after in history] == [True, False] * 6
        assert all(older[1] == newer[0] for older, newer in pairwise(history))


async def test_the_last_writer_wins_without_a_version_and_none_is_lost(another: Another) -> None:
    async with AsyncExitStack() as exits:
        rollouts = await replicas(another, 4, exits)
        await asyncio.gather(*(each.toggle(**WHO) for each in rollouts for _ in range(5)))
        await agreed(rollouts, 21)
        assert {(each.state().version, each.state().hybrid_enabled) for each in rollouts} == {(21, False)}
        assert (await rollouts[2].audit(size=200)).is_intact


async def test_of_rollbacks_at_once_one_succeeds(another: Another) -> None:
    async with AsyncExitStack() as exits:
        rollouts = await replicas(another, 4, exits)
        await rollouts[0].set_rollout("shop", Wish(percent=10.0), **WHO)
        await agreed(rollouts, 2, "shop")
        evidence = {"harm": {"error": 812.5}}
        results = await asyncio.gather(
            *(each.roll_back("shop", reason="errors", evidence=evidence) for each in rollouts for _ in range(2))
        )
        assert results.count(True) == 1
        await agreed(rollouts, 3, "shop")
        assert all(each.state("shop").needs_acknowledgement for each in rollouts)
        assert all(each.assignment("shop", "c").variant is Variant.CLASSIC for each in rollouts)
        newest = (await rollouts[1].audit("shop", size=1)).entries[0]
        assert (newest.actor, newest.action) == ("guard", "automatic_rollback")
        assert '"evidence":{"harm":{"error":812.5}}' in newest.after


async def test_a_repeated_request_gets_the_first_answer_and_changes_nothing(another: Another) -> None:
    async with AsyncExitStack() as exits:
        one, two = await replicas(another, 2, exits)
        first = await one.enable(request_id="r1", **WHO)
        await two.disable(**WHO)
        again = await two.enable(request_id="r1", **WHO)
        assert (first.changed, again.changed, again.state.hybrid_enabled) == (True, True, False)
        idle = await two.disable(request_id="r2", **WHO)
        await one.enable(**WHO)
        assert (idle.changed, (await one.disable(request_id="r2", **WHO)).changed) == (False, False)
        assert one.state().hybrid_enabled


async def test_disable_tells_who_follows_already(another: Another) -> None:
    async with AsyncExitStack() as exits:
        rollouts = await replicas(another, 3, exits)
        await rollouts[0].enable(**WHO)
        await agreed(rollouts, 2)
        change = await rollouts[0].disable(emergency=True, **WHO)
        assert (change.changed, change.state.source) == (True, "kill_switch")
        assert change.propagated_to == ("replica-0", "replica-1", "replica-2")
        assert change.pending == ()
        assert all(each.state().emergency for each in rollouts)


async def test_redis_that_is_not_there_is_a_store_that_does_not_answer(tmp_path: object) -> None:
    redis = RedisStore.connect(f"unix://{tmp_path}/none")
    with pytest.raises(Unavailable) as fault:
        await RedisRolloutStore(redis).read("")
    assert fault.value.reason == "STORE_UNAVAILABLE"
    await redis.aclose()


@pytest.mark.parametrize("garbage", [b"\xff", b"{}", b"[1]"])
async def test_what_this_version_cannot_read_is_a_store_that_does_not_answer(redis_url: str, garbage: bytes) -> None:
    redis = RedisStore.connect(redis_url, timeout_seconds=2.0)
    await redis.platform.hset("rollout:state", {"*": garbage})
    with pytest.raises(Unavailable):
        await RedisRolloutStore(redis).read("")
    await redis.aclose()
