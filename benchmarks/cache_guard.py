"""The guard on labelled pairs: false hits and recall by class, with the shipped embedder, at the threshold and below.

`python -m benchmarks.cache_guard [FILE…]`; each file has the columns kind (same, different), class, a, b; the language
is the end of its name (`pairs_fr.tsv`). Without files: the held-out half of tests/data/cache_pairs_*.tsv, and the whole
of the files that REPARTEE_PAIRS names, separated by colons.
"""

import argparse
import asyncio
import csv
import hashlib
import os
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure
from libs.common.embedding.local import LocalEmbedder
from libs.common.facts import Places
from services.cache import guard
from services.cache.admission import is_elliptical
from services.cache.essence import essence
from services.cache.fingerprint import normalise
from services.cache.reading import read_question

THRESHOLD = 0.88
_THRESHOLDS = (THRESHOLD, 0.80, 0.70, 0.0)
_OWN = Path(__file__).parent.parent / "tests" / "data"
_EXACT = "exact"


@dataclass(frozen=True)
class Pair:
    """Two questions, and whether one answer serves both."""

    language: str
    kind: str
    label: str
    a: str
    b: str

    @property
    def is_held_out(self) -> bool:
        """True for the half that nobody looks at while the rules are being written: a fixed hash decides."""
        return hashlib.sha256(f"{self.a}\t{self.b}".encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Outcome:
    """How alike a pair is, and what the guard says: '' when it passes, `exact` when it need not be asked."""

    pair: Pair
    score: float
    verdict: str

    def hits(self, threshold: float, *, guarded: bool = True) -> bool:
        """Says whether one question is served the other's answer."""
        if self.verdict == _EXACT:
            return True
        return self.score >= threshold and not (guarded and self.verdict)


def pairs_of(path: Path, *, held_out_only: bool = False) -> list[Pair]:
    """Returns the pairs of a file."""
    language = path.stem.rpartition("_")[2]
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        pairs = [Pair(language, row["kind"], row["class"], row["a"], row["b"]) for row in rows]
    return [pair for pair in pairs if pair.is_held_out] if held_out_only else pairs


def default_pairs() -> dict[str, list[Pair]]:
    """Returns the held-out half of the repository's pairs, and all pairs of REPARTEE_PAIRS, by a name for each file."""
    more = [Path(name) for name in os.environ.get("REPARTEE_PAIRS", "").split(":") if name]
    own = {f"{path.name}, held-out half": pairs_of(path, held_out_only=True) for path in _OWN.glob("cache_pairs_*.tsv")}
    return dict(sorted(own.items())) | {path.name: pairs_of(path) for path in more}


async def judge(pairs: Sequence[Pair], embedder: LocalEmbedder, places: Places | None = None) -> list[Outcome]:
    """Returns the outcome of every pair, `a` stored and `b` asked."""
    a = await embedder.embed([essence(pair.a) for pair in pairs])
    b = await embedder.embed([essence(pair.b) for pair in pairs])
    return [
        Outcome(pair, float(score), _verdict(pair, places))
        for pair, score in zip(pairs, (a * b).sum(axis=1), strict=True)
    ]


def _verdict(pair: Pair, places: Places | None) -> str:
    if normalise(pair.a) == normalise(pair.b):
        return _EXACT
    stored = read_question(pair.a, language=pair.language, country="CI", places=places)
    asked = read_question(pair.b, language=pair.language, country="CI", places=places)
    if is_elliptical(stored) or is_elliptical(asked):
        return "ELLIPTICAL"
    refusal = guard.refuse(asked, stored, language=pair.language)
    return f"{refusal.rule} {refusal.detail}" if refusal else ""


def report(name: str, outcomes: Sequence[Outcome]) -> None:
    """Prints one table: hits by class at each threshold, with the guard and with the threshold alone."""
    print(f"\n{name}")
    columns = "".join(f"{threshold:>8.2f}" for threshold in _THRESHOLDS)
    print(f"{'kind':10} {'class':12} {'pairs':>5} {columns}   alone{columns[:-8]}  refusals")
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.pair.kind, outcome.pair.label].append(outcome)
    for (kind, label), members in groups.items():
        guarded = "".join(f"{_share(members, threshold):8.1%}" for threshold in _THRESHOLDS)
        alone = "".join(f"{_share(members, threshold, guarded=False):8.1%}" for threshold in _THRESHOLDS[:-1])
        rules = Counter(member.verdict.partition(" ")[0] for member in members if member.verdict not in ("", _EXACT))
        print(f"{kind:10} {label:12} {len(members):5} {guarded}        {alone}  {dict(rules)}")


