"""Migrations on a real Redis: records of earlier releases, read by this one's own code before, during and after."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from libs.common.errors import Conflict, PreconditionFailed
from libs.common.migrations.redis_book import RedisBook
from libs.common.migrations.runner import Store, StoreReport, Wish, run_store
from libs.common.migrations.stamp import Progress, Stamp
from libs.common.migrations.step import Migration, Piece
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from libs.common.spending.ledger import nameless
from libs.common.spending.redis_spending import RedisSpending
from libs.common.tenants.redis_source import RedisTenantStore
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.migrations.stores import answers_store
from services.rag.migrations.stores import patterns_store
from services.router.adapters.redis_conversations import RedisConversations
from services.router.conversations import ConversationRef
from services.router.migrations.stores import SCRIPTS, conversations_store
from tests.fakes import old_records
from tests.fakes.redis_dump import dump

pytest_plugins = ("tests.redis_fixture",)

TENANTS = ("shop", "bakery")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore.connect(redis_url, timeout_seconds=5.0)
    yield store
    await store.aclose()


async def migrated(store: Store, **wish: Any) -> StoreReport:
    return await run_store(store, Wish("test", **wish), lambda *_: None)


def changes(report: StoreReport) -> dict[str, dict[str, int]]:
    return {step.migration.name: dict(step.changes) for step in report.steps}


async def fill(redis: RedisStore) -> None:
    for tenant in TENANTS:
        await old_records.put_tenant(redis, tenant)
        await old_records.put_conversation(redis, tenant, "c1", user="u1", state=old_records.AWAITING)
        await old_records.put_conversation(redis, tenant, "c2", user="u1", awaited=False)
        await old_records.put_conversation(redis, tenant, "c3")
        await old_records.of(redis, tenant).command(
            "SADD", old_records.of(redis, tenant).key("conv-user", "u1"), "gone"
        )
        await old_records.put_charge(redis, tenant, conversation="c1")
        await old_records.put_charge(redis, tenant, conversation="c2", cost=9)


EXPECTED = {
    "awaited-slots": {"conversations": 4},
    "customers": {"conversations": 4, "ids of gone conversations": 2},
    "tenants-named": {"tenants": 2},
    "charges-nameless": {"charges": 4},
}


async def test_a_dry_run_counts_what_a_run_then_changes_and_writes_nothing(redis: RedisStore, redis_url: str) -> None:
    await fill(redis)
    before = dump(redis_url)
    counted = await migrated(conversations_store(redis), is_dry=True)
    assert changes(counted) == EXPECTED
    assert counted.has_work
    assert dump(redis_url) == before
    assert changes(await migrated(conversations_store(redis))) == EXPECTED


async def test_a_second_run_writes_nothing_and_repeated_steps_find_nothing(redis: RedisStore, redis_url: str) -> None:
    await fill(redis)
    await migrated(conversations_store(redis))
    after = dump(redis_url)
    second = await migrated(conversations_store(redis))
    assert (second.steps, second.has_work) == ([], False)
    assert dump(redis_url) == after
    again = await migrated(conversations_store(redis), again=True, is_dry=True)
    assert changes(again) == {name: {} for name in EXPECTED}


async def test_what_earlier_releases_wrote_is_read_before_and_after(redis: RedisStore) -> None:
    await fill(redis)
    keeper = RedisConversations(redis)
    ref = ConversationRef(Principal("test", TenantId("shop")), "c1")
    before = await keeper.load(ref, "")
    await migrated(conversations_store(redis))
    after = await keeper.load(ref, "")
    assert (after.version, after.state, list(after.history)) == (before.version, before.state, list(before.history))
    assert after.state == old_records.AWAITING
    assert [message.text for message in after.history] == ["c1 dit 0", "c1 dit 1"]
    redis_shop = old_records.of(redis, "shop")
    assert await redis_shop.hget(redis_shop.key("conv", "c1"), "a") == b"1"
    assert await redis_shop.hget(redis_shop.key("conv", "c2"), "a") == b""
    assert await redis_shop.command("PTTL", redis_shop.key("conv", "c1")) > 0
    listed = await RedisTenantStore(redis).list_tenants()
    assert [(each.tenant, each.version, each.name) for each in listed] == [
        ("bakery", 3, old_records.NAME),
        ("shop", 3, old_records.NAME),
    ]


async def test_deleting_a_migrated_conversation_leaves_its_id_nowhere(redis: RedisStore) -> None:
    """Before the migration the customer's list kept the id of a conversation that was deleted by its id alone."""
    await old_records.put_conversation(redis, "shop", "c1", user="u1")
    await migrated(conversations_store(redis))
    keeper, principal = RedisConversations(redis), Principal("test", TenantId("shop"))
    assert await keeper.delete(ConversationRef(principal, "c1"))
    assert await keeper.conversations_of(principal, "u1") == []


