"""Whether anybody reads a document, or an answer made from it, after its deletion has returned.

The use cases of rag and of the cache, as the services wire them, share one real Valkey, each with connections of its
own. Readers look an answer up, retrieve and store on a miss, and take their time in between, while documents are
deleted and put back.
"""

import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cache_stand import Replica
from benchmarks.figure import Figure
from libs.common.embedded_redis import start_embedded_redis
from libs.common.embedding.local import LocalEmbedder
from libs.common.redis_store import RedisStore
from libs.common.request_context import Budget, Principal, TenantId
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.entries import SourceRef
from services.cache.offers import Offer
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.adapters.redis_clock import RedisClock
from services.rag.documents import SubmittedDocument
from services.rag.ingestion import Ingestion
from services.rag.knowledge_rules import KnowledgeRules
from services.rag.retrieval import PassageRetrieval, Question, Retrieval

TENANT = "benchmark"
OWNER = Principal(subject="benchmark", tenant=TenantId(TENANT))
READS = 5_000
DELETIONS = 50
READERS = 8
MAX_SECONDS = 90.0
# A store that a busy machine makes slow must not turn reads into misses: only answers can be stale.
PATIENCE_SECONDS = 10.0
TOPICS = (
    "la livraison à Cocody", "le retrait en boutique", "le paiement par carte", "les retours de chaussures",
    "les bons cadeaux", "la réparation des montres", "le lavage des tapis", "les horaires du dimanche",
    "la garantie des bagages", "le prêt de vélos", "les inscriptions au stage", "la location de salles",
)  # fmt: skip


class OpenRules:
    """Everything similar at all is an answer."""

    async def rules(self, tenant: TenantId) -> KnowledgeRules:
        """See KnowledgeRulesSource."""
        return KnowledgeRules(frozenset(), 0.2)


@dataclass
class Seen:
    """Which documents are gone, and what readers saw."""

    # When the deletion of a document returned; absent while the document may be there.
    gone_at: dict[str, float] = field(default_factory=dict[str, float])
    counts: Counter[str] = field(default_factory=Counter[str])

    def note(self, kind: str, cited: set[str], *, began_at: float) -> None:
        """Counts a read that began at `began_at` and cites documents."""
        self.counts[kind] += 1
        if any(self.gone_at.get(name, began_at) < began_at for name in cited):
            self.counts[f"stale {kind}"] += 1


@dataclass(frozen=True)
class Scene:
    """What readers and the deleter work with."""

    ingestion: Ingestion
    retrieval: PassageRetrieval
    cache: Replica
    seen: Seen

    async def put(self, number: int) -> None:
        """Indexes a document."""
        text = f"Pour {TOPICS[number]}, les conditions sont affichées à l'accueil, guichet {number + 1}."
        await self.ingestion.upsert(OWNER, [SubmittedDocument(f"d{number}", text.encode())])


