"""Tenants in Redis: one hash a tenant, changed by compare-and-set, announced on a stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from libs.common.redis_store import RedisStore, Script
from libs.common.request_context import TenantId
from libs.common.tenants.stored import PutOutcome, StoredTenant, version_mismatch

POLL_SECONDS = 0.2

# Writes one field, `bundle` or `overrides`, if the version is the expected one; overrides only beside a bundle. The
# version outlives the bundle, so that it is never used twice. ARGV: version or 0, tenant, field, its value, then fields
# and values to write with it. Returns {outcome, version, overrides}.
_CHANGE = Script("""
local held = redis.call('HMGET', KEYS[1], 'version', 'bundle', ARGV[3])
local version = tonumber(held[1] or '0')
local current = held[2] and version or 0
if tonumber(ARGV[1]) ~= 0 and tonumber(ARGV[1]) ~= current then return {'mismatch', current} end
if (held[3] or (ARGV[3] == 'overrides' and '')) == ARGV[4] then return {'same', version} end
redis.call('HSET', KEYS[1], 'version', version + 1, unpack(ARGV, 3))
redis.call('ZADD', KEYS[2], 0, ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'tenant', ARGV[2])
return {'changed', version + 1, redis.call('HGET', KEYS[1], 'overrides') or ''}
""")

_DELETE = Script("""
if redis.call('HDEL', KEYS[1], 'bundle') == 0 then return 0 end
redis.call('HDEL', KEYS[1], 'overrides', 'name')
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('HSET', KEYS[1], 'actor', ARGV[2], 'reason', ARGV[3], 'updated_ms', ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'tenant', ARGV[1])
return 1
""")
SCRIPTS = {"tenant-change": _CHANGE, "tenant-delete": _DELETE}

# Bundles stay where they are: a thousand of them could be 256 MB.
_LISTED = ("version", "updated_ms", "actor", "reason", "name")
_LIST_PIECE = 200


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
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0, name: str = ""
    ) -> PutOutcome:
        """See `TenantStore`."""
        now = self._now()
        fields = ("bundle", bundle_yaml, "name", name)
        outcome, version, *rest = await self._change(tenant, expected_version, fields, actor, reason, now)
        if outcome == b"same":
            kept = await self.fetch(tenant)
            if kept is not None:
                return PutOutcome(kept, changed=False)
        overrides = rest[0].decode() if rest else ""
        stored = StoredTenant(tenant, int(version), bundle_yaml, now, actor, reason, overrides, name)
        return PutOutcome(stored, changed=True)

    async def override(
        self, tenant: TenantId, overrides: str, *, actor: str, reason: str, expected_version: int
    ) -> int:
        """See `TenantStore`."""
        fields = ("overrides", overrides)
        _, version, *_ = await self._change(tenant, expected_version, fields, actor, reason, self._now())
        return int(version)

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """See `TenantStore`. One exchange for the ids, and one for each 200 tenants."""
        ids = await self._redis.command(
            "ZRANGE", self._index, f"({after}" if after else "-", "+", "BYLEX", "LIMIT", 0, limit
        )
        tenants = [TenantId(each.decode()) for each in ids]
        found: list[StoredTenant] = []
        for first in range(0, len(tenants), _LIST_PIECE):
            piece = tenants[first : first + _LIST_PIECE]
            pipeline = self._redis.pipeline(atomic=False)
            for tenant in piece:
                pipeline.command("HMGET", self._key(tenant), *_LISTED)
            for tenant, values in zip(piece, await pipeline.execute(), strict=True):
                fields = {name: value for name, value in zip(_LISTED, values, strict=True) if value is not None}
                found.append(_stored(tenant, fields))
        return found

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

    async def _change(
        self, tenant: TenantId, expected_version: int, fields: Sequence[str], actor: str, reason: str, now: datetime
    ) -> Sequence[Any]:
        written = ("actor", actor, "reason", reason, "updated_ms", _milliseconds(now))
        outcome = await self._redis.eval(
            _CHANGE, [self._key(tenant), self._index, self._changes], [expected_version, tenant, *fields, *written]
        )
        if outcome[0] == b"mismatch":
            raise version_mismatch(expected_version, int(outcome[1]))
        return outcome

    def _key(self, tenant: TenantId) -> str:
        return self._redis.key("tenant", tenant)


def _read(tenant: TenantId, fields: Mapping[str, bytes]) -> StoredTenant | None:
    return _stored(tenant, fields) if "bundle" in fields else None


def _stored(tenant: TenantId, fields: Mapping[str, bytes]) -> StoredTenant:
    return StoredTenant(
        tenant,
        int(fields["version"]),
        fields.get("bundle", b"").decode(),
        datetime.fromtimestamp(int(fields["updated_ms"]) / 1000, UTC),
        fields["actor"].decode(),
        fields["reason"].decode(),
        fields.get("overrides", b"").decode(),
        fields.get("name", b"").decode(),
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
