"""Migration: conversations name their customers' lists, and the lists name no conversation that is gone."""

from collections import Counter
from typing import cast

from libs.common.migrations.key_walk import KeyWalk
from libs.common.migrations.raw_commands import RawCommands, script_call
from libs.common.migrations.step import Piece
from libs.common.redis_connections import Command
from libs.common.redis_store import RedisStore

_NAMED, _GONE = 1, 2

# KEYS conversation, customer's list. ARGV conversation's id. Returns 1 when the conversation names the list now, 2 when
# it is gone and the list forgot it, 0 when nothing had to change.
_JOIN = """
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 2 * redis.call('SREM', KEYS[2], ARGV[1]) end
return redis.call('HSETNX', KEYS[1], 'u:' .. KEYS[2], '')
"""


class Customers:
    """A Migration. DeleteConversation finds a customer's list by what the conversation names.

    Conversations from before that left their ids in the lists when they were deleted, and when they expired.
    """

    name = "customers"
    does = "Lets each conversation name its customers' lists, so that deleting it leaves its id nowhere."

    def __init__(self, store: RedisStore, *, number: int) -> None:
        self.number = number
        self._redis = RawCommands(store)
        self._walk = KeyWalk(store, "conv-user", kind="set")

    async def size(self) -> int:
        """See Migration."""
        return await self._walk.size()

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        owned, following, walked = await self._walk.piece(after)
        members = await self._redis.run_many([("SMEMBERS", key) for _, key in owned])
        pairs = [
            (redis.key("conv", member.decode()), key, member)
            for (redis, key), ids in zip(owned, cast("list[list[bytes]]", members), strict=True)
            for member in sorted(ids)
        ]
        outcomes = await self._looked_at(pairs) if is_dry else await self._joined(pairs)
        counts = Counter(outcomes)
        return Piece(following, walked, {"conversations": counts[_NAMED], "ids of gone conversations": counts[_GONE]})

    async def _looked_at(self, pairs: list[tuple[str, str, bytes]]) -> list[int]:
        """Returns what `_joined` would."""
        asked: list[Command] = [("EXISTS", head) for head, _, _ in pairs]
        asked += [("HEXISTS", head, f"u:{key}") for head, key, _ in pairs]
        replies = cast("list[int]", await self._redis.run_many(asked))
        exists, names = replies[: len(pairs)], replies[len(pairs) :]
        return [
            _GONE if not is_there else 0 if is_named else _NAMED
            for is_there, is_named in zip(exists, names, strict=True)
        ]

    async def _joined(self, pairs: list[tuple[str, str, bytes]]) -> list[int]:
        return await self._redis.run_many([script_call(_JOIN, [head, key], [member]) for head, key, member in pairs])