async def test_charges_keep_order_amounts_and_life_and_lose_names(redis: RedisStore) -> None:
    await fill(redis)
    await old_records.put_charge(redis, "shop", conversation=nameless(TenantId("shop"), "c9"), turn="")
    spending, shop = RedisSpending(redis), TenantId("shop")
    before = await spending.recent(shop, limit=10)
    key = old_records.of(redis, "shop").key("spend-recent")
    await migrated(conversations_store(redis))
    after = await spending.recent(shop, limit=10)
    assert after == [
        replace(
            each,
            conversation_id=each.conversation_id
            if len(each.conversation_id) == 24
            else nameless(shop, each.conversation_id),
            turn_id=nameless(shop, each.turn_id),
        )
        for each in before
    ]
    assert await redis.for_tenant(Principal("t", shop)).command("PTTL", key) > 0
    # The next charge goes behind the copied ones.
    await old_records.put_charge(redis, "shop", conversation="", cost=11)
    assert [charge.cost_micro_usd for charge in await spending.recent(shop, limit=1)] == [11]


async def test_a_bundle_that_does_not_parse_is_left_alone(redis: RedisStore) -> None:
    await old_records.put_tenant(redis, "shop", bundle="name: [")
    assert changes(await migrated(conversations_store(redis)))["tenants-named"] == {}
    stored = await RedisTenantStore(redis).fetch(TenantId("shop"))
    assert stored is not None
    assert (stored.bundle_yaml, stored.name) == ("name: [", "")


async def test_answers_are_weighed_once_and_count_against_their_tenants_bytes(redis_url: str) -> None:
    redis = RedisStore.connect(redis_url, db=5, timeout_seconds=5.0)
    try:
        weights = [await old_records.put_answer(redis, "shop", f"e{number}", text="x" * number) for number in (1, 50)]
        owner = Principal("test", TenantId("shop"))
        answers = RedisAnswers(redis)
        assert await answers.size_bytes(owner) == 0
        assert changes(await migrated(answers_store(redis), is_dry=True)) == {"answer-sizes": {"answers": 2}}
        assert changes(await migrated(answers_store(redis))) == {"answer-sizes": {"answers": 2}}
        assert await answers.size_bytes(owner) == sum(weights)
        assert (await answers.read(owner, ["e50"])).entries[0] is not None
        assert await migrated(answers_store(redis), again=True) is not None
        assert await answers.size_bytes(owner) == sum(weights)
        # The cache's own way of forgetting takes the weight back.
        await answers.remove(owner, ["e1", "e50"], now=old_records.NOW)
        assert await answers.size_bytes(owner) == 0
    finally:
        await redis.aclose()


async def test_tenants_with_patterns_are_put_on_the_list(redis_url: str) -> None:
    redis = RedisStore.connect(redis_url, db=4, timeout_seconds=5.0)
    try:
        shop, bakery = old_records.of(redis, "shop"), old_records.of(redis, "bakery")
        await shop.hset(shop.key("patterns:v2"), {"version": 1})
        await bakery.hset(bakery.key("patterns:v2"), {"version": 1})
        await bakery.expire(bakery.key("patterns:v2"), 3600)
        assert changes(await migrated(patterns_store(redis))) == {"listed-tenants": {"tenants": 2}}
        platform = redis.platform
        listed = await platform.command("ZRANGE", platform.key("patterns:v2", "tenants"), 0, -1)
        assert listed == [b"bakery", b"shop"]
    finally:
        await redis.aclose()


