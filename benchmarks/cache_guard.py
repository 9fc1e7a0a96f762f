"""The guard on labelled pairs: false hits and recall by class, with the shipped embedder.

`python -m benchmarks.cache_guard FILE…`; each file has the columns kind (same, different), class, a, b; the language
is the end of its name (`pairs_fr.tsv`).
"""

import argparse
import asyncio
import csv
import random
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from libs.common.embedding.local import LocalEmbedder
from libs.common.facts import Places
from services.cache import guard
from services.cache.admission import is_elliptical
from services.cache.fingerprint import normalise
from services.cache.reading import read_question


@dataclass(frozen=True)
class Outcome:
    """What the cache would do with one pair: `hit`, or the reason against."""

    kind: str
    label: str
    score: float
    verdict: str
    text: str


async def judge(path: Path, threshold: float, places: Places | None, embedder: LocalEmbedder) -> list[Outcome]:
    """Returns the outcome of every pair of a file."""
    language = path.stem.rpartition("_")[2]
    with path.open(newline="", encoding="utf-8") as lines:
        pairs = list(csv.DictReader(lines, delimiter="\t"))
    a = await embedder.embed([pair["a"] for pair in pairs])
    b = await embedder.embed([pair["b"] for pair in pairs])
    outcomes: list[Outcome] = []
    for pair, score in zip(pairs, (a * b).sum(axis=1), strict=True):
        stored = read_question(pair["a"], language=language, country="CI", places=places)
        asked = read_question(pair["b"], language=language, country="CI", places=places)
        refusal = guard.refuse(asked, stored, language=language)
        if normalise(pair["a"]) == normalise(pair["b"]):
            verdict = "hit"
        elif is_elliptical(stored) or is_elliptical(asked):
            verdict = "ELLIPTICAL"
        elif refusal is not None:
            verdict = refusal.rule
        else:
            verdict = "hit" if score >= threshold else "BELOW_THRESHOLD"
        outcomes.append(
            Outcome(pair["kind"], pair["class"], float(score), verdict, f"{pair['a']} | {pair['b']} {refusal or ''}")
        )
    return outcomes


def report(name: str, outcomes: list[Outcome], *, verbose: bool) -> None:
    """Prints one table."""
    print(f"\n{name}")
    print(f"{'kind':10} {'class':12} {'pairs':>5} {'hits':>5}  {'share':>6}  refusals")
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.kind, outcome.label].append(outcome)
    for (kind, label), members in groups.items():
        verdicts = Counter(member.verdict for member in members)
        hits = verdicts.pop("hit", 0)
        print(f"{kind:10} {label:12} {len(members):5} {hits:5}  {hits / len(members):6.1%}  {dict(verdicts)}")
    if verbose:
        for outcome in outcomes:
            if (outcome.kind == "same") != (outcome.verdict == "hit"):
                print(f"  {outcome.verdict:20} {outcome.score:.2f} {outcome.text}")


def cost(outcomes: list[Outcome]) -> None:
    """Prints what one reading takes."""
    texts = [outcome.text.partition(" | ")[0] for outcome in outcomes]
    random.Random(1).shuffle(texts)
    took: list[float] = []
    for text in texts:
        begun = time.perf_counter()
        read_question(text, language="fr", country="CI")
        took.append((time.perf_counter() - begun) * 1e6)
    print(f"\nreading one question: p50 {statistics.median(took):.0f} µs")


async def main() -> None:
    """Judges every file at the threshold, and by the guard alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--threshold", type=float, default=0.88)
    parser.add_argument("--place", action="append", default=[], help="a place of the tenant's gazetteer")
    parser.add_argument("--verbose", action="store_true", help="print the pairs that were judged wrongly")
    options = parser.parse_args()
    embedder = LocalEmbedder()
    await embedder.warm_up()
    places = Places(dict.fromkeys(options.place, ())) if options.place else None
    outcomes: list[Outcome] = []
    for path in options.files:
        for threshold in (options.threshold, 0.80, 0.70, 0.0):
            outcomes = await judge(path, threshold, places, embedder)
            is_first = threshold == options.threshold
            report(f"{path.name} at {threshold:.2f}", outcomes, verbose=options.verbose and is_first)
    cost(outcomes)


if __name__ == "__main__":
    asyncio.run(main())
