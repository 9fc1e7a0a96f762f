"""Answers in Redis, database 5: `semantic_cache:v2:{TENANT}:…`, every value sealed with its tenant and key."""

from collections.abc import Mapping, Sequence
from typing import cast

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.request_context import Principal, TenantId, parse_tenant_id
from services.cache.adapters.answer_scripts import CHANGES, RAISE, REMOVE, WRITE
from services.cache.adapters.redisearch_nearest import vector_fields, vector_prefix
from services.cache.entries import Entry, Row, decode_entry, decode_row, encode_entry, encode_row
from services.cache.store import Changes, Snapshot

FAMILY = "semantic_cache:v2"
_LINES_AT_ONCE = 500


class _Keys:
    """The names of one tenant's keys."""

    __slots__ = ("entry_prefix", "epoch", "expiry", "floor", "order", "rows", "sizes", "totals", "version")

    def __init__(self, redis: TenantRedis) -> None:
        self.entry_prefix = redis.key(FAMILY, "x", "")
        self.rows = redis.key(FAMILY, "rows")
        self.order = redis.key(FAMILY, "order")
        self.expiry = redis.key(FAMILY, "expiry")
        # Bytes by entry; under the empty name, their sum.
        self.sizes = redis.key(FAMILY, "sizes")
        self.version = redis.key(FAMILY, "version")
        self.floor = redis.key(FAMILY, "floor")
        self.totals = redis.key(FAMILY, "totals")
        self.epoch = redis.key("knowledge", "epoch")

    def row(self, entry_id: str) -> str:
        """The name that a row is sealed for: the hash and the field."""
        return f"{self.rows}:{entry_id}"


