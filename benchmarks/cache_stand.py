"""Replicas of the cache on a real Valkey, with vectors that are made beforehand: what is timed is the lookup alone."""

import contextlib
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from libs.common.embedded_redis import EmbeddedRedis, start_embedded_redis
from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.answers import Answers
from services.cache.counters import Counters
from services.cache.entries import Entry, Row, scope_of
from services.cache.fingerprint import fingerprint, normalise
from services.cache.index_following import IndexFollower
from services.cache.keeping import Keeping
from services.cache.lookup import Lookup, Question
from services.cache.store import AnswerStore, CounterStore, Policy
from services.cache.tenant_index import TenantIndexes

DIMENSIONS = 512  # of the shipped embedder
LANGUAGE = "fr"
PLACES = (
    "Cocody",
    "Yopougon",
    "Korhogo",
    "Marcory",
    "Abobo",
    "Treichville",
    "Daloa",
    "Adjamé",
    "Bingerville",
    "Gagnoa",
)
KEPT = tuple(f"Combien coûte la livraison à {place} ?" for place in PLACES)
REWORDED = tuple(f"Combien coûte une livraison à {place} ?" for place in PLACES)
TEXT = "La livraison coûte 1.500 FCFA et prend un jour ouvré. " * 4
# The settings' default, and enough for 10,000 tenants with five answers each.
INDEX_BYTES = 256 << 20


class KnownVectors:
    """An embedder of the questions above: a rewording has a cosine of 0.97 with its question, about 0 with others."""

    embedder_id = "known-512"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        dice = np.random.default_rng(512)
        kept = _unit(dice.normal(size=(len(KEPT), DIMENSIONS)))
        near = _unit(kept + 0.011 * dice.normal(size=kept.shape))
        self._rows = dict(zip((*KEPT, *REWORDED), np.concatenate([kept, near]), strict=True))
        self._nothing = _unit(dice.normal(size=(1, DIMENSIONS)))[0]

    def of(self, text: str) -> NDArray[np.float32]:
        """Returns the vector of a text; every text that is not known shares one that is near nothing."""
        return self._rows.get(text.strip(), self._nothing)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See Embedder."""
        return np.stack([self.of(text) for text in texts])


class OnePolicy:
    """One policy for every tenant."""

    policy = Policy(language=LANGUAGE, country="CI")

    async def of(self, tenant: TenantId) -> Policy:
        """See Policies."""
        return self.policy


class Replica:
    """The cache's use cases as the service wires them. `samples` are off: answering anew is another's work."""

    def __init__(
        self,
        store: AnswerStore,
        totals: CounterStore,
        *,
        store_budget_seconds: float = 0.12,
        embedder: KnownVectors | None = None,
    ) -> None:
        self.embedder = embedder or KnownVectors()
        self.counters = Counters(totals)
        self.indexes = TenantIndexes(max_bytes=INDEX_BYTES)
        policies = OnePolicy()
        self.follower = IndexFollower(store, self.indexes, self.counters)
        self.answers = Answers(
            store,
            embedder=self.embedder,
            policies=policies,
            follower=self.follower,
            counters=self.counters,
            store_budget_seconds=store_budget_seconds,
            sample_share=0.0,
        )
        self.keeping = Keeping(
            store, embedder=self.embedder, policies=policies, follower=self.follower, counters=self.counters
        )

    @classmethod
    def on(
        cls, answers: RedisAnswers, *, store_budget_seconds: float = 0.12, embedder: KnownVectors | None = None
    ) -> Self:
        """Returns a replica whose answers and totals are in one store."""
        return cls(answers, answers, store_budget_seconds=store_budget_seconds, embedder=embedder)

    async def look_up(self, tenant: str, text: str) -> Lookup:
        """Asks as a client of `tenant`."""
        return await self.answers.look_up(owner_of(tenant), Question(text, locale=LANGUAGE))


@dataclass(frozen=True)
class Stand:
    """A server of its own and a replica on it."""

    server: EmbeddedRedis
    redis: RedisStore
    store: RedisAnswers
    replica: Replica

    async def fill(self, tenants: Sequence[str], *, answers_each: int) -> None:
        """Keeps the first `answers_each` questions for every tenant, past admission: that has its own tests."""
        for tenant in tenants:
            for number in range(answers_each):
                await self.keep(tenant, KEPT[number])

    async def keep(self, tenant: str, question: str, *, text: str = TEXT) -> None:
        """Keeps one answer."""
        entry, row = entry_of(tenant, question, text=text, vector=self.replica.embedder.of(question))
        await self.store.write(owner_of(tenant), entry, row, now=time.time())

    async def used_bytes(self) -> int:
        """Returns the memory that the server has in use for its data."""
        lines = (await self.redis.platform.connections.run(("INFO", "memory"))).splitlines()
        return next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"used_memory:"))


def owner_of(tenant: str) -> Principal:
    """Returns a client of `tenant`."""
    return Principal(subject="benchmark", tenant=TenantId(tenant))


def tenants_of(count: int) -> list[str]:
    """Returns the names of so many tenants."""
    return [f"tenant-{number:05}" for number in range(count)]


def entry_of(
    tenant: str, question: str, *, text: str, vector: NDArray[np.float32], capacity_seconds: float = 86_400.0
) -> tuple[Entry, Row]:
    """Returns what the cache keeps of an answer."""
    key = fingerprint(tenant=tenant, agent="", language=LANGUAGE, normalised=normalise(question))
    now = time.time()
    scope = scope_of(agent="", language=LANGUAGE, embedder_id=KnownVectors.embedder_id)
    entry = Entry(key, question, text, "", LANGUAGE, "agent", (), 0, now, now + capacity_seconds)
    return entry, Row(key, scope, 0, entry.expires_at, ("document",), vector)


def unseen(text: str, number: int) -> str:
    """Returns `text` with spaces after it that nobody has sent before, so that nothing remembers it."""
    return text + "".join(" \t"[number >> bit & 1] for bit in range(20))


@contextlib.asynccontextmanager
async def running_stand() -> AsyncGenerator[Stand]:
    """Runs an empty server, with the default settings of the embedded one."""
    with tempfile.TemporaryDirectory(prefix="rp-") as folder:
        server = await start_embedded_redis(Path(folder))
        # A busy machine must not turn a slow lookup into a fast miss while times are taken.
        redis = RedisStore.connect(server.url, db=5, timeout_seconds=5.0)
        try:
            store = RedisAnswers(redis, capacity=20_000, capacity_bytes=1 << 30)
            yield Stand(server, redis, store, Replica.on(store, store_budget_seconds=5.0))
        finally:
            await redis.aclose()
            await server.stop()


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