async def figures() -> list[Figure]:
    """Runs the readers and the deleter; returns how many reads were stale."""
    async with AsyncExitStack() as stack:
        scene = await _set(stack)
        ended = asyncio.Event()
        deleter = asyncio.create_task(_delete_and_put_back(scene, ended))
        try:
            async with asyncio.timeout(MAX_SECONDS), asyncio.TaskGroup() as tasks:
                for number in range(READERS):
                    tasks.create_task(_read(scene, random.Random(number)))
        except TimeoutError:
            print(f"ended after {MAX_SECONDS:.0f} s")
        finally:
            ended.set()
            await deleter
    counts = scene.seen.counts
    print("\nreads beside deletions: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    stale = counts["stale cached"] + counts["stale retrieved"]
    return [
        Figure("rag_stale_answers", stale, "answers", ("==", 0)),
        Figure("rag_stale_reads_made", counts["cached"] + counts["retrieved"], "reads", (">=", 2_000)),
        # That there was something to be stale: cached answers were read, and documents were deleted meanwhile.
        Figure("rag_stale_cached_reads", counts["cached"], "reads", (">=", 200)),
        Figure("rag_stale_deletions", counts["deletions"], "deletions", (">=", DELETIONS)),
    ]


async def _set(stack: AsyncExitStack) -> Scene:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rp-")))
    redis = await start_embedded_redis(folder / "redis")
    stack.push_async_callback(redis.stop)
    epochs, answers = (RedisStore.connect(redis.url, db=5, timeout_seconds=PATIENCE_SECONDS) for _ in range(2))
    stack.push_async_callback(epochs.aclose)
    stack.push_async_callback(answers.aclose)
    embedder = LocalEmbedder()
    await embedder.warm_up()
    index = QdrantEdgeIndex.open(folder / "index", embedder_id=embedder.embedder_id, dimensions=embedder.dimensions)
    stack.push_async_callback(index.aclose)
    clock, rules = RedisClock(epochs), OpenRules()
    cache = Replica.on(
        RedisAnswers(answers),
        store_budget_seconds=PATIENCE_SECONDS,
        embedder=embedder,  # type: ignore[arg-type]  # a stand needs no more than an Embedder
    )
    scene = Scene(
        Ingestion(index=index, embedder=embedder, clock=clock, rules=rules),
        PassageRetrieval(index=index, embedder=embedder, clock=clock, rules=rules),
        cache,
        Seen(),
    )
    for number in range(len(TOPICS)):
        await scene.put(number)
    return scene


async def _delete_and_put_back(scene: Scene, ended: asyncio.Event) -> None:
    rng, seen = random.Random(20261121), scene.seen
    while not ended.is_set():
        number = rng.randrange(len(TOPICS))
        await scene.ingestion.delete(OWNER, [f"d{number}"])
        seen.gone_at[f"d{number}"] = time.monotonic()
        seen.counts["deletions"] += 1
        await asyncio.sleep(rng.uniform(0, 0.2))
        # From here on it may be read again.
        del seen.gone_at[f"d{number}"]
        await scene.put(number)
        # Long enough for answers to be kept and read again before the next deletion.
        await asyncio.sleep(rng.uniform(0.2, 0.6))


async def _read(scene: Scene, rng: random.Random) -> None:
    seen = scene.seen
    while seen.counts["cached"] + seen.counts["retrieved"] < READS or seen.counts["deletions"] < DELETIONS:
        # Every third question is of a document that is gone, when one is.
        wanted = [int(name[1:]) for name in seen.gone_at] if rng.random() < 0.34 else []
        text = f"Quelles sont les conditions pour {TOPICS[rng.choice(wanted or range(len(TOPICS)))]} ?"
        began_at = time.monotonic()
        found = await scene.cache.look_up(TENANT, text)
        if found.hit is not None:
            cited = {source.document_id for source in found.hit.entry.sources}
            seen.note("cached", cited, began_at=began_at)
            # A customer's pace: else the first hits would be all.
            await asyncio.sleep(rng.uniform(0, 0.01))
            continue
        began_at = time.monotonic()
        passages = await scene.retrieval.retrieve(OWNER, Question(text), budget=Budget.of(60))
        seen.note("retrieved", {each.hit.document_id for each in passages.passages}, began_at=began_at)
        if passages.passages:
            # What a model would take to word it: the document may be deleted meanwhile.
            await asyncio.sleep(rng.uniform(0, 0.05))
            kept = await scene.cache.keeping.keep(OWNER, _offer(text, passages))
            seen.counts["stored" if kept.entry_id else f"not stored: {kept.refused_reason}"] += 1


def _offer(text: str, found: Retrieval) -> Offer:
    hits = [candidate.hit for candidate in found.passages]
    sources = tuple(SourceRef(hit.document_id, hit.position, hit.title, hit.score) for hit in hits)
    return Offer(text, hits[0].text, locale="fr", sources=sources, knowledge_epoch=found.knowledge_epoch)
