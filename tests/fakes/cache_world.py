"""The cache's use cases wired on any store, with a clock that tests move."""

from dataclasses import dataclass, field

from libs.common.request_context import Principal, TenantId
from services.cache.answers import Answers
from services.cache.counters import Counters
from services.cache.index_following import IndexFollower
from services.cache.keeping import Keeping
from services.cache.lookup import Lookup, Question
from services.cache.offers import Kept, Offer
from services.cache.rechecking import Rechecking
from services.cache.store import AnswerStore, CounterStore, Nearest, Policy
from services.cache.tenant_index import TenantIndexes
from tests.fakes.embedder import HashEmbedder


def principal(tenant: str) -> Principal:
    """A client of `tenant`."""
    return Principal(subject="test", tenant=TenantId(tenant))


@dataclass
class Clock:
    """Seconds since the epoch, moved by hand."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class FixedPolicies:
    """One policy for every tenant."""

    policy: Policy = field(default_factory=lambda: Policy(threshold=0.6, language="fr", country="CI"))

    async def of(self, tenant: TenantId) -> Policy:
        return self.policy


class CacheWorld:
    """One replica of the cache."""

    def __init__(
        self,
        store: AnswerStore,
        totals: CounterStore,
        *,
        clock: Clock | None = None,
        embedder: HashEmbedder | None = None,
        max_bytes: int = 1 << 24,
        nearest: Nearest | None = None,
        # A busy machine must not look like a store that is away.
        store_budget_seconds: float = 5.0,
    ) -> None:
        self.clock = clock or Clock()
        # Seconds of the clock that only grows.
        self.ticks = 0.0
        # Under the sample's share, a semantic hit becomes a sample.
        self.drawn = 1.0
        self.embedder = embedder or HashEmbedder()
        self.counters = Counters(totals)
        follower = IndexFollower(store, TenantIndexes(max_bytes=max_bytes), self.counters)
        policies = self.policies = FixedPolicies()
        self.answers = Answers(
            store,
            embedder=self.embedder,
            policies=policies,
            follower=follower,
            counters=self.counters,
            nearest=nearest,
            now=self.clock,
            clock=lambda: self.ticks,
            threshold_floor=0.0,
            store_budget_seconds=store_budget_seconds,
            draw=lambda: self.drawn,
        )
        self.keeping = Keeping(
            store,
            embedder=self.embedder,
            policies=policies,
            follower=follower,
            counters=self.counters,
            now=self.clock,
            spread=lambda: 1.0,
        )
        self.rechecking = Rechecking(
            store, embedder=self.embedder, policies=policies, counters=self.counters, now=self.clock
        )

    async def keep(self, tenant: str, question: str, text: str, **more: object) -> Kept:
        return await self.keeping.keep(principal(tenant), Offer(question, text, **more))  # type: ignore[arg-type]

    async def look_up(self, tenant: str, text: str, **more: object) -> Lookup:
        return await self.answers.look_up(principal(tenant), Question(text, **more))  # type: ignore[arg-type]
