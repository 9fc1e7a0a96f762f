"""Budgets and charges in Redis, one script a step. All keys of a tenant share a cluster slot.

Per day: `spend-day` (sums spent and held), `spend-held` (reservations by their end), `spend-settled` (ids, so that a
step that ran and whose answer was lost counts once), `spend-rows` (a hash of counters). `spend-recent` is a stream of
sealed charges. `spend-tenants`, a platform key, holds who was charged, by last day.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from libs.common.redis_connections import Argument
from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.request_context import Principal, TenantId
from libs.common.spending.ledger import Allowance, Charge, Reservation, SpendRow, days_in_pieces
from libs.common.spending.spending_scripts import HOLD, SETTLE
from libs.common.spending.sums import SpendSums

# A settlement that waits for the store longer than this could count twice.
_DAY_SECONDS = 3 * 86_400
_RECENT_SECONDS = 30 * 86_400
_RECENT_CHARGES = 10_000
_SEPARATOR = "\x1f"
_COUNTERS = ("calls", "prompt_tokens", "completion_tokens", "wasted_tokens", "cost_micro_usd", "unpriced_calls")


class RedisSpending:
    """Keeps sums for `retention_days`, and up to about 10,000 recent charges a tenant for 30 days.

    Every method may raise Unavailable (STORE_UNAVAILABLE).
    """

    def __init__(self, store: RedisStore, *, retention_days: int = 400) -> None:
        self._store = store
        self._retention_seconds = retention_days * 86_400
        self._noted: dict[TenantId, datetime.date] = {}

    async def hold(self, reservation: Reservation, allowance: Allowance, *, now: float) -> tuple[bool, int, int]:
        """Returns whether the reservation fits and is held, and the tokens and micro-dollars spent so far."""
        redis = self._redis(reservation.tenant)
        keys = _day_keys(redis, reservation.day)[:2]
        arguments = (
            now,
            reservation.expires_at,
            _member(reservation),
            reservation.tokens,
            reservation.micro_usd,
            allowance.daily_tokens,
            allowance.daily_micro_usd,
            _DAY_SECONDS,
        )
        held, tokens, micro_usd = cast("tuple[int, int, int]", await redis.eval(HOLD, keys, arguments))
        return held == 1, tokens, micro_usd

    async def settle(self, reservation: Reservation, charges: Sequence[Charge]) -> None:
        """Replaces the reservation by the charges, once."""
        redis = self._redis(reservation.tenant)
        sums = SpendSums()
        for charge in charges:
            sums.add(charge)
        rows = list(sums.rows())
        days = sorted({row.day for row in rows})
        recent = redis.key("spend-recent")
        keys = (*_day_keys(redis, reservation.day), recent, *(_rows_key(redis, day) for day in days))
        additions = [
            part for row in rows for field, amount in _fields(row) for part in (days.index(row.day) + 1, field, amount)
        ]
        arguments: tuple[Argument, ...] = (
            reservation.id,
            _member(reservation),
            reservation.tokens,
            reservation.micro_usd,
            sum(charge.tokens for charge in charges),
            sum(charge.cost_micro_usd for charge in charges),
            _DAY_SECONDS,
            self._retention_seconds,
            _RECENT_SECONDS,
            _RECENT_CHARGES,
            len(additions) // 3,
            *additions,
            *(redis.seal(recent, json.dumps(asdict(charge)).encode()) for charge in charges),
        )
        await redis.eval(SETTLE, keys, arguments)
        if days and self._noted.get(reservation.tenant) != days[-1]:
            platform = self._store.platform
            await platform.command(
                "ZADD", platform.key("spend-tenants"), "GT", days[-1].toordinal(), reservation.tenant
            )
            self._noted[reservation.tenant] = days[-1]

    async def rows(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Sequence[SpendRow]:
        """Returns the sums of those days, ten days a round trip."""
        redis = self._redis(tenant)
        rows: list[SpendRow] = []
        for days in days_in_pieces(first, last):
            pipeline = redis.pipeline(atomic=False)
            for day in days:
                pipeline.command("HGETALL", _rows_key(redis, day))
            found = cast("list[list[bytes]]", await pipeline.execute())
            rows += [row for day, flat in zip(days, found, strict=True) for row in _read_rows(tenant, day, flat)]
        return rows

    async def recent(self, tenant: TenantId, *, limit: int) -> Sequence[Charge]:
        """Returns the newest charges, newest first; one with a broken seal is left out."""
        redis = self._redis(tenant)
        key = redis.key("spend-recent")
        entries = cast("list[Any]", await redis.command("XREVRANGE", key, "+", "-", "COUNT", limit))
        opened = (redis.unseal(key, fields[1]) for _, fields in entries)
        return [Charge(**json.loads(value)) for value in opened if value is not None]

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that were charged something since, in order."""
        platform = self._store.platform
        found = await platform.command("ZRANGEBYSCORE", platform.key("spend-tenants"), first.toordinal(), "+inf")
        return sorted(TenantId(each.decode()) for each in cast("list[bytes]", found))

    def _redis(self, tenant: TenantId) -> TenantRedis:
        return self._store.for_tenant(Principal("ledger", tenant))


def _day_keys(redis: TenantRedis, day: datetime.date) -> tuple[str, str, str]:
    text = day.isoformat()
    return redis.key("spend-day", text), redis.key("spend-held", text), redis.key("spend-settled", text)


def _rows_key(redis: TenantRedis, day: datetime.date) -> str:
    return redis.key("spend-rows", day.isoformat())


def _member(reservation: Reservation) -> str:
    return f"{reservation.id}:{reservation.tokens}:{reservation.micro_usd}"


def _fields(row: SpendRow) -> list[tuple[str, int]]:
    """Returns the counters that a row adds to, those of 0 left out."""
    place = (row.variant, row.component, row.agent, row.tier, row.model)
    names = _SEPARATOR.join(part.replace(_SEPARATOR, " ") for part in place)
    amounts = ((name, cast("int", getattr(row, name))) for name in _COUNTERS)
    return [(f"{names}{_SEPARATOR}{name}", amount) for name, amount in amounts if amount]


def _read_rows(tenant: TenantId, day: datetime.date, flat: list[bytes]) -> list[SpendRow]:
    rows: dict[str, SpendRow] = {}
    for field, amount in zip(flat[::2], flat[1::2], strict=True):
        names, _, counter = field.decode().rpartition(_SEPARATOR)
        # A later version may count more.
        if counter in _COUNTERS:
            variant, component, agent, tier, model = names.split(_SEPARATOR)
            row = rows.get(names) or SpendRow(tenant, day, variant, component, agent, tier, model)
            rows[names] = replace(row, **{counter: int(amount)})
    return list(rows.values())
