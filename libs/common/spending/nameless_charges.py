"""Migration: charges from before ids were digests forget which conversations and turns they were made for."""

import json
import re
import secrets
from typing import Any, cast

from libs.common.migrations.key_walk import KeyWalk
from libs.common.migrations.raw_commands import RawCommands, script_call
from libs.common.migrations.step import Piece
from libs.common.redis_connections import Command
from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.spending.ledger import nameless

_ENTRIES_AT_ONCE = 500
_NAMES = ("conversation_id", "turn_id")
# What a killed run leaves behind goes by itself.
_COPY_SECONDS = 3600
# An id that looks like a digest cannot be told from one: it stays until its charge expires, 30 days after it was made.
_DIGEST = re.compile(r"[0-9a-f]{24}")

# KEYS stream, its copy. ARGV last entry that was copied. Returns 0 when there is a newer one.
_SWAP = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if not last[1] or last[1][1] ~= ARGV[1] then return 0 end
local left = redis.call('PTTL', KEYS[1])
redis.call('RENAME', KEYS[2], KEYS[1])
if left > 0 then redis.call('PEXPIRE', KEYS[1], left) else redis.call('PERSIST', KEYS[1]) end
return 1
"""

_Entry = tuple[bytes, list[bytes]]


class NamelessCharges:
    """A Migration of the streams `spend-recent`. An entry of a stream cannot be changed, so a stream is copied.

    The copy takes the stream's place in one step, once it has all of it: a charge that comes meanwhile is copied too.
    """

    name = "charges-nameless"
    does = "Replaces ids of conversations in single charges by digests, since charges outlive conversations."

    def __init__(self, store: RedisStore, *, number: int) -> None:
        self.number = number
        self._redis = RawCommands(store)
        self._walk = KeyWalk(store, "spend-recent", kind="stream")

    async def size(self) -> int:
        """See Migration."""
        return await self._walk.size()

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        owned, following, walked = await self._walk.piece(after)
        named = 0
        for redis, key in owned:
            count = await self._count_named(redis, key)
            if count and not is_dry:
                await self._copy(redis, key)
            named += count
        return Piece(following, walked, {"charges": named})

    async def _count_named(self, redis: TenantRedis, key: str) -> int:
        named, after = 0, "-"
        while entries := await self._entries(redis, key, after):
            named += sum(_without_names(redis, key, entry) != entry[1] for entry in entries)
            after = f"({entries[-1][0].decode()}"
        return named

    async def _copy(self, redis: TenantRedis, key: str) -> None:
        copy, after, last = redis.key("spend-recent-copy", secrets.token_hex(8)), "-", b""
        while True:
            while entries := await self._entries(redis, key, after):
                written: list[Command] = [
                    ("XADD", copy, entry_id, *_without_names(redis, key, (entry_id, fields)))
                    for entry_id, fields in entries
                ]
                await self._redis.run_many([*written, ("EXPIRE", copy, _COPY_SECONDS)])
                last = entries[-1][0]
                after = f"({last.decode()}"
            (is_swapped,) = await self._redis.run_many([script_call(_SWAP, [key, copy], [last])])
            if is_swapped or not await redis.command("EXISTS", key):
                return

    async def _entries(self, redis: TenantRedis, key: str, after: str) -> list[_Entry]:
        return cast("list[_Entry]", await redis.command("XRANGE", key, after, "+", "COUNT", _ENTRIES_AT_ONCE))


def _without_names(redis: TenantRedis, key: str, entry: _Entry) -> list[bytes]:
    """Returns the entry's fields; those of a charge that names nobody, or cannot be opened, are the same."""
    field, sealed, *rest = entry[1]
    opened = redis.unseal(key, sealed)
    if opened is None:
        return entry[1]
    charge = cast("dict[str, Any]", json.loads(opened))
    named = [name for name in _NAMES if charge.get(name) and not _DIGEST.fullmatch(charge[name])]
    if not named:
        return entry[1]
    charge |= {name: nameless(redis.tenant, charge[name]) for name in named}
    return [field, redis.seal(key, json.dumps(charge).encode()), *rest]
