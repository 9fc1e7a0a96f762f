"""Walking through the keys of all tenants in Redis, in pieces that can be gone on with after a crash."""

import re
from typing import cast

from libs.common.errors import InvalidRequest
from libs.common.migrations.raw_commands import RawCommands
from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.request_context import Principal, TenantId, parse_tenant_id

# Keys looked at in one exchange: a few milliseconds of the server's time.
_KEYS_AT_ONCE = 500
_GLOB = re.compile(r"([*?\[\]\\])")
_SUBJECT = "migrate"


class KeyWalk:
    """The keys `FAMILY:{TENANT}:…` of one kind. Every key that is there all the time is met at least once.

    A place in the walk is the server's cursor with the server's run: after a restart or a failover a cursor means
    nothing, so the walk begins anew.
    """

    def __init__(self, store: RedisStore, family: str, *, kind: str, ending: str = "") -> None:
        self._store = store
        self._redis = RawCommands(store)
        self._match = f"{_literal(store.platform.key(family))}:{{*{_literal(ending)}"
        self._kind = kind

    async def size(self) -> int:
        """Returns how many keys the server looks at in all."""
        return int(await self._redis.run(("DBSIZE",)))

    async def piece(self, after: str) -> tuple[list[tuple[TenantRedis, str]], str, int]:
        """Returns keys with their tenants' part of the store, where to go on or '', and how many were looked at."""
        run = await self._server_run()
        known, _, cursor = after.rpartition("/")
        cursor = cursor if known == run else "0"
        command = ("SCAN", cursor or "0", "MATCH", self._match, "COUNT", _KEYS_AT_ONCE, "TYPE", self._kind)
        following, names = cast("tuple[bytes, list[bytes]]", await self._redis.run(command))
        owned = [found for name in dict.fromkeys(names) if (found := self._owned(name)) is not None]
        is_over = following == b"0"
        return owned, "" if is_over else f"{run}/{following.decode()}", _KEYS_AT_ONCE

    def of(self, tenant: TenantId) -> TenantRedis:
        """Returns a tenant's part of the store."""
        return self._store.for_tenant(Principal(_SUBJECT, tenant))

    def _owned(self, name: bytes) -> tuple[TenantRedis, str] | None:
        """Returns the key with its tenant's part; None for one that no tenant could have made."""
        key = name.decode(errors="replace")
        try:
            # No caller's word: the key was made for a verified one, and `own` holds it against the tenant again.
            redis = self.of(parse_tenant_id(key.partition("{")[2].partition("}")[0]))
            return redis, redis.own(key)
        except (InvalidRequest, ValueError):
            return None

    async def _server_run(self) -> str:
        said = cast("bytes", await self._redis.run(("INFO", "server"))).decode()
        found = re.search(r"^run_id:(\w+)", said, re.MULTILINE)
        return found.group(1) if found else ""


def _literal(text: str) -> str:
    return _GLOB.sub(r"\\\1", text)
