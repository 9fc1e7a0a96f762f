"""Migration: answers from before tenants had a limit of bytes are weighed."""

from typing import cast

from libs.common.migrations.key_walk import KeyWalk
from libs.common.migrations.raw_commands import RawCommands, script_call
from libs.common.migrations.step import Piece
from libs.common.redis_store import RedisStore, TenantRedis
from services.cache.adapters.redis_answers import FAMILY

_IDS_AT_ONCE = 200

# KEYS rows, sizes. ARGV '1' for a dry run, prefix of entry keys, ids. Returns how many were not weighed.
_WEIGH = """
local found = 0
for at = 3, #ARGV do
  local id = ARGV[at]
  if redis.call('HEXISTS', KEYS[1], id) == 1 and redis.call('HEXISTS', KEYS[2], id) == 0 then
    found = found + 1
    if ARGV[1] ~= '1' then
      local size = redis.call('STRLEN', ARGV[2] .. id) + redis.call('HSTRLEN', KEYS[1], id)
      redis.call('HSET', KEYS[2], id, size)
      redis.call('HINCRBY', KEYS[2], '', size)
    end
  end
end
local left = redis.call('PTTL', KEYS[1])
if found > 0 and ARGV[1] ~= '1' and left > redis.call('PTTL', KEYS[2]) then redis.call('PEXPIRE', KEYS[2], left) end
return found
"""


class AnswerSizes:
    """A Migration of the hashes of sizes. An answer that was not weighed does not count against its tenant's bytes."""

    name = "answer-sizes"
    does = "Weighs answers that count against no limit of bytes yet."

    def __init__(self, store: RedisStore, *, number: int) -> None:
        self.number = number
        self._redis = RawCommands(store)
        self._walk = KeyWalk(store, FAMILY, kind="hash", ending=":rows")

    async def size(self) -> int:
        """See Migration."""
        return await self._walk.size()

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        owned, following, walked = await self._walk.piece(after)
        ids = await self._redis.run_many([("HKEYS", key) for _, key in owned])
        weighed = 0
        for (redis, rows), names in zip(owned, cast("list[list[bytes]]", ids), strict=True):
            weighed += await self._weigh(redis, rows, names, is_dry=is_dry)
        return Piece(following, walked, {"answers": weighed})

    async def _weigh(self, redis: TenantRedis, rows: str, ids: list[bytes], *, is_dry: bool) -> int:
        keys, prefix = [rows, redis.key(FAMILY, "sizes")], redis.key(FAMILY, "x", "")
        calls = [
            script_call(_WEIGH, keys, ["1" if is_dry else "", prefix, *ids[first : first + _IDS_AT_ONCE]])
            for first in range(0, len(ids), _IDS_AT_ONCE)
        ]
        return sum(cast("list[int]", await self._redis.run_many(calls)))
