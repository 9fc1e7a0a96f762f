"""Conversations in Redis: read in one script, changed in one script, every value sealed with its tenant and key.

A conversation is a hash (`v` version, `s` sealed state, `a` 1 while a slot is awaited) and a list of sealed messages. A
kept reply has a key of its own, because replies live for 24 hours and conversations for weeks. All keys of a tenant
share a cluster slot.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast, overload

from libs.common.errors import Unavailable
from libs.common.redis_connections import Argument
from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal
from repartee.v1 import common_pb2, router_pb2
from services.router.adapters.conversation_scripts import APPEND, COMMIT, DELETE, LOAD
from services.router.adapters.wire import read_message, read_reply, read_state, write_message, write_reply, write_state
from services.router.conversations import (
    AlreadyAnswered,
    Appended,
    AppendOutcome,
    Commit,
    CommitOutcome,
    Committed,
    ConversationRef,
    Page,
    SlotAwaited,
    Snapshot,
    Superseded,
    page_bounds,
)
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored
from services.router.turn_order import conversation_busy

REPLY_TTL_SECONDS = 86_400
_MAX_DELETE_TRIES = 5
_MAX_CHANGE_TRIES = 2
_DELETE_PIECE = 1000


class RedisConversations:
    """Keeps conversations for `retention_days` after their last turn. `history_messages` are read before a turn."""

    stored = Stored.DURABLE

    def __init__(self, store: RedisStore, *, retention_days: int = 30, history_messages: int = 20) -> None:
        self._store = store
        self._retention_seconds = retention_days * 86_400
        self._history_messages = history_messages

    async def load(self, ref: ConversationRef, turn_id: str) -> Snapshot:
        """Returns the conversation in one round trip; its history is opened only when it is read."""
        redis = self._store.for_tenant(ref.principal)
        head, messages = _keys(redis, ref)
        reply_key = _reply_key(redis, ref, turn_id) if turn_id else ""
        keys = (head, messages, reply_key) if turn_id else (head, messages)
        found = await redis.eval(LOAD, keys, (self._history_messages,))
        if not found:
            return Snapshot()
        first = _open_reply(redis, head, reply_key, found[3]) if len(found) > 3 and found[3] else None
        history = _SealedMessages(found[2], lambda sealed: redis.unseal(messages, sealed))
        return Snapshot(int(found[0]), _open_state(redis, head, found[1]), history, first)

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Applies the turn in one script."""
        redis = self._store.for_tenant(ref.principal)
        state = commit.reply.state
        place = _state_place(_keys(redis, ref)[0])
        own = (
            commit.base_version or 0,
            redis.seal(place, _state_bytes(state)),
            "1" if state.awaiting_slot else "",
        )
        outcome = await self._change(COMMIT, redis, ref, commit, own)
        if isinstance(outcome, AlreadyAnswered):
            return outcome
        return Committed(Stored.DURABLE) if outcome else Superseded()

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        """Adds the turn in one script."""
        redis = self._store.for_tenant(ref.principal)
        outcome = await self._change(APPEND, redis, ref, commit)
        if isinstance(outcome, AlreadyAnswered):
            return outcome
        if not outcome:
            return SlotAwaited()
        version, sealed_state = cast("tuple[int, bytes]", outcome)
        return Appended(Stored.DURABLE, _open_state(redis, _keys(redis, ref)[0], sealed_state), version)

    async def _change(
        self,
        script: Script,
        redis: TenantRedis,
        ref: ConversationRef,
        commit: Commit,
        own: tuple[Argument, ...] = (),
    ) -> Any:
        """Returns what a changing script returned, or AlreadyAnswered where that is a reply."""
        keys, arguments = self._turn(redis, ref, commit)
        head, _, reply_key, _ = keys
        for _ in range(_MAX_CHANGE_TRIES):
            outcome = await redis.eval(script, keys, (*arguments, *own))
            if not isinstance(outcome, bytes):
                return outcome
            first = _open_reply(redis, head, reply_key, outcome)
            if first is not None:
                return AlreadyAnswered(first, Stored.DURABLE)
            # What lies there is not this turn's reply, and would stand in its way for a day.
            await redis.delete(reply_key)
        raise Unavailable("STORE_UNAVAILABLE", "A kept reply does not carry the seal of its key.")

    def _turn(
        self, redis: TenantRedis, ref: ConversationRef, commit: Commit
    ) -> tuple[tuple[str, str, str, str], tuple[Argument, ...]]:
        """Returns keys and arguments that both changing scripts take."""
        head, messages = _keys(redis, ref)
        reply_key = _reply_key(redis, ref, commit.reply.turn_id)
        said = [redis.seal(messages, write_message(each).SerializeToString()) for each in commit.messages]
        arguments = (
            self._retention_seconds,
            _kept_reply(redis, reply_key, commit.reply) if commit.keep_reply else b"",
            REPLY_TTL_SECONDS,
            ref.conversation_id if commit.user_id else b"",
            len(said),
            *said,
        )
        return (head, messages, reply_key, redis.key("conv-user", commit.user_id)), arguments

    async def page(self, ref: ConversationRef, *, size: int, token: str) -> Page | None:
        """Returns one page, or None."""
        redis = self._store.for_tenant(ref.principal)
        head, messages = _keys(redis, ref)
        pipeline = redis.pipeline().command("HMGET", head, "v", "s").command("LLEN", messages)
        (version, sealed_state), count = await pipeline.execute()
        if version is None:
            return None
        first, end, next_token = page_bounds(count, size=size, token=token)
        sealed = cast("list[bytes]", await redis.command("LRANGE", messages, first, end - 1)) if end > first else []
        opened = _SealedMessages(sealed, lambda each: redis.unseal(messages, each))
        return Page(opened, next_token, _open_state(redis, head, sealed_state or b""))

    async def delete(self, ref: ConversationRef) -> bool:
        """Removes replies first, then the rest in one step; raises Conflict when turns keep coming in between."""
        redis = self._store.for_tenant(ref.principal)
        head, messages = _keys(redis, ref)
        for _ in range(_MAX_DELETE_TRIES):
            pipeline = redis.pipeline().command("HGET", head, "v").command("LLEN", messages)
            version, count = await pipeline.execute()
            if version is None:
                return False
            # In pieces: a long conversation takes longer than one exchange may.
            for first in range(0, count, _DELETE_PIECE):
                sealed = await redis.command("LRANGE", messages, first, first + _DELETE_PIECE - 1)
                said = _SealedMessages(sealed, lambda each: redis.unseal(messages, each))
                await redis.delete(*{_reply_key(redis, ref, message.turn_id) for message in said})
            if await redis.eval(DELETE, (head, messages), (version,)):
                return True
        raise conversation_busy()

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns the ids from the customer's set."""
        redis = self._store.for_tenant(principal)
        ids = cast("list[bytes]", await redis.command("SMEMBERS", redis.key("conv-user", user_id)))
        return sorted(each.decode() for each in ids)


