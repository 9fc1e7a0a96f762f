"""Conversations in Redis: read in one script, changed in one script, every value sealed with its tenant and key.

A conversation is a hash (`v` version, `s` sealed state) and a list of sealed messages; a kept reply has a key of its
own, because replies live for 24 hours and conversations for weeks. All keys of a tenant share a cluster slot.
"""

from collections.abc import Callable, Sequence
from typing import cast, overload

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal
from repartee.v1 import common_pb2, router_pb2
from services.router.adapters.wire import read_message, read_reply, read_state, write_message, write_reply, write_state
from services.router.conversations import (
    AlreadyAnswered,
    Commit,
    CommitOutcome,
    Committed,
    ConversationRef,
    Page,
    Snapshot,
    Superseded,
    page_bounds,
)
from services.router.turn import NO_STATE, FlowState, Message, Reply, Stored
from services.router.turn_order import conversation_busy

REPLY_TTL_SECONDS = 86_400
_MAX_DELETE_TRIES = 5

_LOAD = Script("""
local head = redis.call('HMGET', KEYS[1], 'v', 's')
if not head[1] then return {} end
local history = redis.call('LRANGE', KEYS[2], -tonumber(ARGV[1]), -1)
return {head[1], head[2] or '', history, KEYS[3] and redis.call('GET', KEYS[3])}
""")

# KEYS: conversation, messages, reply, user. ARGV: version read, state or '' to leave it, retention in seconds, reply or
# '', its seconds, user's conversation or '', then messages. Returns the reply that was first, the version after, or 0.
_COMMIT = Script("""
if ARGV[4] ~= '' then
  local first = redis.call('GET', KEYS[3])
  if first then return first end
end
if (redis.call('HGET', KEYS[1], 'v') or '0') ~= ARGV[1] then return 0 end
local version = tonumber(ARGV[1]) + 1
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'v', version, 's', ARGV[2])
else redis.call('HSET', KEYS[1], 'v', version) end
redis.call('RPUSH', KEYS[2], unpack(ARGV, 7))
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
if ARGV[4] ~= '' then redis.call('SET', KEYS[3], ARGV[4], 'EX', ARGV[5]) end
if ARGV[6] ~= '' then
  redis.call('SADD', KEYS[4], ARGV[6])
  redis.call('EXPIRE', KEYS[4], ARGV[3])
end
return version
""")

_DELETE = Script("""
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end
return 1
""")


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
        found = await redis.eval(_LOAD, keys, (self._history_messages,))
        if not found:
            return Snapshot()
        first = _open_reply(redis, reply_key, found[3]) if len(found) > 3 and found[3] else None
        history = _SealedMessages(found[2], lambda sealed: redis.unseal(messages, sealed))
        return Snapshot(int(found[0]), _open_state(redis, head, found[1]), history, first)

    async def commit(self, ref: ConversationRef, commit: Commit) -> CommitOutcome:
        """Applies the turn in one script."""
        redis = self._store.for_tenant(ref.principal)
        head, messages = _keys(redis, ref)
        reply = commit.reply
        reply_key = _reply_key(redis, ref, reply.turn_id)
        outcome = await redis.eval(
            _COMMIT,
            (head, messages, reply_key, redis.key("conv-user", commit.user_id)),
            (
                commit.base_version or 0,
                redis.seal(_state_place(head), _state_bytes(reply.state)) if commit.state_changed else b"",
                self._retention_seconds,
                redis.seal(reply_key, write_reply(reply).SerializeToString()) if commit.keep_reply else b"",
                REPLY_TTL_SECONDS,
                ref.conversation_id if commit.user_id else b"",
                *(redis.seal(messages, write_message(each).SerializeToString()) for each in commit.messages),
            ),
        )
        if isinstance(outcome, bytes):
            first = _open_reply(redis, reply_key, outcome)
            if first is None:
                raise Unavailable("STORE_UNAVAILABLE", "A kept reply does not carry the seal of its key.")
            return AlreadyAnswered(first, Stored.DURABLE)
        return Committed(Stored.DURABLE) if outcome else Superseded()

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
        """Removes everything of the conversation in one step; raises Conflict when turns keep coming in between."""
        redis = self._store.for_tenant(ref.principal)
        head, messages = _keys(redis, ref)
        for _ in range(_MAX_DELETE_TRIES):
            pipeline = redis.pipeline().command("HGET", head, "v").command("LRANGE", messages, 0, -1)
            version, sealed = await pipeline.execute()
            if version is None:
                return False
            said = _SealedMessages(sealed, lambda each: redis.unseal(messages, each))
            replies = {_reply_key(redis, ref, message.turn_id) for message in said}
            if await redis.eval(_DELETE, (head, messages, *sorted(replies)), (version,)):
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


def _open_reply(redis: TenantRedis, key: str, sealed: bytes) -> Reply | None:
    value = redis.unseal(key, sealed)
    return read_reply(router_pb2.ChatResponse.FromString(value)) if value is not None else None
