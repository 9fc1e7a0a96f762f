"""What every keeper of conversations must do, on the one in memory and on the one in a real Redis."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from libs.common.errors import Conflict, InvalidRequest, Unavailable
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from services.router.adapters import redis_conversations
from services.router.adapters.memory_conversations import MemoryConversations
from services.router.adapters.redis_conversations import RedisConversations
from services.router.conversations import (
    AlreadyAnswered,
    Appended,
    Commit,
    Committed,
    ConversationRef,
    Conversations,
    SlotAwaited,
    Superseded,
    deletion_mark,
)
from services.router.turn import (
    NO_STATE,
    Attachment,
    CacheOutcome,
    FlowState,
    Message,
    Reply,
    Rung,
    SlotValue,
    Source,
    Stored,
    Usage,
    Variant,
)

pytest_plugins = ("tests.redis_fixture",)

STATE = FlowState(
    flow_id="commande",
    phase="collecting",
    slots={"photo": SlotValue("sha", "t1", needs_review=True), "zone": SlotValue("Cocody", "t2")},
    asks={"tel": 2},
    awaiting_slot="tel",
    event_count=4,
    proof_digests=("a" * 64,),
    order_id="o-1",
)


@pytest.fixture(params=["memory", "redis"])
async def keeper(request: pytest.FixtureRequest) -> AsyncIterator[Conversations]:
    if request.param == "memory":
        yield MemoryConversations(history_messages=4, first_version=lambda: 1)
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=2.0)
    try:
        yield RedisConversations(store, history_messages=4, first_version=lambda: 1)
    finally:
        await store.aclose()


def ref(conversation: str = "c1", *, tenant: str = "shop") -> ConversationRef:
    return ConversationRef(Principal("test", TenantId(tenant)), conversation)


def reply(turn_id: str = "t1", *, state: FlowState = STATE) -> Reply:
    return Reply(
        text="Votre numéro ?",
        turn_id=turn_id,
        variant=Variant.HYBRID,
        rung=Rung.OTHER_ENGINE,
        state=state,
        cache=CacheOutcome(miss_reason="NO_CANDIDATE"),
        served_by=Variant.CLASSIC,
        agent="vente",
        confidence=0.75,
        reasoning="parce que",
        reasons=("DEADLINE_EXCEEDED",),
        sources=(Source("doc", 2, "Tarifs", 0.5),),
        usage=Usage(10, 5, 1, 7),
        action="ask_phone",
        llm_tier="lm_studio",
        trace_id="f" * 32,
    )


def commit(
    base: int, turn_id: str = "t1", *, state: FlowState = STATE, keep_reply: bool = True, user_id: str = ""
) -> Commit:
    messages = (
        Message(turn_id, "customer", f"question {turn_id}", (Attachment("image", "u", "b" * 64, "ma photo"),), 1000.5),
        Message(turn_id, "bot", f"réponse {turn_id}", (), 1001.0, "ask_phone", "d" * 64),
    )
    return Commit(base, messages, reply(turn_id, state=state), keep_reply, user_id)


async def test_nothing_is_known_of_a_new_conversation(keeper: Conversations) -> None:
    snapshot = await keeper.load(ref(), "t1")
    assert (snapshot.version, snapshot.state, list(snapshot.history), snapshot.first_reply) == (0, NO_STATE, [], None)
    assert await keeper.page(ref(), size=10, token="") is None


async def test_everything_of_a_turn_comes_back(keeper: Conversations) -> None:
    change = commit(0)
    assert await keeper.commit(ref(), change) == Committed(keeper.stored)
    snapshot = await keeper.load(ref(), "t1")
    assert (snapshot.version, snapshot.state, tuple(snapshot.history)) == (1, STATE, change.messages)
    assert snapshot.first_reply == change.reply
    assert (await keeper.load(ref(), "t2")).first_reply is None


async def test_only_the_version_that_was_read_can_be_changed(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0, "t1"))
    assert await keeper.commit(ref(), commit(0, "t2")) == Superseded()
    assert await keeper.commit(ref(), commit(2, "t2")) == Superseded()
    assert isinstance(await keeper.commit(ref(), commit(1, "t2")), Committed)
    assert (await keeper.load(ref(), "")).version == 2


async def test_first_reply_stands_when_the_turn_comes_again(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0, "t1"))
    for base in (0, 1):
        again = await keeper.commit(ref(), commit(base, "t1", state=NO_STATE))
        assert again == AlreadyAnswered(reply("t1"), keeper.stored)
    assert (await keeper.load(ref(), "")).version == 1


async def test_reply_is_kept_only_when_asked_for(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0, "t1", keep_reply=False))
    assert (await keeper.load(ref(), "t1")).first_reply is None


async def test_commits_at_once_win_one_by_one(keeper: Conversations) -> None:
    async def until_kept(turn_id: str) -> None:
        while True:
            version = (await keeper.load(ref(), "")).version
            assert version is not None
            if isinstance(await keeper.commit(ref(), commit(version, turn_id)), Committed):
                return

    await asyncio.gather(*(until_kept(f"t{number}") for number in range(10)))
    page = await keeper.page(ref(), size=100, token="")
    assert page is not None
    assert (await keeper.load(ref(), "")).version == 10
    assert sorted(each.turn_id for each in page.messages if each.author == "bot") == [f"t{n}" for n in range(10)]


async def test_history_is_the_newest_and_pages_go_back_to_the_first(keeper: Conversations) -> None:
    for number in range(5):
        await keeper.commit(ref(), commit(number, f"t{number}"))
    history = (await keeper.load(ref(), "")).history
    assert [each.turn_id for each in history] == ["t3", "t3", "t4", "t4"]
    seen: list[str] = []
    token = ""
    while True:
        page = await keeper.page(ref(), size=4, token=token)
        assert page is not None
        seen = [each.turn_id for each in page.messages] + seen
        token = page.next_page_token
        if not token:
            break
        # A turn in between moves no page.
        await keeper.commit(ref("other"), commit(0, "x"))
    assert seen == ["t0", "t0", "t1", "t1", "t2", "t2", "t3", "t3", "t4", "t4"]
    assert page.state == STATE


@pytest.mark.parametrize("token", ["-1", "x", "1.5", "9" * 10, "²"])
async def test_made_up_token_is_refused(keeper: Conversations, token: str) -> None:
    await keeper.commit(ref(), commit(0))
    with pytest.raises(InvalidRequest):
        await keeper.page(ref(), size=4, token=token)


async def test_deleted_conversation_is_gone_with_its_replies(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0, "t1"))
    await keeper.commit(ref(), commit(1, "t2"))
    assert await keeper.delete(ref())
    assert not await keeper.delete(ref())
    snapshot = await keeper.load(ref(), "t1")
    assert (snapshot.version, snapshot.first_reply, list(snapshot.history)) == (0, None, [])
    # A turn that was being answered meanwhile begins anew.
    assert await keeper.commit(ref(), commit(2, "t3")) == Superseded()


async def test_amended_reply_keeps_what_was_heard_and_nothing_else_changes(keeper: Conversations) -> None:
    for number in range(3):
        await keeper.commit(ref(), commit(number, f"t{number}"))
    before = await keeper.load(ref(), "t1")
    assert await keeper.amend(ref(), "t1", "réponse")
    assert await keeper.amend(ref(), "t1", "réponse") is False
    snapshot = await keeper.load(ref(), "t1")
    assert (snapshot.version, snapshot.state, snapshot.first_reply) == (before.version, before.state, reply("t1"))
    page = await keeper.page(ref(), size=10, token="")
    assert page is not None
    assert [each.text for each in page.messages if each.author == "bot"] == ["réponse t0", "réponse", "réponse t2"]
    assert [each.text for each in page.messages if each.author != "bot"] == [f"question t{n}" for n in range(3)]
    amended = next(each for each in page.messages if each.turn_id == "t1" and each.author == "bot")
    assert (amended.action, amended.state_digest, amended.created_at) == ("ask_phone", "d" * 64, 1001.0)
    # Nothing of it was heard.
    assert await keeper.amend(ref(), "t1", "")


async def test_only_a_beginning_of_a_known_reply_is_amended(keeper: Conversations) -> None:
    assert await keeper.amend(ref(), "t1", "") is None
    await keeper.commit(ref(), commit(0))
    for heard in ("ponse", "réponse t1 et plus", "question"):
        with pytest.raises(InvalidRequest, match="NOT_A_BEGINNING"):
            await keeper.amend(ref(), "t1", heard)
    assert await keeper.amend(ref(), "t2", "") is None
    assert await keeper.amend(ref(tenant="other"), "t1", "") is None
    # Others may follow it.
    for number in range(60):
        await keeper.commit(ref(), commit(number + 1, f"x{number}"))
    assert await keeper.amend(ref(), "t1", "rép")


async def test_turns_and_an_amendment_at_once_lose_nothing(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0, state=NO_STATE))
    turns = [keeper.append(ref(), commit(0, f"a{number}", state=NO_STATE)) for number in range(5)]
    await asyncio.gather(*turns[:3], keeper.amend(ref(), "t1", "rép"), *turns[3:])
    page = await keeper.page(ref(), size=50, token="")
    assert page is not None
    assert len(page.messages) == 12
    assert [each.text for each in page.messages if each.turn_id == "t1"] == ["question t1", "rép"]


async def test_conversations_of_a_customer(keeper: Conversations) -> None:
    for conversation in ("c1", "c2"):
        await keeper.commit(ref(conversation), commit(0, user_id="+225:awa"))
    await keeper.commit(ref("c3"), commit(0, user_id="koffi"))
    await keeper.commit(ref("c4"), commit(0))
    assert sorted(await keeper.conversations_of(ref().principal, "+225:awa")) == ["c1", "c2"]
    assert list(await keeper.conversations_of(ref(tenant="other").principal, "+225:awa")) == []


async def test_tenants_with_the_same_ids_never_meet(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0))
    stranger = await keeper.load(ref(tenant="other"), "t1")
    assert (stranger.version, stranger.first_reply, list(stranger.history)) == (0, None, [])
    assert not await keeper.delete(ref(tenant="other"))
    assert (await keeper.load(ref(), "")).version == 1


async def test_ids_that_look_like_each_other_never_meet(keeper: Conversations) -> None:
    """Conversation `a:b` with turn `c`, and `a` with turn `b:c`."""
    await keeper.commit(ref("a:b"), commit(0, "c"))
    assert (await keeper.load(ref("a"), "b:c")).version == 0
    await keeper.commit(ref("a"), commit(0, "x"))
    assert (await keeper.load(ref("a"), "b:c")).first_reply is None


async def test_appended_turn_leaves_the_state_as_it_is(keeper: Conversations) -> None:
    idle = replace(STATE, awaiting_slot="")
    await keeper.commit(ref(), commit(0, state=idle))
    # Neither the version nor the state of an appended turn is looked at.
    change = commit(0, "t2", state=NO_STATE)
    assert await keeper.append(ref(), change) == Appended(keeper.stored, idle, 2)
    snapshot = await keeper.load(ref(), "t2")
    assert (snapshot.version, snapshot.state) == (2, idle)
    assert [each.turn_id for each in snapshot.history] == ["t1", "t1", "t2", "t2"]
    assert snapshot.first_reply == reply("t2", state=idle)
    assert await keeper.append(ref(), change) == AlreadyAnswered(reply("t2", state=idle), keeper.stored)
    # A turn that was read before the appended one is superseded by it.
    assert await keeper.commit(ref(), commit(1, "t3")) == Superseded()


async def test_appended_turn_begins_a_conversation(keeper: Conversations) -> None:
    assert await keeper.append(ref(), commit(0, "t1", state=NO_STATE)) == Appended(keeper.stored, NO_STATE, 1)
    snapshot = await keeper.load(ref(), "t1")
    assert (snapshot.version, snapshot.state, snapshot.first_reply) == (1, NO_STATE, reply(state=NO_STATE))


async def test_nothing_is_appended_while_a_slot_is_awaited(keeper: Conversations) -> None:
    await keeper.commit(ref(), commit(0))
    assert await keeper.append(ref(), commit(0, "t2")) == SlotAwaited()
    snapshot = await keeper.load(ref(), "t2")
    assert (snapshot.version, snapshot.first_reply, len(snapshot.history)) == (1, None, 2)
    await keeper.commit(ref(), commit(1, "t2", state=replace(STATE, awaiting_slot="")))
    assert isinstance(await keeper.append(ref(), commit(0, "t3")), Appended)


async def test_what_a_conversation_began_with_stays(keeper: Conversations) -> None:
    await keeper.append(ref(), commit(0, "t0", state=NO_STATE))
    assert (await keeper.load(ref(), "")).began_with is None
    began = replace(commit(1, "t1", state=NO_STATE), began_with=Variant.CLASSIC, began_at=1_763_700_000.25)
    await keeper.commit(ref(), began)
    await keeper.commit(ref(), replace(commit(2, "t2", state=NO_STATE), began_with=Variant.HYBRID, began_at=2e9))
    await keeper.append(ref(), commit(0, "t3", state=NO_STATE))
    snapshot = await keeper.load(ref(), "")
    assert (snapshot.began_with, snapshot.began_at) == (Variant.CLASSIC, 1_763_700_000.25)


async def test_turn_that_read_a_deleted_conversation_does_not_change_the_next_one(redis_url: str) -> None:
    """A conversation that begins anew reaches the version that was read, and is not the one that was read."""
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        for keeper in (MemoryConversations(), RedisConversations(store)):
            await keeper.commit(ref(), commit(0, "t1"))
            read = (await keeper.load(ref(), "")).version
            assert read is not None
            assert await keeper.delete(ref())
            assert await keeper.commit(ref(), commit(0, "t2", state=NO_STATE)) == Committed(keeper.stored)
            assert await keeper.commit(ref(), commit(read, "t3")) == Superseded()
            snapshot = await keeper.load(ref(), "")
            assert (snapshot.state, [each.turn_id for each in snapshot.history]) == (NO_STATE, ["t2", "t2"])
    finally:
        await store.aclose()


async def test_commits_and_a_deletion_at_once_leave_a_whole_conversation_or_none(keeper: Conversations) -> None:
    """A turn comes wholly before the deletion or wholly after it: version, messages and replies always agree."""

    async def until_kept(turn_id: str) -> None:
        while True:
            version = (await keeper.load(ref(), "")).version
            assert version is not None
            if isinstance(await keeper.commit(ref(), commit(version, turn_id, user_id="awa")), Committed):
                return

    async def delete() -> None:
        with contextlib.suppress(Conflict):
            await keeper.delete(ref())

    for round_number in range(5):
        turns = [f"r{round_number}t{number}" for number in range(6)]
        work = [until_kept(turn_id) for turn_id in turns]
        await asyncio.gather(*work[:3], delete(), *work[3:], delete())
        snapshot = await keeper.load(ref(), "")
        page = await keeper.page(ref(), size=200, token="")
        said = [each.turn_id for each in page.messages if each.author == "bot"] if page else []
        assert snapshot.version == len(said)
        for turn_id in said:
            assert (await keeper.load(ref(), turn_id)).first_reply is not None
        assert list(await keeper.conversations_of(ref().principal, "awa")) == (["c1"] if said else [])
        await keeper.delete(ref())


async def test_deletions_are_told_to_other_replicas_without_ids(keeper: Conversations) -> None:
    began = time.time()
    await keeper.commit(ref("c1"), commit(0))
    for conversation in ("c1", "c2"):
        await keeper.delete(ref(conversation))
    deleted = await keeper.deleted_since(began - 60)
    assert set(deleted) == {deletion_mark(ref("c1")), deletion_mark(ref("c2"))}
    assert all(abs(at - began) < 60 for at in deleted.values())
    assert await keeper.deleted_since(began + 60) == {}
    assert deletion_mark(ref("c1", tenant="other")) not in deleted


async def test_customers_list_forgets_what_is_deleted(keeper: Conversations) -> None:
    for conversation in ("c1", "c2"):
        for number, user in enumerate(("awa", "koffi")):
            await keeper.commit(ref(conversation), commit(number, f"t{number}", user_id=user))
    await keeper.delete(ref("c1"))
    for user in ("awa", "koffi"):
        assert list(await keeper.conversations_of(ref().principal, user)) == ["c2"]


async def test_expired_conversation_leaves_the_customers_list_with_the_deletion(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        keeper, redis = RedisConversations(store), store.for_tenant(ref().principal)
        await keeper.commit(ref(), commit(0, user_id="awa"))
        await redis.delete(redis.key("conv", "c1"), redis.key("conv-messages", "c1"))
        assert list(await keeper.conversations_of(ref().principal, "awa")) == ["c1"]
        assert not await keeper.delete(ref(), user_id="awa")
        assert list(await keeper.conversations_of(ref().principal, "awa")) == []
    finally:
        await store.aclose()


async def test_commit_says_how_long_a_conversation_is_kept(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    keeper = RedisConversations(store, retention_days=30)
    try:
        await keeper.commit(ref("c0"), commit(0, user_id="awa"))
        await keeper.commit(ref(), replace(commit(0, user_id="awa"), retention_seconds=2 * 86_400))
        tenant = store.for_tenant(ref().principal)
        lives = [await tenant.command("TTL", tenant.key(kind, "c1")) for kind in ("conv", "conv-messages")]
        assert all(seconds in range(172_790, 172_801) for seconds in lives)
        # The customer's list lives as long as the longest of the conversations in it.
        assert await tenant.command("TTL", tenant.key("conv-user", "awa")) > 29 * 86_400
    finally:
        await store.aclose()


async def test_conversation_in_memory_ends_when_its_last_commit_said() -> None:
    seconds = 0.0
    keeper = MemoryConversations(now=lambda: seconds)
    await keeper.commit(ref(), replace(commit(0), retention_seconds=100))
    seconds = 99.0
    assert (await keeper.load(ref(), "")).version
    seconds = 100.0
    assert (await keeper.load(ref(), "")).version == 0
    assert await keeper.page(ref(), size=1, token="") is None
    assert not await keeper.delete(ref())


async def test_values_of_another_conversation_are_not_read_in_redis(redis_url: str) -> None:
    """A value that turns up under another key, as after a mistake in the store, is treated as absent."""
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    keeper = RedisConversations(store)
    try:
        await keeper.commit(ref("mine"), commit(0))
        await keeper.commit(ref("theirs"), commit(0))
        tenant = store.for_tenant(ref().principal)
        for kind in ("conv", "conv-messages"):
            await tenant.command("COPY", tenant.key(kind, "theirs"), tenant.key(kind, "mine"), "REPLACE")
        snapshot = await keeper.load(ref("mine"), "")
        assert (snapshot.state, list(snapshot.history)) == (NO_STATE, [])
        assert store.seal_failures >= 3
    finally:
        await store.aclose()


async def test_conversations_expire_in_redis(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    keeper = RedisConversations(store, retention_days=2)
    try:
        await keeper.commit(ref(), commit(0, user_id="awa"))
        tenant = store.for_tenant(ref().principal)
        ids = {"conv": "c1", "conv-messages": "c1", "conv-user": "awa", "conv-reply": "c1/t1"}
        lives = {kind: await tenant.command("TTL", tenant.key(kind, each)) for kind, each in ids.items()}
        assert lives.pop("conv-reply") in range(86_390, 86_401)
        assert all(seconds in range(172_790, 172_801) for seconds in lives.values())
    finally:
        await store.aclose()


async def test_redis_that_is_not_there_is_named() -> None:
    store = RedisStore.connect("redis://127.0.0.1:1/0")
    try:
        with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
            await RedisConversations(store).load(ref(), "t1")
    finally:
        await store.aclose()


def test_kinds_of_stored() -> None:
    assert (MemoryConversations.stored, RedisConversations.stored) == (Stored.MEMORY, Stored.DURABLE)


async def test_no_history_is_read_where_none_is_wanted(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        for keeper in (
            MemoryConversations(history_messages=0, first_version=lambda: 1),
            RedisConversations(store, history_messages=0, first_version=lambda: 1),
        ):
            await keeper.commit(ref(), commit(0))
            snapshot = await keeper.load(ref(), "t1")
            assert (snapshot.version, list(snapshot.history), snapshot.first_reply) == (1, [], reply())
            assert snapshot.first_stored is keeper.stored
    finally:
        await store.aclose()


async def test_reply_with_a_foreign_seal_does_not_stand_in_its_turns_way(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        keeper, redis = RedisConversations(store, first_version=lambda: 1), store.for_tenant(ref().principal)
        for turn_id in ("t1", "t2"):
            key = redis.key("conv-reply", f"c1/{turn_id}")
            await redis.set(key, b"\x00\x00\x00\x05wrong")
        assert (await keeper.load(ref(), "t1")).first_reply is None
        assert await keeper.commit(ref(), commit(0, "t1", state=NO_STATE)) == Committed(keeper.stored)
        assert isinstance(await keeper.append(ref(), commit(1, "t2", state=NO_STATE)), Appended)
        assert (await keeper.load(ref(), "t1")).first_reply == reply("t1", state=NO_STATE)
    finally:
        await store.aclose()


async def test_scripts_that_the_server_forgot_are_sent_again(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        keeper = RedisConversations(store, first_version=lambda: 1)
        for number in range(3):
            assert isinstance(await keeper.commit(ref(), commit(number, f"t{number}")), Committed)
            assert (await keeper.load(ref(), "")).version == number + 1
            await store.platform.command("SCRIPT", "FLUSH")
        assert await keeper.delete(ref())
    finally:
        await store.aclose()


async def test_long_conversation_is_deleted_with_every_reply(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_conversations, "_DELETE_PIECE", 3)
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        keeper, redis = RedisConversations(store, first_version=lambda: 1), store.for_tenant(ref().principal)
        for number in range(5):
            await keeper.commit(ref(), commit(number, f"t{number}"))
        keys = [redis.key("conv-reply", f"c1/t{number}") for number in range(5)]
        assert None not in await redis.mget(*keys)
        assert await keeper.delete(ref())
        assert await redis.mget(*keys) == [None] * 5
        assert await keeper.page(ref(), size=1, token="") is None
    finally:
        await store.aclose()
