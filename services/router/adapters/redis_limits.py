"""Limits in Redis: both of a turn in one script, on the clock of the server, so that replicas need not agree on one."""

from collections.abc import Callable
from typing import cast

from libs.common.redis_store import RedisStore, Script
from libs.common.request_context import Principal
from libs.common.tenants.bundle import Limits
from services.router.gcra import interval_us
from services.router.turn_limits import OverLimit

# `services.router.gcra.take` on each of KEYS. ARGV: now in microseconds or '' for the server's clock, then interval and
# turns a minute of each key. Returns {} when all pass, else the number of the key with the longest wait, and the wait.
_TAKE = Script(
    """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local arrivals, over, longest = {}, 0, 0
for place = 1, #KEYS do
  local interval, burst = tonumber(ARGV[2 * place]), tonumber(ARGV[2 * place + 1])
  local arrival = math.max(tonumber(redis.call('GET', KEYS[place]) or '0'), now) + interval
  local wait = arrival - interval * burst - now
  if wait > longest then over, longest = place, wait end
  arrivals[place] = arrival
end
if over > 0 then return {over, longest} end
for place = 1, #KEYS do
  local life_ms = math.ceil((arrivals[place] - now) / 1000)
  redis.call('SET', KEYS[place], string.format('%.0f', arrivals[place]), 'PX', life_ms)
end
return {}
""",
    name="count-turn",
)
SCRIPTS = {"limits-take": _TAKE}
_SUBJECTS = ("tenant", "user")


class RedisLimits:
    """Counts in one round trip. `clock`, in seconds, replaces the server's; tests give one."""

    def __init__(self, store: RedisStore, *, clock: Callable[[], float] | None = None) -> None:
        self._store = store
        self._clock = clock

    async def take(self, principal: Principal, user_id: str, limits: Limits) -> OverLimit | None:
        """Counts one turn for both, or for neither."""
        redis = self._store.for_tenant(principal)
        keys = [redis.key("limit-tenant")]
        rates = [limits.tenant_per_minute]
        if user_id:
            keys.append(redis.key("limit-user", user_id))
            rates.append(limits.user_per_minute)
        now = "" if self._clock is None else int(self._clock() * 1_000_000)
        arguments = [part for rate in rates for part in (interval_us(rate), rate)]
        found = cast("list[int]", await redis.eval(_TAKE, keys, (now, *arguments)))
        return OverLimit(_SUBJECTS[found[0] - 1], found[1] / 1_000_000) if found else None
