"""Learned patterns in Redis: one hash a tenant, `patterns:v2:{TENANT}`, changed by compare-and-set."""

import time
from collections.abc import Callable, Mapping

from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal
from services.rag.patterns.pattern import PatternSet
from services.rag.patterns.store import KEPT_VERSIONS, Held

# ARGV: the version it follows, versions kept, milliseconds to live (0: for ever), then fields and sealed values. With
# no field it moves on a version that has no patterns. Returns 1, or 0 when the version is another.
_PUT = Script("""
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if version ~= tonumber(ARGV[1]) then return 0 end
if #ARGV == 3 and redis.call('HEXISTS', KEYS[1], 'v' .. version) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'version', version + 1, unpack(ARGV, 4))
redis.call('HDEL', KEYS[1], 'v' .. (version + 1 - tonumber(ARGV[2])))
if ARGV[3] == '0' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
""")
SCRIPTS = {"patterns-put": _PUT}
FIRST_PART = "patterns:v2"


class RedisPatterns:
    """Implements PatternStore. `now` gives seconds since 1970.

    A tenant's name stands in a list of its own beside its patterns: the two lie in different slots of a cluster, so the
    count may be off by a call that was cut in between.
    """

    def __init__(self, store: RedisStore, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        self._tenants = store.platform.key(FIRST_PART, "tenants")

    async def read(self, owner: Principal, *, whole: bool = False) -> Held:
        """See PatternStore. One round trip whole, two for the newest."""
        redis = self._store.for_tenant(owner)
        key = redis.key(FIRST_PART)
        if whole:
            fields = await redis.hgetall(key)
            versions = sorted(int(name[1:]) for name in fields if name[1:].isdigit())
            read = {version: _read(redis, key, version, fields[f"v{version}"]) for version in versions}
            return Held(int(fields.get("version", 0)), {at: each for at, each in read.items() if each is not None})
        version = int(await redis.hget(key, "version") or 0)
        newest = _read(redis, key, version, await redis.hget(key, f"v{version}")) if version else None
        return Held(version, {} if newest is None else {version: newest})

    async def put(
        self,
        owner: Principal,
        newest: PatternSet,
        *,
        after: int,
        rewritten: Mapping[int, PatternSet],
        ttl_seconds: float,
    ) -> bool:
        """See PatternStore."""
        redis = self._store.for_tenant(owner)
        key = redis.key(FIRST_PART)
        fields: list[str | bytes] = []
        for version, patterns in {**rewritten, after + 1: newest}.items():
            fields += (f"v{version}", redis.seal(f"{key}#{version}", patterns.to_json()))
        milliseconds = round(ttl_seconds * 1000)
        done = bool(await redis.eval(_PUT, [key], [after, KEPT_VERSIONS, milliseconds, *fields]))
        if done:
            ends_at = self._now() + ttl_seconds if ttl_seconds else "+inf"
            await self._store.platform.command("ZADD", self._tenants, ends_at, owner.require_tenant())
        return done

    async def touch(self, owner: Principal, *, after: int, ttl_seconds: float) -> bool:
        """See PatternStore."""
        redis = self._store.for_tenant(owner)
        arguments = [after, KEPT_VERSIONS, round(ttl_seconds * 1000)]
        return bool(await redis.eval(_PUT, [redis.key(FIRST_PART)], arguments))

    async def count(self) -> int:
        """See PatternStore."""
        platform = self._store.platform
        await platform.command("ZREMRANGEBYSCORE", self._tenants, "-inf", self._now())
        return int(await platform.command("ZCARD", self._tenants))


def _read(redis: TenantRedis, key: str, version: int, sealed: bytes | None) -> PatternSet | None:
    value = redis.unseal(f"{key}#{version}", sealed)
    return None if value is None else PatternSet.from_json(value)