async def test_a_prefix_with_signs_of_patterns_finds_its_own_keys_alone(redis_url: str) -> None:
    odd, other = (RedisStore.connect(redis_url, prefix=prefix, timeout_seconds=5.0) for prefix in ("a*[b]:", "axb:"))
    try:
        for store in (odd, other):
            await old_records.put_conversation(store, "shop", "c1", user="u1", awaited=False)
        assert changes(await migrated(conversations_store(odd)))["customers"]["conversations"] == 1
        assert changes(await migrated(conversations_store(other)))["customers"]["conversations"] == 1
    finally:
        await odd.aclose()
        await other.aclose()


class Killed(BaseException):
    """What ends a run without letting it say anything."""


class Interrupted:
    """A migration that dies once `pieces` pieces are done."""

    def __init__(self, inner: Migration, *, pieces: int) -> None:
        self._inner = inner
        self._left = pieces
        self.number, self.name, self.does = inner.number, inner.name, inner.does

    async def size(self) -> int:
        return await self._inner.size()

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        if not self._left:
            raise Killed
        self._left -= 1
        return await self._inner.piece(after, is_dry=is_dry)


async def test_a_run_that_was_killed_goes_on_in_the_next_one_and_nothing_is_left_out(
    redis: RedisStore, redis_url: str
) -> None:
    for number in range(1500):
        await old_records.put_conversation(redis, "shop", f"c{number}", user=f"u{number}", awaited=False, messages=1)
    whole = conversations_store(redis)
    dying = Interrupted(whole.migrations[1], pieces=3)
    with pytest.raises(Killed):
        await migrated(replace(whole, migrations=(whole.migrations[0], dying, *whole.migrations[2:])))
    stamp = await whole.book.read()
    assert stamp is not None
    assert stamp.version == 1
    named = (await migrated(whole)).steps[0]
    assert named.migration.name == "customers"
    assert 0 < named.changes["conversations"] < 1500
    assert changes(await migrated(whole, again=True, is_dry=True))["customers"] == {}


async def test_a_place_of_another_run_of_the_server_means_nothing(redis: RedisStore) -> None:
    await old_records.put_conversation(redis, "shop", "c1", user="u1", awaited=False)
    step = conversations_store(redis).migrations[1]
    assert (await step.piece("0000/12345", is_dry=True)).changes["conversations"] == 1


async def test_of_two_runners_one_is_told_who_runs_and_since_when(redis: RedisStore) -> None:
    first, second = RedisBook(redis, "conversations"), conversations_store(redis)
    await first.claim("job-1/7")
    with pytest.raises(
        Conflict, match=r"job-1/7 has been migrating the store of conversations since \d{4}-"
    ) as refusal:
        await migrated(second)
    assert refusal.value.reason == "MIGRATION_RUNNING"
    await first.release()
    assert (await migrated(second)).has_work


async def test_a_runner_that_was_away_writes_nothing_over_its_successor(redis: RedisStore, redis_url: str) -> None:
    slow, next_one = RedisBook(redis, "conversations"), RedisBook(redis, "conversations")
    await slow.claim("slow")
    await slow.keep(Progress(2, "here"))
    with Redis.from_url(redis_url) as client:
        client.hset("schema:conversations", "until", 1)
    assert await next_one.claim("next") == Progress(2, "here")
    for late in (slow.keep(Progress(2, "old")), slow.write(Stamp(1))):
        with pytest.raises(Conflict) as refusal:
            await late
        assert refusal.value.reason == "MIGRATION_LOST"
    await slow.release()
    await next_one.keep(Progress(3, "further"))
    await next_one.write(Stamp(4))
    assert await next_one.read() == Stamp(4)


