"""Counts of shadowed turns in Redis: a hash of sums for each tenant and one for all, and a tenant's newest differences.

Sums are plain numbers, so that every replica adds to them; names of turns are sealed. All of it is gone 90 days after
the last pair.
"""

from collections.abc import Iterable

from libs.common.redis_store import Pipeline, RedisStore, TenantRedis
from libs.common.request_context import Principal
from services.router.shadow.pairs import MAX_DIFFERING_TURNS, ShadowPair, ShadowReport, Sums, turn_name

_TTL_SECONDS = 90 * 86_400


class RedisShadowCounts:
    """Counts pairs of all replicas together."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def add(self, pair: ShadowPair) -> None:
        """Counts a pair: one step for its tenant, one for all."""
        redis, platform = self._store.for_tenant(pair.principal), self._store.platform
        own = redis.pipeline()
        _count(own, redis.key("shadow", "sums"), pair)
        if not pair.failed and not pair.same_state:
            turns = _turns_key(redis)
            name = redis.seal(turns, turn_name(pair.conversation_id, pair.turn_id).encode())
            own.command("LPUSH", turns, name).command("LTRIM", turns, 0, MAX_DIFFERING_TURNS - 1)
            own.command("EXPIRE", turns, _TTL_SECONDS)
        await own.execute()
        shared = platform.pipeline()
        _count(shared, platform.key("shadow", "sums"), pair)
        await shared.execute()

    async def report(self, principal: Principal | None) -> ShadowReport:
        """Returns the sums."""
        if principal is None:
            return _report(await self._store.platform.hgetall(self._store.platform.key("shadow", "sums")), ())
        redis = self._store.for_tenant(principal)
        sums = await redis.hgetall(redis.key("shadow", "sums"))
        return _report(sums, tuple(name for _, name in await _turns(redis)))

    async def forget(self, principal: Principal, conversation_id: str) -> None:
        """Removes a conversation's turns."""
        redis = self._store.for_tenant(principal)
        changes = redis.pipeline()
        for sealed, name in await _turns(redis):
            if name.partition(" ")[0] == conversation_id:
                changes.command("LREM", _turns_key(redis), 0, sealed)
        await changes.execute()


def _turns_key(redis: TenantRedis) -> str:
    return redis.key("shadow", "turns")


async def _turns(redis: TenantRedis) -> list[tuple[bytes, str]]:
    """Returns the kept turns, newest first, sealed and by name."""
    key = _turns_key(redis)
    kept: Iterable[bytes] = await redis.command("LRANGE", key, 0, -1)
    opened = ((sealed, redis.unseal(key, sealed)) for sealed in kept)
    return [(sealed, name.decode()) for sealed, name in opened if name is not None]


def _count(pipeline: Pipeline, key: str, pair: ShadowPair) -> None:
    counted = {"failed": 1} if pair.failed else _fields(pair)
    for name, number in counted.items():
        if number:
            pipeline.command("HINCRBY", key, name, number)
    pipeline.command("EXPIRE", key, _TTL_SECONDS)


def _fields(pair: ShadowPair) -> dict[str, int]:
    fields = {"pairs": 1, "same_state": int(pair.same_state), "same_ask": int(pair.same_ask)}
    for name, sums in (("served", pair.served), ("shadow", pair.shadow)):
        fields |= {
            f"{name}_micros": sums.micros,
            f"{name}_tokens": sums.tokens,
            f"{name}_cost": sums.cost_micro_usd,
        }
    return fields


def _report(sums: dict[str, bytes], turns: tuple[str, ...]) -> ShadowReport:
    def number(name: str) -> int:
        return int(sums.get(name, b"0"))

    def side(name: str) -> Sums:
        return Sums(number(f"{name}_micros"), number(f"{name}_tokens"), number(f"{name}_cost"))

    return ShadowReport(
        pairs=number("pairs"),
        same_state=number("same_state"),
        same_ask=number("same_ask"),
        failed=number("failed"),
        served=side("served"),
        shadow=side("shadow"),
        differing_turns=turns,
    )
