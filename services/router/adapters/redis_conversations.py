"""Conversations in Redis: read in one script, changed in one script, every value sealed with its tenant and key.

A conversation is a hash (`v` version, `s` sealed state, `a` 1 while a slot is awaited, `b` what it began with, `u:KEY`
for the list of each customer in it) and a list of sealed messages. A kept reply has a key of its own, because replies
live for 24 hours and conversations for weeks. All keys of a tenant share a cluster slot.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from libs.common.errors import Unavailable
from libs.common.redis_connections import Argument
from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal
from services.router.adapters.conversation_scripts import AMEND, APPEND, COMMIT, DELETE, LOAD
from services.router.adapters.redis_deletions import RedisDeletions
from services.router.adapters.sealed_conversation import (
    SealedMessages,
    kept_reply,
    open_reply,
    open_state,
    state_bytes,
    state_place,
)
from services.router.adapters.wire import write_message
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
    as_heard,
    new_first_version,
    page_bounds,
)
from services.router.turn import Message, Stored, Variant
from services.router.turn_order import conversation_busy

REPLY_TTL_SECONDS = 86_400
_MAX_DELETE_TRIES = 5
_MAX_CHANGE_TRIES = 2
_DELETE_PIECE = 1000
# Replies are amended seconds after they were given, so their message is among the last.
_AMEND_PIECE = 50


class RedisConversations:
    """Keeps conversations for `retention_days` after their last turn, unless a commit says how long.

    `history_messages` are read before a turn.
    """

    stored = Stored.DURABLE

    def __init__(
        self,
        store: RedisStore,
        *,
        retention_days: int = 30,
        history_messages: int = 20,
        first_version: Callable[[], int] = new_first_version,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._first_version = first_version
        self._deletions = RedisDeletions(store, clock=clock)
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
        first = open_reply(redis, head, reply_key, found[4]) if len(found) > 4 and found[4] else None
        history = SealedMessages(found[3], lambda sealed: redis.unseal(messages, sealed))
        began_with, began_at = _read_beginning(found[2])
        return Snapshot(
            version=int(found[0]),
            state=open_state(redis, head, found[1]),
            history=history,
            first_reply=first,
            began_with=began_with,
            began_at=began_at,
        )

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Applies the turn in one script."""
        redis = self._store.for_tenant(ref.principal)
        state = commit.reply.state
        place = state_place(_keys(redis, ref)[0])
        own = (
            commit.base_version or 0,
            redis.seal(place, state_bytes(state)),
            "1" if state.awaiting_slot else "",
            f"{commit.began_with.value} {commit.began_at!r}" if commit.began_with else "",
        )
        outcome = await self._change(COMMIT, redis, ref, commit, own)
        if isinstance(outcome, AlreadyAnswered):
            return outcome
        return Committed(Stored.DURABLE, outcome) if outcome else Superseded()

    async def append(self, ref: ConversationRef, commit: Commit) -> AppendOutcome:
        """Adds the turn in one script."""
        redis = self._store.for_tenant(ref.principal)
        outcome = await self._change(APPEND, redis, ref, commit)
        if isinstance(outcome, AlreadyAnswered):
            return outcome
        if not outcome:
            return SlotAwaited()
        version, sealed_state = cast("tuple[int, bytes]", outcome)
        return Appended(Stored.DURABLE, open_state(redis, _keys(redis, ref)[0], sealed_state), version)

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
            first = open_reply(redis, head, reply_key, outcome)
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
            commit.retention_seconds or self._retention_seconds,
            kept_reply(redis, reply_key, commit.reply) if commit.keep_reply else b"",
            REPLY_TTL_SECONDS,
            ref.conversation_id if commit.user_id else b"",
            self._first_version(),
            len(said),
            *said,
        )
        return (head, messages, reply_key, redis.key("conv-user", commit.user_id)), arguments

    async def amend(self, ref: ConversationRef, turn_id: str, heard_text: str) -> bool | None:
        """Reads back to the message, and puts the other in its place in one step unless it was changed meanwhile."""
        redis = self._store.for_tenant(ref.principal)
        _, place = _keys(redis, ref)
        for _ in range(_MAX_CHANGE_TRIES):
            found = await self._find_reply(redis, place, turn_id)
            if found is None:
                return None
            index, sealed, message = found
            heard = as_heard(message, heard_text)
            if heard == message:
                return False
            changed = redis.seal(place, write_message(heard).SerializeToString())
            if await redis.eval(AMEND, (place,), (index, sealed, changed)):
                return True
        raise conversation_busy()

    async def _find_reply(self, redis: TenantRedis, place: str, turn_id: str) -> tuple[int, bytes, Message] | None:
        """Returns the bot's message of a turn: its index, as it is kept, and opened."""
        end = cast("int", await redis.command("LLEN", place))
        while end > 0:
            first = max(0, end - _AMEND_PIECE)
            piece = cast("list[bytes]", await redis.command("LRANGE", place, first, end - 1))
            for offset, sealed in reversed(tuple(enumerate(piece))):
                for message in SealedMessages([sealed], lambda each: redis.unseal(place, each)):
                    if message.turn_id == turn_id and message.author == "bot":
                        return first + offset, sealed, message
            end = first
        return None

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
        opened = SealedMessages(sealed, lambda each: redis.unseal(messages, each))
        return Page(opened, next_token, open_state(redis, head, sealed_state or b""))

    async def delete(self, ref: ConversationRef, *, user_id: str = "") -> bool:
        """Removes replies first, then the rest in one step; raises Conflict when turns keep coming in between."""
        redis = self._store.for_tenant(ref.principal)
        head, messages = _keys(redis, ref)
        named = {redis.key("conv-user", user_id)} if user_id else set[str]()
        # Said first: a deletion that nobody hears of would be undone by a turn that waits in another replica.
        await self._deletions.say(ref)
        for _ in range(_MAX_DELETE_TRIES):
            pipeline = redis.pipeline().command("HGET", head, "v").command("HKEYS", head).command("LLEN", messages)
            version, fields, count = await pipeline.execute()
            # In pieces: a long conversation takes longer than one exchange may.
            for first in range(0, count, _DELETE_PIECE):
                sealed = await redis.command("LRANGE", messages, first, first + _DELETE_PIECE - 1)
                said = SealedMessages(sealed, lambda each: redis.unseal(messages, each))
                await redis.delete(*{_reply_key(redis, ref, message.turn_id) for message in said})
            users = named | {field[2:].decode() for field in fields if field.startswith(b"u:")}
            if await redis.eval(DELETE, (head, messages, *sorted(users)), (version or b"", ref.conversation_id)):
                return version is not None
        raise conversation_busy()

    async def deleted_since(self, since: float) -> Mapping[str, float]:
        """Returns what the stream of deletions says."""
        return await self._deletions.since(since)

    async def conversations_of(self, principal: Principal, user_id: str) -> Sequence[str]:
        """Returns the ids from the customer's set."""
        redis = self._store.for_tenant(principal)
        ids = cast("list[bytes]", await redis.command("SMEMBERS", redis.key("conv-user", user_id)))
        return sorted(each.decode() for each in ids)


def _keys(redis: TenantRedis, ref: ConversationRef) -> tuple[str, str]:
    return redis.key("conv", ref.conversation_id), redis.key("conv-messages", ref.conversation_id)


def _reply_key(redis: TenantRedis, ref: ConversationRef, turn_id: str) -> str:
    # Ids may hold a colon, never a slash.
    return redis.key("conv-reply", f"{ref.conversation_id}/{turn_id}")


def _read_beginning(written: bytes) -> tuple[Variant | None, float]:
    name, _, at = written.decode().partition(" ")
    return (Variant(name), float(at)) if at else (None, 0.0)
