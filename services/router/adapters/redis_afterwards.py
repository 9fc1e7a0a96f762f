"""Ratings and last turns in Redis, shared by all replicas; conversations are named by digests.

Per tenant: `rating:…`, the first rating of a turn, for a day; `last-turns`, conversations by the time of their last
turn; `last-turns-what`, what that turn was, sealed, and empty for one that asked for nothing. `last-turns-tenants`, a
platform key, holds tenants by the time of their oldest, so that nobody looks at those that have none.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from hashlib import blake2b
from typing import cast

from libs.common.redis_connections import Argument
from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal, TenantId
from services.router.afterwards.abandonment import LastTurn
from services.router.afterwards.rating import RATING_SECONDS, Rated
from services.router.turn import Variant

_GOOD, _BAD = b"good", b"bad"
# What a script may note, and take, of one tenant, and how many tenants one look is for: no step holds the server long.
_NOTED_AT_ONCE = 300
_TAKEN_AT_ONCE = 200
_TENANTS_AT_ONCE = 20
_KEPT_SECONDS = 2 * 86_400
_SEPARATOR = "\x1f"

# KEYS: times, what. ARGV: seconds to keep both, then conversation, time and what it was of each.
_NOTE = Script(
    """
for at = 2, #ARGV, 3 do
  local known = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if not known or tonumber(known) < tonumber(ARGV[at + 1]) then
    redis.call('ZADD', KEYS[1], ARGV[at + 1], ARGV[at])
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 2])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1
""",
    name="note-last-turns",
)

# KEYS: times, what. ARGV: the latest time, and how many at most. Returns the time of the oldest that stays or '', then
# conversation, time and what it was of each that asked for something.
_TAKE = Script(
    """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local reply = {''}
for at = 1, #found, 2 do
  local what = redis.call('HGET', KEYS[2], found[at])
  redis.call('ZREM', KEYS[1], found[at])
  redis.call('HDEL', KEYS[2], found[at])
  if what and what ~= '' then
    for _, part in ipairs({found[at], found[at + 1], what}) do reply[#reply + 1] = part end
  end
end
reply[1] = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ''
return reply
""",
    name="take-silent",
)

SCRIPTS = {"afterwards-note": _NOTE, "afterwards-take": _TAKE}


class RedisRatings:
    """The first rating of each turn, in a key of its own."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def standing(self, principal: Principal, conversation_id: str, turn_id: str) -> bool | None:
        """Reads in one step."""
        redis = self._store.for_tenant(principal)
        stands = await redis.get_sealed(_rating_key(redis, conversation_id, turn_id))
        return None if stands is None else stands == _GOOD

    async def first(self, principal: Principal, conversation_id: str, turn_id: str, *, is_good: bool) -> Rated:
        """Keeps it in one step."""
        redis = self._store.for_tenant(principal)
        key = _rating_key(redis, conversation_id, turn_id)
        value = redis.seal(key, _GOOD if is_good else _BAD)
        before = cast("bytes | None", await redis.command("SET", key, value, "NX", "GET", "EX", RATING_SECONDS))
        stands = redis.unseal(key, before)
        return Rated(counted=before is None, is_good=is_good if stands is None else stands == _GOOD)


class RedisLastTurns:
    """Last turns by tenant; one script notes them, one takes those that are due."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._tenants = store.platform.key("last-turns-tenants")

    async def note(self, tenant: TenantId, turns: Sequence[LastTurn]) -> None:
        """Notes piece by piece; then says that the tenant has some, for it is looked for by that."""
        redis, times, what = self._of(tenant)
        for start in range(0, len(turns), _NOTED_AT_ONCE):
            flat: list[Argument] = []
            for turn in turns[start : start + _NOTED_AT_ONCE]:
                flat += [turn.conversation, turn.at, _sealed(redis, what, turn) if turn.awaits else b""]
            await redis.eval(_NOTE, (times, what), (_KEPT_SECONDS, *flat))
        oldest = min(turn.at for turn in turns)
        await self._store.platform.command("ZADD", self._tenants, "LT", oldest, tenant)

    async def take_silent(self, until: float) -> AsyncIterator[tuple[TenantId, LastTurn]]:
        """Takes what is due of the tenants that have waited longest."""
        platform = self._store.platform
        due = await platform.command("ZRANGEBYSCORE", self._tenants, "-inf", until, "LIMIT", 0, _TENANTS_AT_ONCE)
        for name in cast("list[bytes]", due):
            tenant = TenantId(name.decode())
            redis, times, what = self._of(tenant)
            oldest, *flat = cast("list[bytes]", await redis.eval(_TAKE, (times, what), (until, _TAKEN_AT_ONCE)))
            for turn in _opened(redis, what, flat):
                yield tenant, turn
            if oldest:
                await platform.command("ZADD", self._tenants, oldest, tenant)
                continue
            await platform.command("ZREM", self._tenants, tenant)
            # A turn noted since is seen here, or is followed by its own word that the tenant has some.
            left = await redis.command("ZRANGE", times, 0, 0, "WITHSCORES")
            if left:
                await platform.command("ZADD", self._tenants, "LT", left[1], tenant)

    def _of(self, tenant: TenantId) -> tuple[TenantRedis, str, str]:
        redis = self._store.for_tenant(Principal("afterwards", tenant))
        return redis, redis.key("last-turns"), redis.key("last-turns-what")


def _rating_key(redis: TenantRedis, conversation_id: str, turn_id: str) -> str:
    # Ids may hold a colon, never a slash.
    return redis.key("rating", blake2b(f"{conversation_id}/{turn_id}".encode(), digest_size=16).hexdigest())


def _sealed(redis: TenantRedis, what: str, turn: LastTurn) -> bytes:
    told = _SEPARATOR.join((turn.assigned.value, turn.agent, turn.llm_tier))
    return redis.seal(f"{what}#{turn.conversation}", told.encode())


def _opened(redis: TenantRedis, what: str, flat: Sequence[bytes]) -> Iterator[LastTurn]:
    parts = iter(flat)
    for name, at, sealed in zip(parts, parts, parts, strict=True):
        conversation = name.decode()
        told = redis.unseal(f"{what}#{conversation}", sealed)
        if told is not None:
            variant, agent, tier = told.decode().split(_SEPARATOR)
            yield LastTurn(conversation, float(at), True, Variant(variant), agent, tier)
