"""How well passages are found by meaning, by words and by both, for labelled questions.

`python -m benchmarks.rag_recall [DOCUMENTS.jsonl …]`; without a file, the set in `benchmarks/data`. A line is
`{"id", "text", "queries": [{"style", "text"}], "title"?, "locale"?, "split"?}`. Documents whose `split` is `held` were
set aside before the order was chosen.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.retrieval import OWNER, OpenRules
from libs.common.embedding.local import LocalEmbedder
from libs.common.request_context import Budget
from services.rag.adapters.file_clock import FileClock
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.documents import SubmittedDocument
from services.rag.fusion import fuse
from services.rag.ingestion import Ingestion
from services.rag.passage_index import Hit
from services.rag.retrieval import PassageRetrieval, Question
from services.rag.tenant_scope import TenantScope
from services.rag.terms import question_terms

OWN = Path(__file__).parent / "data" / "knowledge_questions.jsonl"
CANDIDATES = 20
# Questions about the codes of documents as they are written, and as customers type them.
CODE_STYLES = frozenset(("code", "code_loose"))
RECALL_AT_3, CODES_AT_1 = 0.74, 0.9


@dataclass(frozen=True)
class Asked:
    """A question, and the place of the right document in each order; 0: nowhere."""

    style: str
    locale: str
    split: str
    ranks: dict[str, int]
    took_ms: float


# Orders of the same candidates: one search alone, both with equal weight, and the shipped one.
def _orders(hits: Sequence[Hit], question: str) -> dict[str, Sequence[Hit]]:
    by_words = sorted((hit for hit in hits if hit.sparse_rank), key=lambda hit: hit.sparse_rank)
    by_meaning = sorted((hit for hit in hits if hit.dense_rank), key=lambda hit: hit.dense_rank)

    def reciprocal(hit: Hit) -> float:
        return -sum(1 / (60 + rank) for rank in (hit.dense_rank, hit.sparse_rank) if rank)

    return {
        "meaning": by_meaning,
        "words": by_words,
        "equal ranks": sorted(hits, key=reciprocal),
        "shipped": fuse(hits, question),
    }


async def figures() -> list[Figure]:
    """Prints the tables; returns recall of each set and of codes."""
    found: list[Figure] = []
    named = os.environ.get("REPARTEE_FAQ", "")
    embedder = LocalEmbedder()
    await embedder.warm_up()
    for path in [OWN, *([Path(named)] if named else [])]:
        asked = await ask_all(path, embedder)
        report(path.stem, asked)
        # Everyday questions: the codes of the own set would only flatter.
        plain = [each for each in asked if each.style not in CODE_STYLES]
        found.append(Figure(f"rag_{path.stem}_recall_at_3", recall(plain, "shipped", 3), "share", (">=", RECALL_AT_3)))
        codes = [each for each in asked if each.style in CODE_STYLES]
        for split in sorted({each.split for each in codes}):
            chosen = [each for each in codes if each.split == split]
            name = f"rag_codes_{split}_recall_at_1"
            found.append(Figure(name, recall(chosen, "shipped", 1), "share", (">=", CODES_AT_1)))
    return found


async def ask_all(path: Path, embedder: LocalEmbedder) -> list[Asked]:
    """Indexes the documents of a file as one tenant's, then asks all their questions."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = QdrantEdgeIndex.open(folder, embedder_id=embedder.embedder_id, dimensions=embedder.dimensions)
        clock, rules = FileClock(folder / "epochs"), OpenRules()
        ingestion = Ingestion(index=index, embedder=embedder, clock=clock, rules=rules)
        retrieval = PassageRetrieval(index=index, embedder=embedder, clock=clock, rules=rules)
        documents = [SubmittedDocument(row["id"], row["text"].encode(), row.get("title", "")) for row in rows]
        await ingestion.upsert(OWNER, documents)
        asked: list[Asked] = []
        for row in rows:
            for query in row["queries"]:
                text, right = query["text"], row["id"]
                vector = (await embedder.embed([text]))[0]
                terms = question_terms(text, languages=("fr", "en"))
                scope = TenantScope(OWNER).for_agent("")
                hits = await index.search(scope, vector, limit=CANDIDATES, terms=terms)
                begun = time.perf_counter()
                await retrieval.retrieve(OWNER, Question(text), budget=Budget.of(10))
                took_ms = (time.perf_counter() - begun) * 1e3
                ranks = {name: _rank(order[:CANDIDATES], right) for name, order in _orders(hits, text).items()}
                asked.append(Asked(query["style"], row.get("locale", "fr"), row.get("split", "all"), ranks, took_ms))
        await index.aclose()
    return asked


def _rank(order: Sequence[Hit], right: str) -> int:
    return next((place for place, hit in enumerate(order, start=1) if hit.document_id == right), 0)


def recall(asked: Sequence[Asked], order: str, limit: int) -> float:
    """Returns the share of questions whose document is among the first `limit`; 0 without questions."""
    return sum(0 < each.ranks[order] <= limit for each in asked) / max(1, len(asked))


def report(title: str, asked: Sequence[Asked]) -> None:
    """Prints recall by order, and by language, style and split."""
    groups: dict[str, Callable[[Asked], bool]] = {"all": lambda _: True}
    for name in ("locale", "style", "split"):
        values = sorted({str(getattr(each, name)) for each in asked})
        if len(values) > 1:
            groups |= {value: lambda each, name=name, value=value: getattr(each, name) == value for value in values}
    print(f"\n{title:26} {'questions':12} {'n':>4} {'@1':>6} {'@3':>6} {'@20':>6} {'MRR':>6}")
    for order in asked[0].ranks:
        for group, chooses in groups.items():
            chosen = [each for each in asked if chooses(each)]
            numbers = [recall(chosen, order, limit) for limit in (1, 3, 20)]
            numbers.append(sum(1 / each.ranks[order] for each in chosen if each.ranks[order]) / len(chosen))
            print(f"  {order:24} {group:12} {len(chosen):4} " + " ".join(f"{number:6.2f}" for number in numbers))
    took = sorted(each.took_ms for each in asked)
    print(f"  retrieval p50 {statistics.median(took):.2f} ms, p99 {took[int(len(took) * 0.99)]:.2f} ms")


async def main() -> None:
    """Reports the files named on the command line, or the own set."""
    embedder = LocalEmbedder()
    await embedder.warm_up()
    for path in [Path(name) for name in sys.argv[1:]] or [OWN]:
        report(path.stem, await ask_all(path, embedder))


if __name__ == "__main__":
    asyncio.run(main())