async def test_what_an_older_process_wrote_after_the_run_is_found_by_the_next_one_again(redis: RedisStore) -> None:
    store = conversations_store(redis)
    await migrated(store)
    await old_records.put_conversation(redis, "shop", "late", user="u1", awaited=True)
    assert (await migrated(store)).steps == []
    assert changes(await migrated(store, again=True))["customers"]["conversations"] == 1
    assert (await store.book.read() or Stamp(0)).version == store.version


async def test_a_store_of_newer_code_is_refused_only_where_this_code_cannot_read_it(redis: RedisStore) -> None:
    store = conversations_store(redis)
    book = RedisBook(redis, store.name)
    await book.begin(Stamp(9, min_reader=2, written_by="9.0"))
    report = await migrated(store)
    assert (report.has_work, report.steps) == (False, ())
    assert any("newer than the 4 of this code" in fact for fact in report.of_kind("fact"))
    await redis.platform.hset(redis.platform.key("schema", store.name), {"min_reader": 9})
    with pytest.raises(PreconditionFailed, match=r"written by release 9\.0") as refusal:
        await migrated(store, is_dry=True)
    assert refusal.value.reason == "STORE_NEWER"


async def test_inspection_warns_of_a_server_that_forgets_and_strict_refuses_it(redis: RedisStore) -> None:
    report = await migrated(conversations_store(redis), is_dry=True)
    assert report.of_kind("warning") == ["appendonly is no: a crash loses what was acknowledged: set `appendonly yes`"]
    assert any(fact.startswith("Valkey ") for fact in report.of_kind("fact"))
    with pytest.raises(PreconditionFailed, match="appendonly is no") as refusal:
        await migrated(conversations_store(redis), is_strict=True)
    assert refusal.value.reason == "STORE_UNFIT"


async def test_scripts_are_loaded_by_a_run_and_only_asked_for_by_a_dry_one(redis: RedisStore, redis_url: str) -> None:
    digests = [script.sha for script in SCRIPTS.values()]
    with Redis.from_url(redis_url) as client:
        await migrated(conversations_store(redis), is_dry=True)
        assert not any(client.script_exists(*digests))
        await migrated(conversations_store(redis))
        assert all(client.script_exists(*digests))


async def test_a_user_without_permission_is_told_which_one_is_missing(redis: RedisStore, redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.acl_setuser("blind", enabled=True, passwords=["+p"], keys=["*"], commands=["+@all", "-scan"])
    blind = RedisStore.connect(redis_url.replace("unix://", "unix://blind:p@"), timeout_seconds=5.0)
    try:
        with pytest.raises(PreconditionFailed, match="SCAN") as refusal:
            await migrated(conversations_store(blind), is_dry=True)
        assert refusal.value.reason == "STORE_PERMISSION"
    finally:
        await blind.aclose()
        with Redis.from_url(redis_url) as client:
            client.acl_deluser("blind")


class Slow:
    """A migration whose one piece lasts until it is told to end."""

    number, name, does = 1, "slow", "Waits."

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    async def size(self) -> int:
        return 1

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        self.began.set()
        await self.may_end.wait()
        return Piece()


async def test_the_lock_is_held_while_one_piece_takes_its_time(redis: RedisStore, redis_url: str) -> None:
    slow, beats, waits = Slow(), asyncio.Queue[None](), asyncio.Queue[None]()

    async def wait(_: float) -> None:
        waits.put_nowait(None)
        await beats.get()

    store = replace(conversations_store(redis), migrations=(slow,))
    running = asyncio.create_task(run_store(store, Wish("job-1/7"), wait=wait))
    await slow.began.wait()
    with Redis.from_url(redis_url) as client:
        client.hset("schema:conversations", "until", 1)
        await waits.get()
        beats.put_nowait(None)
        await waits.get()
        with pytest.raises(Conflict, match="job-1/7"):
            await migrated(store)
    slow.may_end.set()
    assert [step.migration.name for step in (await running).steps] == ["slow"]
