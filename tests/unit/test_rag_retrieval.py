"""What retrieval returns, and what it does when a part of it fails."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from libs.common.errors import InvalidRequest, NotFound, Unavailable
from libs.common.request_context import Budget, Principal
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.documents import SubmittedDocument
from services.rag.ingestion import Ingestion
from services.rag.passage_index import Hit
from services.rag.reranking import Ranked, RankedHit, rerank
from services.rag.retrieval import GivenEmbedding, PassageRetrieval, Question, Retrieval
from tests.fakes.embedder import HashEmbedder
from tests.fakes.rag_parts import FixedRules, JournalIndex, MemoryClock, ReversingReranker, foreign, principal

BUDGET = Budget.of(5.0, now=lambda: 0.0)
DOCUMENTS = {
    "frais": "Les frais de livraison sont de 1 500 F à Cocody.",
    "retrait": "Le retrait en boutique est gratuit au Plateau.",
    "horaires": "La boutique ouvre à huit heures chaque matin.",
    "retour": "Un retour se fait dans les sept jours.",
}


class Stage:
    """A rag made of real parts but for the model, with the shop's documents in it."""

    def __init__(self, folder: Path) -> None:
        self.embedder = HashEmbedder()
        self.edge = QdrantEdgeIndex.open(
            folder, embedder_id=self.embedder.embedder_id, dimensions=self.embedder.dimensions
        )
        self.index = JournalIndex(self.edge)
        self.clock = MemoryClock()
        self.rules = FixedRules(owners=frozenset({"awa"}), score_floor=0.1)
        self.names: list[str] = []

    def retrieval(self, reranker: ReversingReranker | None = None) -> PassageRetrieval:
        @contextlib.contextmanager
        def stages(name: str) -> Iterator[None]:
            self.names.append(name)
            yield

        return PassageRetrieval(
            index=self.index,
            embedder=self.embedder,
            clock=self.clock,
            rules=self.rules,
            reranker=reranker,
            stages=stages,
        )

    async def ask(self, text: str, **fields: object) -> Retrieval:
        return await self.retrieval().retrieve(principal("shop"), Question(text, **fields), budget=BUDGET)  # type: ignore[arg-type]

    async def fill(self) -> None:
        ingestion = Ingestion(index=self.edge, embedder=self.embedder, clock=self.clock, rules=self.rules)
        documents = [SubmittedDocument(name, text.encode()) for name, text in DOCUMENTS.items()]
        documents.append(SubmittedDocument("secret-awa", b"Les frais de livraison internes de Awa.", agent_owner="awa"))
        await ingestion.upsert(principal("shop"), documents)
        self.embedder.calls.clear()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.fill()
    yield made
    await made.edge.aclose()


async def test_the_best_passages_come_first_with_context_and_epoch(stage: Stage) -> None:
    found = await stage.ask("frais de livraison à Cocody")
    assert found.passages[0].hit.document_id == "frais"
    assert "frais#0" in found.context
    assert found.rerank == "skipped(NO_RERANKER)"
    assert found.knowledge_epoch == stage.clock.epochs["shop"] == 2
    assert found.embedder_id == stage.embedder.embedder_id
    assert len(found.passages) <= 3


async def test_an_agent_reads_its_own_and_shared_passages_only(stage: Stage) -> None:
    own = await stage.ask("frais de livraison internes", agent="awa")
    assert "secret-awa" in {passage.hit.document_id for passage in own.passages}
    for agent in ("", "other"):
        found = await stage.ask("frais de livraison internes", agent=agent, passage_count=20)
        assert {passage.hit.agent_owner for passage in found.passages} == {"shared"}


async def test_nothing_above_the_floor_is_nothing_found(stage: Stage) -> None:
    stage.rules = FixedRules(score_floor=0.99)
    found = await stage.ask("frais de livraison")
    assert found.passages == ()
    assert found.context == ""
    assert [report.name for report in found.stages] == ["embed", "search", "rerank", "format"]


async def test_all_four_stages_are_there_always(stage: Stage) -> None:
    found = await stage.ask("zzz qqq")
    assert stage.names == ["embed", "search", "rerank", "format"]
    assert [report.name for report in found.stages] == stage.names
    assert all(report.detail for report in found.stages)


async def test_a_given_embedding_saves_the_work(stage: Stage) -> None:
    vector = (await stage.embedder.embed(["frais de livraison"]))[0]
    stage.embedder.calls.clear()
    given = GivenEmbedding(stage.embedder.embedder_id, vector.tolist())
    found = await stage.ask("frais de livraison", embedding=given)
    assert stage.embedder.calls == []
    assert np.allclose(found.vector, vector)


