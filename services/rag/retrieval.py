"""Finds the passages of a tenant that answer a question: embed, search, rerank, format."""

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from libs.common.embedding.port import Embedder
from libs.common.errors import Unavailable
from libs.common.request_context import Budget, Principal
from libs.common.stages import Stages, no_stages
from services.rag.context_format import approximate_tokens, format_context
from services.rag.fusion import above_floor, fuse
from services.rag.knowledge_clock import KnowledgeClock
from services.rag.knowledge_rules import KnowledgeRulesSource
from services.rag.passage_index import Hit, PassageIndex, Vector
from services.rag.reranking import RankedHit, Reranker, rerank
from services.rag.tenant_scope import AgentScope, TenantScope
from services.rag.terms import question_terms

_LOG = logging.getLogger(__name__)

DEFAULT_CANDIDATES = 20
DEFAULT_PASSAGES = 3
DEFAULT_CONTEXT_TOKENS = 800


@dataclass(frozen=True, slots=True)
class GivenEmbedding:
    """An embedding that the caller made of the question."""

    embedder_id: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by which agent (empty: shared knowledge only), and how much is wanted."""

    text: str
    agent: str = ""
    embedding: GivenEmbedding | None = None
    candidate_count: int = DEFAULT_CANDIDATES
    passage_count: int = DEFAULT_PASSAGES
    context_tokens: int = DEFAULT_CONTEXT_TOKENS


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a stage did: its time in milliseconds, the candidates after it, and a sentence."""

    name: str
    duration_ms: float
    candidates: tuple[RankedHit, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found; no passage when nothing is similar enough. `rerank` is `done` or `skipped(REASON)`."""

    passages: tuple[RankedHit, ...]
    context: str
    rerank: str
    # 0 when it could not be read: an answer made of this is then never cached.
    knowledge_epoch: int
    embedder_id: str
    vector: Vector
    stages: tuple[StageReport, ...]


@dataclass(slots=True)
class _Trail:
    """Times the stages of one retrieval, each of which is a span of its own."""

    stages: Stages
    now: Callable[[], float]
    reports: list[StageReport] = field(default_factory=list[StageReport])
    candidates: tuple[RankedHit, ...] = ()
    detail: str = ""

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        start = self.now()
        with self.stages(name):
            yield
        self.reports.append(StageReport(name, (self.now() - start) * 1000, self.candidates, self.detail))


class PassageRetrieval:
    """Retrieves passages. Every call goes through all four stages, even when one has nothing to do."""

    def __init__(
        self,
        *,
        index: PassageIndex,
        embedder: Embedder,
        clock: KnowledgeClock,
        rules: KnowledgeRulesSource,
        reranker: Reranker | None = None,
        stages: Stages = no_stages,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._clock = clock
        self._rules = rules
        self._reranker = reranker
        self._stages = stages
        self._now = now
        # Hits that the filter should have kept away. Anything but 0 is an incident.
        self.foreign_hits = 0

    async def retrieve(self, principal: Principal, question: Question, *, budget: Budget) -> Retrieval:
        """Returns the best passages that the agent may read.

        The epoch is read before the search, so that it is never newer than what was found. Raises NotFound
        (TENANT_NOT_FOUND), Unavailable (INDEX_UNAVAILABLE, EMBEDDER_UNAVAILABLE), PreconditionFailed
        (EMBEDDER_MISMATCH).
        """
        scope = TenantScope(principal).for_agent(question.agent)
        rules = await self._rules.rules(scope.tenant)
        epoch = await self._epoch(scope)
        trail = _Trail(self._stages, self._now)
        with trail.stage("embed"):
            vector, trail.detail = await self._embed(question)
        with trail.stage("search"):
            terms = question_terms(question.text, languages=rules.languages)
            found = await self._index.search(scope, vector, limit=question.candidate_count, terms=terms)
            own = fuse(self._own(scope, found), question.text)
            hits = above_floor(own, question.text, floor=rules.score_floor)[: question.candidate_count]
            trail.candidates = tuple(RankedHit(hit) for hit in hits)
            trail.detail = _search_detail(own, hits, rules.score_floor)
        with trail.stage("rerank"):
            ranking = await rerank(self._reranker, question.text, hits, limit=question.passage_count, budget=budget)
            trail.candidates = ranking.candidates
            trail.detail = f"{ranking.outcome}; {len(ranking.candidates)} kept"
        with trail.stage("format"):
            context = format_context(
                [candidate.hit for candidate in ranking.candidates], max_tokens=question.context_tokens
            )
            trail.detail = f"about {approximate_tokens(context)} of {question.context_tokens} tokens"
        return Retrieval(
            passages=ranking.candidates,
            context=context,
            rerank=ranking.outcome,
            knowledge_epoch=epoch,
            embedder_id=self._embedder.embedder_id,
            vector=vector,
            stages=tuple(trail.reports),
        )

    async def _epoch(self, scope: AgentScope) -> int:
        try:
            return await self._clock.read(scope.within)
        except Unavailable as error:
            _LOG.warning("the knowledge epoch could not be read: %s", error.reason)
            return 0

    async def _embed(self, question: Question) -> tuple[Vector, str]:
        given = question.embedding
        if (
            given is not None
            and given.embedder_id == self._embedder.embedder_id
            and len(given.values) == self._embedder.dimensions
            and np.isfinite(values := np.asarray(given.values, dtype=np.float32)).all()
        ):
            return values, "given by the caller"
        vectors = await self._embedder.embed([question.text])
        return vectors[0], f"made by {self._embedder.embedder_id}"

    def _own(self, scope: AgentScope, found: Sequence[Hit]) -> list[Hit]:
        own = [hit for hit in found if scope.admits(tenant=hit.tenant, owner=hit.agent_owner)]
        if foreign := len(found) - len(own):
            self.foreign_hits += foreign
            _LOG.error("dropped %d hits outside the scope of the search", foreign)
        return own


def _search_detail(own: Sequence[Hit], hits: Sequence[Hit], floor: float) -> str:
    """Says what each search brought, and each candidate's place in both: `a#0 m1 w3` was first by meaning."""
    by_meaning = sum(hit.dense_rank > 0 for hit in own)
    by_words = sum(hit.sparse_rank > 0 for hit in own)
    places = ", ".join(
        f"{hit.document_id}#{hit.position} m{hit.dense_rank or '-'} w{hit.sparse_rank or '-'}" for hit in hits
    )
    return (
        f"{len(own)} candidates, {by_meaning} by meaning and {by_words} by words; {len(hits)} kept, the floor being "
        f"{floor:.2f}: {places or 'none'}"
    )
