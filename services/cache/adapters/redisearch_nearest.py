"""The semantic tier in Redis's query engine, for those who run one: vectors beside the answers, searched by Redis."""

from hashlib import blake2b
from typing import cast

from redis.exceptions import ResponseError

from libs.common.errors import PreconditionFailed, Unavailable
from libs.common.redis_store import RedisStore, TenantRedis
from libs.common.request_context import Principal, TenantId
from services.cache.entries import Row, Vector

_FAMILY = "semantic_cache_vectors"
_DIGEST_BYTES = 16


def vector_prefix(redis: TenantRedis) -> str:
    """Returns what the names of a tenant's vectors begin with; the entry's id follows."""
    return redis.key(_FAMILY, "")


def vector_fields(tenant: TenantId, row: Row) -> tuple[str | bytes, ...]:
    """Returns the fields of a row's hash, flat; none when only the exact tier may find the entry."""
    if row.vector is None:
        return ()
    partition = _partition(tenant, row.scope, row.knowledge_epoch)
    return ("partition", partition, "vector", row.vector.astype("<f4").tobytes())


def _partition(tenant: TenantId, scope: str, epoch: int) -> str:
    # One digest in place of three filters: nothing in it has to be escaped, and what is of another tenant, scope or
    # epoch is in another partition.
    return blake2b(f"{tenant}\x00{scope}\x00{epoch}".encode(), digest_size=_DIGEST_BYTES).hexdigest()


class RedisearchNearest:
    """A Nearest by one FT.SEARCH, exact (FLAT), for `RedisAnswers(…, keeps_vectors=True)` on the same store.

    The engine indexes database 0 only. Answers that were kept without vectors are found by the exact tier alone.
    """

    def __init__(self, store: RedisStore, *, dimensions: int) -> None:
        self._store = store
        self._dimensions = dimensions
        self._is_prepared = False

    async def nearest(
        self,
        owner: Principal,
        vector: Vector,
        *,
        scope: str,
        count: int,
        epoch: int,
        version: int,  # noqa: ARG002  # the engine shows a row as soon as it is written
        now: float,  # noqa: ARG002  # a vector's key expires with its entry
    ) -> list[tuple[str, float]]:
        """See Nearest. Raises Unavailable (STORE_UNAVAILABLE) too when Redis has no query engine."""
        if not self._is_prepared:
            try:
                await self.prepare()
            except PreconditionFailed as error:
                raise Unavailable("STORE_UNAVAILABLE", error.message) from error
        redis = self._store.for_tenant(owner)
        partition = _partition(redis.tenant, scope, epoch)
        reply = await self._run(
            "FT.SEARCH",
            self._index_name,
            f"(@partition:{{{partition}}})=>[KNN {count} @vector $v AS distance]",
            *("PARAMS", 2, "v", vector.astype("<f4").tobytes()),
            *("SORTBY", "distance", "RETURN", 1, "distance", "LIMIT", 0, count, "DIALECT", 2),
        )
        prefix = vector_prefix(redis)
        _, *flat = cast("list[bytes | list[bytes]]", reply)
        found: list[tuple[str, float]] = []
        for name, fields in zip(flat[::2], flat[1::2], strict=True):
            key = cast("bytes", name).decode()
            # The partition has told tenants apart; the name of the key has to say the same.
            if key.startswith(prefix) and fields:
                found.append((key.removeprefix(prefix), 1.0 - float(cast("list[bytes]", fields)[1])))
        return found

    @property
    def _index_name(self) -> str:
        return self._store.platform.key(_FAMILY, str(self._dimensions))

    async def prepare(self) -> None:
        """Makes the index, unless it is there; answers that are older than it are found some moments later.

        Raises PreconditionFailed (QUERY_ENGINE_MISSING), and Unavailable (STORE_UNAVAILABLE) without a Redis.
        """
        options = ("TYPE", "FLOAT32", "DIM", self._dimensions, "DISTANCE_METRIC", "COSINE")
        try:
            await self._store.platform.connections.run(
                (
                    *(
                        "FT.CREATE",
                        self._index_name,
                        "ON",
                        "HASH",
                        "PREFIX",
                        1,
                        self._store.platform.key(_FAMILY) + ":",
                    ),
                    *("SCHEMA", "partition", "TAG", "vector", "VECTOR", "FLAT", len(options), *options),
                )
            )
        except ResponseError as refusal:
            if "already exists" not in str(refusal).lower():
                raise PreconditionFailed(
                    "QUERY_ENGINE_MISSING",
                    "Redis has no query engine for this database: load it and use database 0, "
                    "or set REPARTEE_CACHE_INDEX=memory.",
                ) from refusal
        self._is_prepared = True

    async def _run(self, *command: str | bytes | int) -> object:
        try:
            return await self._store.platform.connections.run(command)
        except ResponseError as refusal:
            self._is_prepared = False  # the index may have gone with what was flushed
            raise Unavailable("STORE_UNAVAILABLE", "Redis's query engine refused a search.") from refusal
