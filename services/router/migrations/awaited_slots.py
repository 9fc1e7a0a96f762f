"""Migration: conversations from before hits of the cache went first are told whether a slot is awaited."""

from libs.common.migrations.key_walk import KeyWalk
from libs.common.migrations.raw_commands import RawCommands, script_call
from libs.common.migrations.step import Piece
from libs.common.redis_store import RedisStore, TenantRedis
from services.router.adapters.sealed_conversation import open_state

# KEYS conversation. ARGV version that was read, '1' when a slot is awaited. A turn meanwhile writes the field itself.
_MARK = """
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
return redis.call('HSETNX', KEYS[1], 'a', ARGV[2])
"""


class AwaitedSlots:
    """A Migration: `a` beside every state. Without it a cached answer would break into an order that waits for a slot.

    A conversation that only hits of the cache made has no state, and needs no `a`.
    """

    name = "awaited-slots"
    does = "Notes in each conversation whether a slot is awaited, so that no cached answer breaks into an order."

    def __init__(self, store: RedisStore, *, number: int) -> None:
        self.number = number
        self._redis = RawCommands(store)
        self._walk = KeyWalk(store, "conv", kind="hash")

    async def size(self) -> int:
        """See Migration."""
        return await self._walk.size()

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        owned, following, walked = await self._walk.piece(after)
        found = await self._redis.run_many([("HMGET", key, "v", "s", "a") for _, key in owned])
        old = [
            (redis, key, version, state)
            for (redis, key), (version, state, awaited) in zip(owned, found, strict=True)
            if version is not None and state is not None and awaited is None
        ]
        if is_dry:
            return Piece(following, walked, {"conversations": len(old)})
        marked = await self._redis.run_many(
            [script_call(_MARK, [key], [version, _mark(redis, key, state)]) for redis, key, version, state in old]
        )
        return Piece(following, walked, {"conversations": sum(marked)})


def _mark(redis: TenantRedis, key: str, state: bytes) -> str:
    return "1" if open_state(redis, key, state).awaiting_slot else ""
