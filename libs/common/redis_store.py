"""The Redis store: tenants' keys through a verified principal, platform keys apart."""

import logging

from redis.exceptions import ResponseError

from libs.common.errors import Unavailable
from libs.common.redis_commands import Keyspace, Pipeline, Script, StreamEntry
from libs.common.redis_connections import RedisConnections
from libs.common.request_context import Principal, TenantId
from libs.common.seal import seal, unseal

__all__ = ["Pipeline", "PlatformRedis", "RedisStore", "Script", "StreamEntry", "TenantRedis"]

_log = logging.getLogger(__name__)


class TenantRedis(Keyspace):
    """One tenant's keys: they carry its id as `{id}`, and no other key is accepted (ValueError)."""

    def __init__(self, store: "RedisStore", tenant: TenantId, connections: RedisConnections, prefix: str) -> None:
        super().__init__(connections, prefix)
        self.tenant = tenant
        self._store = store
        self._tag = f"{{{tenant}}}"

    def key(self, *parts: str) -> str:
        """Returns `part0:{tenant}:part1:…`; the braces make a cluster keep a tenant's keys together.

        Raises ValueError when the first part is empty or has braces.
        """
        first, *rest = parts
        if not first or "{" in first or "}" in first:
            raise ValueError(f"the first part of a key must be a plain word, not {first!r}")
        return ":".join((f"{self._prefix}{first}", self._tag, *rest))

    def own(self, key: str) -> str:
        """Returns `key`; raises ValueError unless its first braces hold this tenant."""
        if key.startswith(self._prefix) and key.startswith(self._tag, key.find("{")):
            return key
        raise ValueError("a key of another tenant, or one that TenantRedis.key did not make")

    def seal(self, key: str, value: bytes) -> bytes:
        """Returns `value` sealed for this tenant and `key`, for scripts and hashes (name the field in `key`)."""
        return seal(self.tenant, key, value)

    def unseal(self, key: str, sealed: bytes | None) -> bytes | None:
        """Returns what was sealed for this tenant and `key`; None, counted and logged, for anything else."""
        if sealed is None:
            return None
        value = unseal(self.tenant, key, sealed)
        if value is None:
            self._store.seal_failures += 1
            _log.warning("A value in Redis does not carry the seal of its tenant and key; it is treated as absent.")
        return value

    async def get_sealed(self, key: str) -> bytes | None:
        """Returns the value that was stored with `set_sealed` for this tenant and key, else None."""
        return self.unseal(key, await self.get(key))

    async def mget_sealed(self, *keys: str) -> list[bytes | None]:
        """As `get_sealed`, for several keys in one round trip."""
        return [self.unseal(key, value) for key, value in zip(keys, await self.mget(*keys), strict=True)]

    async def set_sealed(self, key: str, value: bytes, ttl_seconds: float | None = None) -> None:
        """Stores `value` with a seal of tenant and key."""
        await self.set(key, self.seal(key, value), ttl_seconds)


class PlatformRedis(Keyspace):
    """Keys that belong to no tenant; a key with braces is refused (ValueError), because those are tenants'."""

    def key(self, *parts: str) -> str:
        """Returns `part0:part1:…`."""
        return self.own(self._prefix + ":".join(parts))

    def own(self, key: str) -> str:
        """Returns `key`; raises ValueError for one that a tenant could own."""
        if "{" in key or not key.startswith(self._prefix):
            raise ValueError("a key of a tenant, or one that PlatformRedis.key did not make")
        return key


class RedisStore:
    """One Redis database. `seal_failures` counts values that carried another seal than their key's."""

    def __init__(self, connections: RedisConnections, *, prefix: str = "") -> None:
        self._connections = connections
        self._prefix = prefix
        self._platform = PlatformRedis(connections, prefix)
        self.seal_failures = 0

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        db: int | None = None,
        prefix: str = "",
        timeout_seconds: float = 0.06,
        connect_timeout_seconds: float | None = None,
        max_connections: int = 64,
    ) -> "RedisStore":
        """Returns a store that opens connections when they are needed; must be closed with `aclose`.

        `db` wins over the URL's. With a `prefix` the number becomes part of it (`{prefix}db5:`), which also works where
        only database 0 exists, as in a cluster. Raises InvalidRequest (REDIS_URL_INVALID).
        """
        if prefix and db:
            prefix, db = f"{prefix}db{db}:", 0
        if "{" in prefix:
            raise ValueError("a prefix must not have braces: they mark tenants")
        connections = RedisConnections(
            url,
            db=db,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds or timeout_seconds,
            max_connections=max_connections,
        )
        return cls(connections, prefix=prefix)

    def for_tenant(self, principal: Principal) -> TenantRedis:
        """Returns the keys of the principal's tenant; raises InvalidRequest when it has none."""
        return TenantRedis(self, principal.require_tenant(), self._connections, self._prefix)

    @property
    def platform(self) -> PlatformRedis:
        """The keys that belong to no tenant."""
        return self._platform

    async def ping(self) -> bool:
        """Returns whether Redis answers now; never raises for its absence."""
        try:
            return await self._connections.run(("PING",)) == b"PONG"
        except (Unavailable, ResponseError):
            return False

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._connections.aclose()