def _share(outcomes: Sequence[Outcome], threshold: float, *, guarded: bool = True) -> float:
    return sum(outcome.hits(threshold, guarded=guarded) for outcome in outcomes) / max(1, len(outcomes))


def cost(pairs: Sequence[Pair]) -> None:
    """Prints what one reading and one decision take."""
    readings: list[float] = []
    decisions: list[float] = []
    for pair in pairs:
        begun = time.perf_counter()
        stored = read_question(pair.a, language=pair.language, country="CI")
        readings.append((time.perf_counter() - begun) * 1e6)
        asked = read_question(pair.b, language=pair.language, country="CI")
        begun = time.perf_counter()
        guard.refuse(asked, stored, language=pair.language)
        decisions.append((time.perf_counter() - begun) * 1e6)
    print(
        f"\nreading a question p50 {statistics.median(readings):.0f} µs, "
        f"deciding p50 {statistics.median(decisions):.0f} µs"
    )


async def figures() -> list[Figure]:
    """Judges the default pairs, prints the tables, and returns what is promised of them."""
    embedder = LocalEmbedder()
    await embedder.warm_up()
    outcomes: list[Outcome] = []
    for name, pairs in default_pairs().items():
        judged = await judge(pairs, embedder)
        report(name, judged)
        outcomes += judged
    cost([outcome.pair for outcome in outcomes])
    different = [outcome for outcome in outcomes if outcome.pair.kind == "different"]
    french, english = ([o for o in different if o.pair.language == language] for language in ("fr", "en"))
    for language, members in (("fr", french), ("en", english)):
        alone, with_guard = _share(members, THRESHOLD, guarded=False), _share(members, THRESHOLD)
        print(
            f"{language}: {len(members)} look-alikes; served by the threshold alone {alone:.1%}, "
            f"with the guard {with_guard:.1%}"
        )
    rewordings = [o for o in outcomes if o.pair.language == "fr" and o.pair.label == "near"]
    # Of the rewordings that are alike enough, those that the guard lets through: what it costs in recall.
    alike = [outcome for outcome in rewordings if outcome.hits(THRESHOLD, guarded=False)]
    return [
        Figure("false_hits_fr", _share(french, THRESHOLD), "share", ("<=", 0.005)),
        Figure("false_hits_en", _share(english, THRESHOLD), "share", ("<=", 0.005)),
        Figure("false_hits_guard_alone", _share(different, 0.0), "share", ("<=", 0.02)),
        Figure("alike_rewordings_passed_fr", _share(alike, THRESHOLD), "share", (">=", 0.9)),
    ]


async def main() -> None:
    """Judges the files of the command line; without any, prints the default tables and their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--place", action="append", default=[], help="a place of the tenant's gazetteer")
    parser.add_argument("--verbose", action="store_true", help="print the pairs that were judged wrongly")
    options = parser.parse_args()
    if not options.files:
        for figure in await figures():
            print(figure)
        return
    embedder = LocalEmbedder()
    await embedder.warm_up()
    places = Places(dict.fromkeys(options.place, ())) if options.place else None
    for path in options.files:
        outcomes = await judge(pairs_of(path), embedder, places)
        report(path.name, outcomes)
        for outcome in outcomes if options.verbose else ():
            if (outcome.pair.kind == "same") != outcome.hits(THRESHOLD):
                print(f"  {outcome.score:.2f} {outcome.pair.a} | {outcome.pair.b}  {outcome.verdict}")


if __name__ == "__main__":
    asyncio.run(main())
