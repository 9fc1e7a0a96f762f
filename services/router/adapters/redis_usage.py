"""Counts of usage in Redis, one script a batch.

Per tenant and day: `usage-rows`, a hash of counters; `usage-conv`, a HyperLogLog of conversations a place;
`usage-batches`, the ids of batches, so that one that ran and whose answer was lost counts once. `usage-tenants`, a
platform key, holds who had a turn, by last day.
"""

import datetime
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

from libs.common.redis_connections import Argument
from libs.common.redis_store import RedisStore, Script, TenantRedis
from libs.common.request_context import Principal, TenantId
from libs.common.spending.ledger import days_in_pieces
from services.router.usage.counts import Batch, Counts, Place
from services.router.usage.query import RETENTION_DAYS

# KEYS: rows, ids of batches, then a HyperLogLog for each place. ARGV: id, seconds to keep it, seconds to keep the rest,
# number of additions, additions (field, amount), then (number of the HyperLogLog, conversation) each.
_ADD = Script("""
if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('EXPIRE', KEYS[2], ARGV[2])
local last = 4 + 2 * ARGV[4]
for place = 5, last, 2 do redis.call('HINCRBY', KEYS[1], ARGV[place], ARGV[place + 1]) end
for place = last + 1, #ARGV, 2 do redis.call('PFADD', KEYS[2 + ARGV[place]], ARGV[place + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
for place = 3, #KEYS do redis.call('EXPIRE', KEYS[place], ARGV[3]) end
return 1
""")
SCRIPTS = {"usage-add": _ADD}
_BATCH_SECONDS = 3 * 86_400
_SEPARATOR = "\x1f"
# Merging a HyperLogLog takes the server some 20 µs.
_KEYS_A_STEP = 200
_MERGED_SECONDS = 60


class RedisUsage:
    """Keeps counts for `retention_days`; conversations are counted to within about 1 %."""

    def __init__(self, store: RedisStore, *, retention_days: int = RETENTION_DAYS) -> None:
        self._store = store
        self._retention_seconds = retention_days * 86_400
        self._noted: dict[TenantId, datetime.date] = {}

    async def add(self, batch: Batch) -> None:
        """Adds a batch, once."""
        redis = self._redis(batch.tenant)
        day = batch.day.isoformat()
        places = list(batch.conversations)
        additions: list[Argument] = [
            part
            for place, counts in batch.counts.items()
            for name, amount in counts.by_name.items()
            if amount
            for part in (_field(place, name), amount)
        ]
        conversations: list[Argument] = [
            part
            for number, place in enumerate(places, 1)
            for conversation in sorted(batch.conversations[place])
            for part in (number, conversation)
        ]
        keys = (
            redis.key("usage-rows", day),
            redis.key("usage-batches", day),
            *(_conversations_key(redis, place) for place in places),
        )
        head = (batch.id, _BATCH_SECONDS, self._retention_seconds, len(additions) // 2)
        await redis.eval(_ADD, keys, (*head, *additions, *conversations))
        if self._noted.get(batch.tenant) != batch.day:
            platform = self._store.platform
            await platform.command("ZADD", platform.key("usage-tenants"), "GT", batch.day.toordinal(), batch.tenant)
            self._noted[batch.tenant] = batch.day

    async def counts(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Mapping[Place, Counts]:
        """Returns the counts of those days, ten days a round trip."""
        redis = self._redis(tenant)
        counts: dict[Place, Counts] = {}
        for days in days_in_pieces(first, last):
            pipeline = redis.pipeline(atomic=False)
            for day in days:
                pipeline.command("HGETALL", redis.key("usage-rows", day.isoformat()))
            for day, flat in zip(days, cast("list[list[bytes]]", await pipeline.execute()), strict=True):
                for field, amount in zip(flat[::2], flat[1::2], strict=True):
                    variant, agent, tier, name = field.decode().split(_SEPARATOR)
                    counted = counts.setdefault(Place(day, variant, agent, tier), Counts())
                    counted.by_name.update(Counter({name: int(amount)}))
        return counts

    async def conversations(self, tenant: TenantId, groups: Sequence[Sequence[Place]]) -> Sequence[int]:
        """Returns for each group how many conversations it has, so that no step holds the server for long."""
        redis = self._redis(tenant)
        found: list[int] = []
        small: list[list[str]] = []
        for group in groups:
            keys = [_conversations_key(redis, place) for place in group]
            if sum(map(len, small)) + len(keys) > _KEYS_A_STEP:
                found += await _count(redis, small)
                small = []
            small.append(keys if len(keys) <= _KEYS_A_STEP else [await _merged(redis, keys)])
        return found + await _count(redis, small)

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that had a turn since."""
        platform = self._store.platform
        found = await platform.command("ZRANGEBYSCORE", platform.key("usage-tenants"), first.toordinal(), "+inf")
        return sorted(TenantId(each.decode()) for each in cast("list[bytes]", found))

    def _redis(self, tenant: TenantId) -> TenantRedis:
        return self._store.for_tenant(Principal("usage", tenant))


async def _count(redis: TenantRedis, groups: Sequence[Sequence[str]]) -> list[int]:
    pipeline = redis.pipeline(atomic=False)
    for first, *rest in groups:
        pipeline.command("PFCOUNT", first, *rest)
    return cast("list[int]", await pipeline.execute())


async def _merged(redis: TenantRedis, keys: Sequence[str]) -> str:
    """Returns a key that holds the union of `keys` for a minute."""
    union = redis.key("usage-merged", secrets.token_urlsafe(9))
    for start in range(0, len(keys), _KEYS_A_STEP):
        await redis.command("PFMERGE", union, *keys[start : start + _KEYS_A_STEP])
        await redis.expire(union, _MERGED_SECONDS)
    return union


def _field(place: Place, name: str) -> str:
    return _SEPARATOR.join((place.variant, place.agent, place.tier, name))


def _conversations_key(redis: TenantRedis, place: Place) -> str:
    return redis.key("usage-conv", place.day.isoformat(), f"{place.variant}/{place.agent}/{place.tier}")
