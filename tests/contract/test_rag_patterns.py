"""Learned patterns behave the same on both stores: memory, and a real Valkey."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from libs.common.errors import InvalidRequest, NotFound, PreconditionFailed
from libs.common.redis_store import RedisStore
from services.rag.adapters.memory_patterns import MemoryPatterns
from services.rag.adapters.redis_patterns import RedisPatterns
from services.rag.patterns.pattern import LearnedPattern, PatternSet
from services.rag.patterns.store import KEPT_VERSIONS, PatternStore
from tests.fakes.pattern_world import SHOP, Clock, Texts, World
from tests.fakes.rag_parts import principal

OWNER = principal("shop")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[PatternStore]:
    if request.param == "memory":
        yield MemoryPatterns(now=clock)
        return
    async with AsyncExitStack() as exits:
        redis = RedisStore.connect(request.getfixturevalue("redis_url"), db=4, timeout_seconds=2.0)
        exits.push_async_callback(redis.aclose)
        yield RedisPatterns(redis, now=clock)


@pytest.fixture
def world(store: PatternStore, clock: Clock) -> World:
    return World(store, Texts(shop=dict(SHOP), other={}), clock)


def some(name: str) -> PatternSet:
    pattern = LearnedPattern("reference", rf"\b(?P<reference>{name}\d\d)\b", "active", 3, 1.0)
    return PatternSet(patterns=(pattern,), documents=("a", "b"), fresh_until=2e6)


async def test_nothing_is_there_at_first(store: PatternStore) -> None:
    held = await store.read(OWNER, whole=True)
    assert (held.version, held.newest, dict(held.history)) == (0, None, {})
    assert await store.count() == 0


async def test_a_set_comes_back_whole_and_versions_follow(store: PatternStore) -> None:
    for version, name in enumerate("ab"):
        assert await store.put(OWNER, some(name), after=version, rewritten={}, ttl_seconds=60)
    held = await store.read(OWNER, whole=True)
    assert held.version == 2
    assert dict(held.history) == {1: some("a"), 2: some("b")}
    assert (await store.read(OWNER)).newest == some("b")
    assert await store.count() == 1


async def test_what_follows_an_older_version_changes_nothing(store: PatternStore) -> None:
    assert await store.put(OWNER, some("a"), after=0, rewritten={}, ttl_seconds=60)
    assert not await store.put(OWNER, some("b"), after=0, rewritten={1: some("c")}, ttl_seconds=60)
    assert dict((await store.read(OWNER, whole=True)).history) == {1: some("a")}


async def test_the_last_ten_versions_are_kept_and_can_be_rewritten(store: PatternStore) -> None:
    for version in range(KEPT_VERSIONS + 2):
        assert await store.put(OWNER, some("a"), after=version, rewritten={}, ttl_seconds=60)
    held = await store.read(OWNER, whole=True)
    assert sorted(held.history) == list(range(3, 13))
    rewritten = dict.fromkeys(held.history, some("b"))
    assert await store.put(OWNER, some("b"), after=12, rewritten=rewritten, ttl_seconds=0)
    assert set((await store.read(OWNER, whole=True)).history.values()) == {some("b")}


async def test_a_touch_makes_older_work_come_too_late(store: PatternStore) -> None:
    assert await store.touch(OWNER, after=0, ttl_seconds=60)
    assert (await store.read(OWNER)).version == 1
    assert not await store.put(OWNER, some("a"), after=0, rewritten={}, ttl_seconds=60)
    assert await store.put(OWNER, some("a"), after=1, rewritten={}, ttl_seconds=60)
    assert not await store.touch(OWNER, after=2, ttl_seconds=60)


async def test_tenants_are_apart(store: PatternStore) -> None:
    await store.put(OWNER, some("a"), after=0, rewritten={}, ttl_seconds=60)
    assert (await store.read(principal("other"))).version == 0


async def test_what_is_learned_is_used_and_generic_patterns_stay_beneath(world: World) -> None:
    before = await world.kinds(OWNER, "Prix : 25.000, a@b.ci")
    lesson = await world.teacher.learn(OWNER)
    after = await world.kinds(OWNER, "Prix : 25.000, a@b.ci")
    assert ("money", "25000") not in before
    assert {("money", "25000"), ("email", "a@b.ci")} <= after
    assert (lesson.version, lesson.document_count, lesson.patterns.country) == (1, 4, "CI")


async def test_a_dry_run_keeps_nothing(world: World) -> None:
    lesson = await world.teacher.learn(OWNER, dry_run=True)
    assert lesson.patterns.active
    assert (await world.store.read(OWNER)).version == 0


async def test_without_documents_nothing_is_learned(world: World) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        await world.teacher.learn(principal("other"))
    assert refused.value.reason == "NO_DOCUMENTS"


async def test_a_deleted_document_is_out_of_every_version(world: World) -> None:
    first = (await world.teacher.learn(OWNER)).patterns
    await world.teacher.learn(OWNER)
    del world.texts.of["shop"]["zones"]
    await world.teacher.documents_gone(OWNER, ["zones"])
    held = await world.store.read(OWNER, whole=True)
    assert sorted(held.history) == [1, 2, 3]
    for patterns in held.history.values():
        shown = [piece.text for each in patterns.patterns for piece in (*each.examples, *each.counter_examples)]
        assert not any(
            text in SHOP["zones"] and text not in "".join(other for name, other in SHOP.items() if name != "zones")
            for text in shown
        )
    support = {each.expression: each.support for each in first.patterns}
    assert all(each.support <= support[each.expression] for each in held.history[3].patterns)
    zone = next(each for each in held.history[3].patterns if "yopougon" in each.expression)
    assert zone.support == 1
    assert zone.status == "candidate"


async def test_what_was_being_learned_when_a_document_went_is_learned_again(world: World) -> None:
    read = world.texts.texts
    deleted = False

    async def delete_meanwhile(*arguments: object, **named: object) -> object:
        nonlocal deleted
        found = await read(*arguments, **named)
        if not deleted:
            deleted = True
            del world.texts.of["shop"]["promo"]
            await world.teacher.documents_gone(OWNER, ["promo"])
        return found

    world.texts.texts = delete_meanwhile
    lesson = await world.teacher.learn(OWNER)
    assert lesson.document_count == 3
    assert world.texts.calls == 2


async def test_imports_are_checked_kept_and_left_alone_until_somebody_learns(world: World) -> None:
    await world.teacher.learn(OWNER)
    good = LearnedPattern("reference", r"\b(?P<reference>bon\d{4})\b", "active", 1, 1.0)
    with pytest.raises(InvalidRequest) as refused:
        await world.curation.put(OWNER, [good, LearnedPattern("prix", r"(\d+)+", "active", 1, 1.0)], reason="r")
    assert refused.value.reason == "PATTERN_UNSAFE"
    assert "prix: (\\d+)+" in refused.value.violations[0].field
    assert (await world.store.read(OWNER)).version == 1
    assert await world.curation.put(OWNER, [good], reason="r") == 2
    assert ("reference", "BON1234") in await world.kinds(OWNER, "bon1234")
    world.clock.seconds += 30 * 86_400
    shelved = await world.shelf.get(OWNER)
    assert not shelved.is_due
    assert (shelved.patterns.actor, shelved.patterns.reason) == (OWNER.subject, "r")


async def test_what_is_exported_comes_back_equal(world: World) -> None:
    learned = (await world.teacher.learn(OWNER)).patterns
    await world.curation.put(OWNER, learned.patterns, reason="r")
    assert (await world.curation.version(OWNER)).patterns.patterns == learned.patterns


async def test_rolling_back_makes_a_new_version_that_equals_the_old(world: World) -> None:
    learned = (await world.teacher.learn(OWNER)).patterns
    await world.curation.put(OWNER, [], reason="r")
    assert await world.curation.roll_back(OWNER, 1, reason="r") == 3
    assert (await world.curation.version(OWNER)).patterns.patterns == learned.patterns
    with pytest.raises(NotFound) as refused:
        await world.curation.roll_back(OWNER, 9, reason="r")
    assert refused.value.reason == "PATTERNS_VERSION_NOT_FOUND"


async def test_stats_count_tenants_in_the_store_and_in_memory(world: World) -> None:
    await world.teacher.learn(OWNER)
    await world.shelf.get(OWNER)
    await world.shelf.get(principal("other"))
    counts = await world.shelf.counts()
    assert (counts.in_store, counts.in_memory) == (1, 1)


async def test_keys_are_the_tenants_own_and_values_are_sealed(redis_url: str) -> None:
    redis = RedisStore.connect(redis_url, db=4, timeout_seconds=2.0)
    patterns = RedisPatterns(redis)
    await patterns.put(OWNER, some("a"), after=0, rewritten={}, ttl_seconds=60)
    mine = redis.for_tenant(OWNER)
    assert 0 < await mine.command("PTTL", "patterns:v2:{shop}") <= 60_000
    stolen = await mine.hget("patterns:v2:{shop}", "v1")
    other = redis.for_tenant(principal("other"))
    assert stolen is not None
    await other.hset("patterns:v2:{other}", {"version": 1, "v1": stolen})
    assert (await patterns.read(principal("other"))).newest is None
    assert redis.seal_failures == 1
    await redis.aclose()
