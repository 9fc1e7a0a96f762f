"""Leases in Redis, beside the answers: `semantic_cache:v2:{TENANT}:lease:KEY` holds a token, and is gone by itself."""

from libs.common.redis_store import RedisStore, Script
from libs.common.request_context import Principal
from services.cache.flights import Grant

_FAMILY = "semantic_cache:v2"
_POINTLESS = b"-"

# KEYS lease   ARGV token, milliseconds. Returns what is held, nothing when the token is.
_TAKE = Script(
    """
local held = redis.call('GET', KEYS[1])
if not held then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return held
""",
    name="take-lease",
)

# KEYS lease   ARGV token, what to leave behind, for how many milliseconds (0: nothing)
_GIVE_BACK = Script(
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[3]) > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('DEL', KEYS[1]) end
return 1
""",
    name="give-back-lease",
)
SCRIPTS = {"lease-take": _TAKE, "lease-give-back": _GIVE_BACK}


class RedisLeases:
    """See Leases."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def take(self, owner: Principal, key: str, token: str, *, seconds: float) -> Grant:
        """See Leases."""
        redis = self._store.for_tenant(owner)
        held = await redis.eval(_TAKE, [redis.key(_FAMILY, "lease", key)], [token, round(seconds * 1000)])
        if held is None:
            return Grant.TAKEN
        return Grant.POINTLESS if held == _POINTLESS else Grant.HELD

    async def is_held(self, owner: Principal, key: str) -> bool:
        """See Leases."""
        redis = self._store.for_tenant(owner)
        return await redis.get(redis.key(_FAMILY, "lease", key)) not in (None, _POINTLESS)

    async def give_back(self, owner: Principal, key: str, token: str, *, pointless_seconds: float) -> None:
        """See Leases."""
        redis = self._store.for_tenant(owner)
        arguments = [token, _POINTLESS, round(pointless_seconds * 1000)]
        await redis.eval(_GIVE_BACK, [redis.key(_FAMILY, "lease", key)], arguments)