class RedisAnswers:
    """An AnswerStore and CounterStore. An exact hit costs one MGET.

    Keeps at most `capacity` entries and `capacity_bytes` a tenant: beyond, that tenant's oldest go, and nobody else's.

    `patient` is the same database with more time: loading a tenant and keeping an answer outlast a lookup's read.
    With `keeps_vectors` each vector has a key of its own too, for `RedisearchNearest`.
    """

    def __init__(
        self,
        store: RedisStore,
        *,
        patient: RedisStore | None = None,
        capacity: int = 2000,
        capacity_bytes: int = 16 << 20,
        keeps_vectors: bool = False,
    ) -> None:
        self._store = store
        self._patient = patient or store
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._keeps_vectors = keeps_vectors

    async def read(self, owner: Principal, entry_ids: Sequence[str]) -> Snapshot:
        """See AnswerStore."""
        redis = self._store.for_tenant(owner)
        prefix = redis.key(FAMILY, "x", "")
        epoch_key, version_key = redis.key("knowledge", "epoch"), redis.key(FAMILY, "version")
        raise_key = redis.key(FAMILY, "raise")
        epoch, version, raised, *sealed = await redis.mget(
            epoch_key, version_key, raise_key, *[prefix + e for e in entry_ids]
        )
        crossed = 0
        entries: list[Entry | None] = []
        for entry_id, value in zip(entry_ids, sealed, strict=True):
            payload = redis.unseal(prefix + entry_id, value)
            crossed += payload is None and value is not None
            entries.append(decode_entry(entry_id, payload) if payload is not None else None)
        return Snapshot(int(epoch or 0), int(version or 0), tuple(entries), crossed, int(raised or 0) / 1000)

    async def changes(self, owner: Principal, since: int | None) -> Changes:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        keys = _Keys(redis)
        reply = await redis.eval(
            CHANGES, [keys.rows, keys.order, keys.version, keys.floor], [-1 if since is None else since]
        )
        version, is_whole, flat = cast("tuple[int, int, list[bytes]]", reply)
        rows: list[Row] = []
        gone: list[str] = []
        crossed = 0
        for name, value in zip(flat[::2], flat[1::2], strict=True):
            entry_id = name.decode()
            payload = redis.unseal(keys.row(entry_id), value) if value else None
            crossed += payload is None and bool(value)
            row = decode_row(entry_id, payload) if payload is not None else None
            if row is None:
                gone.append(entry_id)
            else:
                rows.append(row)
        return Changes(version, bool(is_whole), tuple(rows), tuple(gone), crossed)

    async def write(self, owner: Principal, entry: Entry, row: Row, *, now: float) -> int | None:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        keys = _Keys(redis)
        key = keys.entry_prefix + entry.entry_id
        version = await redis.eval(
            WRITE,
            [keys.rows, keys.order, keys.expiry, keys.sizes, key, keys.version, keys.epoch],
            [
                redis.seal(key, encode_entry(entry)),
                max(1, round((entry.expires_at - now) * 1000)),
                entry.entry_id,
                redis.seal(keys.row(entry.entry_id), encode_row(row)),
                entry.knowledge_epoch,
                self._capacity,
                now,
                entry.expires_at,
                keys.entry_prefix,
                self._capacity_bytes,
                vector_prefix(redis),
                *(vector_fields(redis.tenant, row) if self._keeps_vectors else ()),
            ],
        )
        return None if version is None else int(version)

    async def remove(self, owner: Principal, entry_ids: Sequence[str] | None, *, now: float) -> int:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        keys = _Keys(redis)
        if entry_ids is not None and not entry_ids:
            return 0
        scripted = [keys.rows, keys.order, keys.expiry, keys.sizes, keys.version, keys.floor]
        return int(
            await redis.eval(REMOVE, scripted, [now, keys.entry_prefix, vector_prefix(redis), *(entry_ids or ())])
        )

    async def size(self, owner: Principal, *, now: float) -> int:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        return int(await redis.command("ZCOUNT", _Keys(redis).expiry, f"({now}", "+inf"))

    async def size_bytes(self, owner: Principal) -> int:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        return int(await redis.command("HGET", _Keys(redis).sizes, "") or 0)

    async def ask_first(self, owner: Principal, entry_id: str, *, seconds: float) -> bool:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        key = redis.key(FAMILY, "asked", entry_id)
        return await redis.command("SET", key, "1", "NX", "PX", round(seconds * 1000)) is not None

    async def note_sample(self, owner: Principal, *, is_false: bool) -> tuple[int, int]:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        key = redis.key(FAMILY, "samples")
        pipeline = redis.pipeline()
        pipeline.command("HINCRBY", key, "all", 1)
        pipeline.command("HINCRBY", key, "false", int(is_false))
        samples, false = await pipeline.execute()
        return int(samples), int(false)

    async def raise_threshold(self, owner: Principal, by: float, *, at_most: float) -> float:
        """See AnswerStore."""
        redis = self._patient.for_tenant(owner)
        steps = [round(by * 1000), round(at_most * 1000)]
        keys = [redis.key(FAMILY, "raise"), redis.key(FAMILY, "samples")]
        return int(await redis.eval(RAISE, keys, steps)) / 1000

    async def add(self, increments: Mapping[Principal, Mapping[str, int]]) -> None:
        """See CounterStore."""
        # Thousands of tenants may have been asked for in a second: their counts share round trips.
        lines = [
            ("HINCRBY", self._patient.for_tenant(owner).key(FAMILY, "totals"), name, count)
            for owner, counts in increments.items()
            for name, count in counts.items()
        ]
        platform = self._patient.platform
        for begin in range(0, len(lines), _LINES_AT_ONCE):
            replies = await platform.connections.run_many(lines[begin : begin + _LINES_AT_ONCE])
            refused = next((reply for reply in replies if isinstance(reply, Exception)), None)
            if refused is not None:
                raise Unavailable("STORE_UNAVAILABLE", "Redis refused the counts of the cache.") from refused
        await platform.command(
            "SADD", platform.key(FAMILY, "tenants"), *sorted({o.require_tenant() for o in increments})
        )

    async def totals(self, owner: Principal) -> dict[str, int]:
        """See CounterStore."""
        redis = self._patient.for_tenant(owner)
        return {name: int(value) for name, value in (await redis.hgetall(_Keys(redis).totals)).items()}

    async def tenants(self) -> list[TenantId]:
        """See CounterStore."""
        platform = self._patient.platform
        names = cast("list[bytes]", await platform.command("SMEMBERS", platform.key(FAMILY, "tenants")))
        return sorted(parse_tenant_id(name.decode()) for name in names)
