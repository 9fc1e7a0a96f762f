"""What every keeper of conversations must do, on the one in memory and on the one in a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from libs.common.errors import InvalidRequest, Unavailable
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
        yield MemoryConversations(history_messages=4)
        return
    store = RedisStore.connect(request.getfixturevalue("redis_url"), timeout_seconds=2.0)
    try:
        yield RedisConversations(store, history_messages=4)
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
        Message(turn_id, "bot", f"réponse {turn_id}", (), 1001.0),
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
        for keeper in (MemoryConversations(history_messages=0), RedisConversations(store, history_messages=0)):
            await keeper.commit(ref(), commit(0))
            snapshot = await keeper.load(ref(), "t1")
            assert (snapshot.version, list(snapshot.history), snapshot.first_reply) == (1, [], reply())
            assert snapshot.first_stored is keeper.stored
    finally:
        await store.aclose()


async def test_reply_with_a_foreign_seal_does_not_stand_in_its_turns_way(redis_url: str) -> None:
    store = RedisStore.connect(redis_url, timeout_seconds=2.0)
    try:
        keeper, redis = RedisConversations(store), store.for_tenant(ref().principal)
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
        keeper = RedisConversations(store)
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
        keeper, redis = RedisConversations(store), store.for_tenant(ref().principal)
        for number in range(5):
            await keeper.commit(ref(), commit(number, f"t{number}"))
        keys = [redis.key("conv-reply", f"c1/t{number}") for number in range(5)]
        assert None not in await redis.mget(*keys)
        assert await keeper.delete(ref())
        assert await redis.mget(*keys) == [None] * 5
        assert await keeper.page(ref(), size=1, token="") is None
    finally:
        await store.aclose()
