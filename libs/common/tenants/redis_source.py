"""Tenants in Redis: one hash a tenant, changed by compare-and-set, announced on a stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime

from libs.common.redis_store import RedisStore, Script
from libs.common.request_context import TenantId
from libs.common.tenants.stored import PutOutcome, StoredTenant, version_mismatch

POLL_SECONDS = 0.2

# The version outlives the bundle, so that it is never used twice. Returns {outcome, version}.
_PUT = Script("""
local held = redis.call('HMGET', KEYS[1], 'version', 'bundle')
local version = tonumber(held[1] or '0')
local current = held[2] and version or 0
if tonumber(ARGV[1]) ~= 0 and tonumber(ARGV[1]) ~= current then return {'mismatch', current} end
if held[2] == ARGV[3] then return {'same', version} end
redis.call('HSET', KEYS[1], 'version', version + 1, 'bundle', ARGV[3],
  'actor', ARGV[4], 'reason', ARGV[5], 'updated_ms', ARGV[6])
redis.call('ZADD', KEYS[2], 0, ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'tenant', ARGV[2])
return {'changed', version + 1}
""")

_DELETE = Script("""
if redis.call('HDEL', KEYS[1], 'bundle') == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'actor', ARGV[2], 'reason', ARGV[3], 'updated_ms', ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'tenant', ARGV[1])
return 1
""")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RedisTenantStore:
    """A `TenantStore` on Redis. Hash `tenant:ID`, sorted set `tenants:index`, stream `tenants:changes`."""

    def __init__(
        self,
        store: RedisStore,
        *,
        now: Callable[[], datetime] = _utc_now,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._redis = store.platform
        self._now = now
        self._wait = wait
        self._index = self._redis.key("tenants", "index")
        self._changes = self._redis.key("tenants", "changes")

    async def fetch(self, tenant: TenantId) -> StoredTenant | None:
        """See `TenantStore`."""
        return _read(tenant, await self._redis.hgetall(self._key(tenant)))

    async def put(
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0
    ) -> PutOutcome:
        """See `TenantStore`."""
        now = self._now()
        outcome, version = await self._redis.eval(
            _PUT,
            [self._key(tenant), self._index, self._changes],
            [expected_version, tenant, bundle_yaml, actor, reason, _milliseconds(now)],
        )
        if outcome == b"mismatch":
            raise version_mismatch(expected_version, int(version))
        if outcome == b"same":
            kept = await self.fetch(tenant)
            if kept is not None:
                return PutOutcome(kept, changed=False)
        return PutOutcome(StoredTenant(tenant, int(version), bundle_yaml, now, actor, reason), changed=True)

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """See `TenantStore`."""
        names = await self._redis.command(
            "ZRANGE", self._index, f"({after}" if after else "-", "+", "BYLEX", "LIMIT", 0, limit
        )
        tenants = [TenantId(name.decode()) for name in names]
        found = [await self.fetch(tenant) for tenant in tenants]
        return [stored for stored in found if stored is not None]

    async def delete(self, tenant: TenantId, *, actor: str, reason: str) -> bool:
        """See `TenantStore`."""
        arguments = [tenant, actor, reason, _milliseconds(self._now())]
        return bool(await self._redis.eval(_DELETE, [self._key(tenant), self._index, self._changes], arguments))

    async def watch(self) -> AsyncIterator[TenantId | None]:
        """See `TenantStore`. Asks every fifth of a second: a blocking read would keep one connection for itself."""
        after = await self._redis.last_stream_id(self._changes)
        yield None
        while True:
            for entry_id, fields in await self._redis.read_stream(self._changes, after):
                after = entry_id
                yield TenantId(fields["tenant"].decode())
            await self._wait(POLL_SECONDS)

    def _key(self, tenant: TenantId) -> str:
        return self._redis.key("tenant", tenant)


def _read(tenant: TenantId, fields: Mapping[str, bytes]) -> StoredTenant | None:
    if "bundle" not in fields:
        return None
    return StoredTenant(
        tenant,
        int(fields["version"]),
        fields["bundle"].decode(),
        datetime.fromtimestamp(int(fields["updated_ms"]) / 1000, UTC),
        fields["actor"].decode(),
        fields["reason"].decode(),
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
