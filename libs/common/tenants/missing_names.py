"""Migration: tenants from before lists showed names get the name that their bundle says."""

from typing import cast

from libs.common.errors import InvalidRequest
from libs.common.migrations.raw_commands import RawCommands, script_call
from libs.common.migrations.step import Piece
from libs.common.redis_store import RedisStore
from libs.common.tenants.validation import parse_bundle

# Bundles that are parsed in one piece: a third of a second.
_PIECE = 100

# KEYS tenant. ARGV version that was read, name.
_NAME = """
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
return redis.call('HSETNX', KEYS[1], 'name', ARGV[2])
"""


class MissingNames:
    """A Migration of the hashes `tenant:ID`. The version stays: a name is read out of the bundle, it changes nothing.

    A bundle that does not parse is counted and left alone; its tenant is served from the last good one.
    """

    name = "tenants-named"
    does = "Gives tenants without a name in lists the one of their bundle."

    def __init__(self, store: RedisStore, *, number: int) -> None:
        self.number = number
        self._platform = store.platform
        self._redis = RawCommands(store)

    async def size(self) -> int:
        """See Migration."""
        return int(await self._platform.command("ZCARD", self._platform.key("tenants", "index")))

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration. Its place is the last tenant's id."""
        index = self._platform.key("tenants", "index")
        first = f"({after}" if after else "-"
        ids = await self._platform.command("ZRANGE", index, first, "+", "BYLEX", "LIMIT", 0, _PIECE)
        tenants = [each.decode() for each in cast("list[bytes]", ids)]
        keys = [self._platform.key("tenant", tenant) for tenant in tenants]
        found = await self._redis.run_many([("HMGET", key, "version", "bundle", "name") for key in keys])
        named = [
            (key, version, _name_of(bundle))
            for key, (version, bundle, name) in zip(keys, found, strict=True)
            if bundle is not None and name is None
        ]
        readable = [(key, version, name) for key, version, name in named if name is not None]
        changed = len(readable)
        if not is_dry:
            changed = sum(
                await self._redis.run_many(
                    [script_call(_NAME, [key], [version, name]) for key, version, name in readable]
                )
            )
        return Piece(tenants[-1] if len(tenants) == _PIECE else "", len(tenants), {"tenants": changed})


def _name_of(bundle: bytes) -> str | None:
    try:
        return parse_bundle(bundle.decode()).name
    except InvalidRequest:
        return None
