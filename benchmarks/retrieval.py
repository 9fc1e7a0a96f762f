"""How well passages are found for labelled questions, and how fast, with the shipped embedder and index.

`python -m benchmarks.retrieval DOCUMENTS.jsonl`; a line is `{"id", "text", "queries": [{"style", "text"}], "title"?}`.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from libs.common.embedding.local import LocalEmbedder
from libs.common.request_context import Budget, Principal, TenantId
from services.rag.adapters.file_clock import FileClock
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.documents import SubmittedDocument
from services.rag.ingestion import Ingestion
from services.rag.knowledge_rules import KnowledgeRules
from services.rag.retrieval import PassageRetrieval, Question

OWNER = Principal(subject="benchmark", tenant=TenantId("benchmark"))
# Questions that no shop's documents answer; for a floor that keeps silent on them.
UNANSWERABLE = (
    "Qui a gagné la coupe du monde ?",
    "Quelle est la capitale du Japon ?",
    "Raconte-moi une blague",
    "Comment soigner une grippe ?",
    "Quel temps fera-t-il demain à Abidjan ?",
    "Écris un poème sur la mer",
    "Qui est le président de la France ?",
    "Combien font douze fois treize ?",
    "Quelle est la recette de l'attiéké ?",
    "Comment apprendre la guitare ?",
    "tu as quel âge",
    "je cherche un appartement à louer à Bingerville",
    "c'est quoi le sens de la vie",
    "Où acheter un billet d'avion pour Dakar ?",
    "mon ordinateur ne démarre plus",
    "Quels sont les résultats du bac ?",
)
FLOORS = (0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50)


class OpenRules:
    """No floor: every candidate counts."""

    async def rules(self, tenant: TenantId) -> KnowledgeRules:
        """See KnowledgeRulesSource."""
        del tenant
        return KnowledgeRules(frozenset(), -1.0)


@dataclass(frozen=True)
class Answer:
    """Where the right document came (0: nowhere), with which score, and the best score of all."""

    style: str
    rank: int
    right_score: float
    best_score: float
    took_ms: float


async def main() -> None:
    """Indexes, asks, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    options = parser.parse_args()
    lines = options.documents.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    embedder = LocalEmbedder()
    await embedder.warm_up()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = QdrantEdgeIndex.open(folder, embedder_id=embedder.embedder_id, dimensions=embedder.dimensions)
        clock, rules = FileClock(folder / "epochs"), OpenRules()
        ingestion = Ingestion(index=index, embedder=embedder, clock=clock, rules=rules)
        retrieval = PassageRetrieval(index=index, embedder=embedder, clock=clock, rules=rules)
        begun = time.perf_counter()
        documents = [SubmittedDocument(row["id"], row["text"].encode(), row.get("title", "")) for row in rows]
        await ingestion.upsert(OWNER, documents)
        print(f"{len(rows)} documents indexed in {time.perf_counter() - begun:.2f} s by {embedder.embedder_id}")
        answers = [
            await ask(retrieval, query["text"], row["id"], query["style"]) for row in rows for query in row["queries"]
        ]
        strangers = [await ask(retrieval, text, "", "unanswerable") for text in UNANSWERABLE]
        await index.aclose()
    report(answers, strangers)


async def ask(retrieval: PassageRetrieval, text: str, right: str, style: str) -> Answer:
    """Asks one question and looks for the document that answers it."""
    begun = time.perf_counter()
    found = await retrieval.retrieve(OWNER, Question(text, passage_count=20), budget=Budget.of(10))
    took_ms = (time.perf_counter() - begun) * 1e3
    order = [candidate.hit for candidate in found.passages]
    rank = next((place for place, hit in enumerate(order, start=1) if hit.document_id == right), 0)
    return Answer(style, rank, order[rank - 1].score if rank else 0.0, order[0].score if order else 0.0, took_ms)


def report(answers: list[Answer], strangers: list[Answer]) -> None:
    """Prints recall by style, what each floor would keep, and times."""
    print(f"{'questions':14} {'n':>4} {'@1':>6} {'@3':>6} {'@20':>6} {'MRR':>6}")
    for style in ("all", *sorted({answer.style for answer in answers})):
        chosen = [answer for answer in answers if style in ("all", answer.style)]
        recall = [sum(0 < answer.rank <= limit for answer in chosen) / len(chosen) for limit in (1, 3, 20)]
        mrr = sum(1 / answer.rank for answer in chosen if answer.rank) / len(chosen)
        print(f"{style:14} {len(chosen):4} {recall[0]:6.2f} {recall[1]:6.2f} {recall[2]:6.2f} {mrr:6.2f}")
    found = [answer for answer in answers if 0 < answer.rank <= 3]
    print(f"\n{'floor':>6}  {'right passages kept':>20}  {'unanswerable questions kept silent':>36}")
    for floor in FLOORS:
        kept = sum(answer.right_score >= floor for answer in found) / len(found)
        silent = sum(answer.best_score < floor for answer in strangers) / len(strangers)
        print(f"{floor:6.2f}  {kept:20.2f}  {silent:36.2f}")
    took = sorted(answer.took_ms for answer in [*answers, *strangers])
    print(f"\nretrieval p50 {statistics.median(took):.2f} ms, p99 {took[int(len(took) * 0.99)]:.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