@pytest.mark.parametrize(
    "given",
    [
        GivenEmbedding("another", [0.1] * 64),
        GivenEmbedding("hash-64", [0.1] * 63),
        GivenEmbedding("hash-64", [float("nan")] * 64),
        GivenEmbedding("hash-64", []),
    ],
)
async def test_an_embedding_that_does_not_fit_is_made_here(given: GivenEmbedding, stage: Stage) -> None:
    found = await stage.ask("frais de livraison", embedding=given)
    assert stage.embedder.calls == [("frais de livraison",)]
    assert found.passages[0].hit.document_id == "frais"


async def test_a_hit_of_somebody_else_is_dropped_and_counted(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    own = (await stage.ask("frais")).passages[0].hit
    stage.index.leak = [foreign(own, tenant="other")]
    retrieval = stage.retrieval()
    found = await retrieval.retrieve(principal("shop"), Question("frais"), budget=BUDGET)
    assert {passage.hit.tenant for passage in found.passages} == {"shop"}
    assert retrieval.foreign_hits == 1
    assert "1 hits" in caplog.text
    assert own.text not in caplog.text


async def test_an_epoch_that_cannot_be_read_is_zero_and_the_passages_come(stage: Stage) -> None:
    stage.clock.is_down = True
    found = await stage.ask("frais de livraison")
    assert found.knowledge_epoch == 0
    assert found.passages


async def test_unknown_tenants_and_failing_embedders_are_named(stage: Stage) -> None:
    stage.rules.missing.add("shop")
    with pytest.raises(NotFound):
        await stage.ask("frais")
    stage.rules.missing.clear()
    stage.embedder.fail_times = 1
    with pytest.raises(Unavailable) as refused:
        await stage.ask("frais")
    assert refused.value.reason == "EMBEDDER_UNAVAILABLE"


async def test_nobody_searches_without_a_tenant(stage: Stage) -> None:
    nobody = Principal(subject="ops", tenant=None, is_operator=True)
    with pytest.raises(InvalidRequest):
        await stage.retrieval().retrieve(nobody, Question("frais"), budget=BUDGET)


async def test_the_reranker_has_the_last_word_on_the_order(stage: Stage) -> None:
    plain = await stage.ask("frais de livraison boutique", passage_count=20)
    reranker = ReversingReranker()
    found = await stage.retrieval(reranker).retrieve(
        principal("shop"), Question("frais de livraison boutique", passage_count=2), budget=BUDGET
    )
    assert found.rerank == "done"
    assert found.passages[0].hit == plain.passages[-1].hit
    assert found.passages[0].rerank_score == 1.0
    assert reranker.timeouts == [0.8]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Unavailable("RERANKER_LIMITED", "…"), "skipped(RERANKER_LIMITED)"),
        (TimeoutError(), "skipped(TIMEOUT)"),
    ],
)
async def test_a_reranker_that_fails_leaves_the_order_as_it_was(failure: Exception, outcome: str, stage: Stage) -> None:
    plain = await stage.ask("frais de livraison boutique")
    found = await stage.retrieval(ReversingReranker(failure)).retrieve(
        principal("shop"), Question("frais de livraison boutique"), budget=BUDGET
    )
    assert found.rerank == outcome
    assert [passage.hit for passage in found.passages] == [passage.hit for passage in plain.passages]
    assert all(passage.rerank_score == 0 for passage in found.passages)


HITS = [Hit("t", "shared", f"d{n}", 0, "", "texte", 0.9 - n / 10) for n in range(4)]


class Places:
    """Answers what it is told, or never."""

    def __init__(self, *indexes: int, hangs: bool = False) -> None:
        self._indexes = indexes
        self._hangs = hangs

    async def rank(self, question: str, texts: object, *, limit: int, timeout_seconds: float) -> list[Ranked]:
        if self._hangs:
            await asyncio.Event().wait()
        return [Ranked(index, 0.5) for index in self._indexes]


@pytest.mark.parametrize("indexes", [(), (0, 0), (4,), (-1,)])
async def test_places_that_make_no_sense_are_not_followed(indexes: tuple[int, ...]) -> None:
    ranking = await rerank(Places(*indexes), "q", HITS, limit=2, budget=BUDGET)
    assert ranking.candidates == (RankedHit(HITS[0]), RankedHit(HITS[1]))
    assert ranking.outcome == "skipped(RERANKER_INVALID)"


async def test_a_reranker_gets_no_more_than_its_share_of_what_is_left() -> None:
    hanging = await rerank(Places(hangs=True), "q", HITS, limit=2, budget=Budget.of(0.025, now=lambda: 0.0))
    assert hanging.outcome == "skipped(TIMEOUT)"
    late = await rerank(Places(0), "q", HITS, limit=2, budget=Budget(0.0, now=lambda: 1.0))
    assert late.outcome == "skipped(NO_TIME)"
    empty = await rerank(Places(0), "q", [], limit=2, budget=BUDGET)
    assert empty.outcome == "skipped(NO_CANDIDATES)"