class _SealedMessages(Sequence[Message]):
    """Messages that are opened when the first of them is read; one with a broken seal is left out."""

    __slots__ = ("_opened", "_sealed", "_unseal")

    def __init__(self, sealed: list[bytes], unseal: Callable[[bytes], bytes | None]) -> None:
        self._sealed = sealed
        self._unseal = unseal
        self._opened: tuple[Message, ...] | None = None

    def _messages(self) -> tuple[Message, ...]:
        if self._opened is None:
            opened = map(self._unseal, self._sealed)
            self._opened = tuple(
                read_message(common_pb2.Message.FromString(value)) for value in opened if value is not None
            )
        return self._opened

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return self._messages()[index]

    def __len__(self) -> int:
        return len(self._messages())


def _keys(redis: TenantRedis, ref: ConversationRef) -> tuple[str, str]:
    return redis.key("conv", ref.conversation_id), redis.key("conv-messages", ref.conversation_id)


def _reply_key(redis: TenantRedis, ref: ConversationRef, turn_id: str) -> str:
    # Ids may hold a colon, never a slash.
    return redis.key("conv-reply", f"{ref.conversation_id}/{turn_id}")


def _state_place(head: str) -> str:
    return f"{head}#s"


def _state_bytes(state: FlowState) -> bytes:
    return b"" if state is NO_STATE else write_state(state).SerializeToString()


def _open_state(redis: TenantRedis, head: str, sealed: bytes) -> FlowState:
    value = redis.unseal(_state_place(head), sealed) if sealed else None
    return read_state(common_pb2.FlowState.FromString(value)) if value else NO_STATE


def _kept_reply(redis: TenantRedis, key: str, reply: Reply) -> bytes:
    """Returns a reply to keep: the length of what is sealed, the sealed reply, and room for a state behind it."""
    sealed = redis.seal(key, write_reply(reply).SerializeToString())
    return len(sealed).to_bytes(4) + sealed


def _open_reply(redis: TenantRedis, head: str, key: str, kept: bytes) -> Reply | None:
    end = 4 + int.from_bytes(kept[:4])
    value = redis.unseal(key, kept[4:end])
    if value is None:
        return None
    reply = read_reply(router_pb2.ChatResponse.FromString(value))
    # An appended turn is sent before its state is known; the script puts it behind the reply.
    return replace(reply, state=_open_state(redis, head, kept[end:])) if len(kept) > end else reply
