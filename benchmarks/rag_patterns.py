"""How well patterns learned from a tenant's documents read prices, phones and zones, against the generic ones.

`python -m benchmarks.rag_patterns`. Six labelled tenants in tests/data/patterns; held-out documents are never learned
from. Speed is measured on a hundred generated tenants of a hundred documents each.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure
from libs.common.facts import Fact, Places, extract_facts
from libs.common.text_fold import fold
from services.rag.patterns.keeper import DocumentText
from services.rag.patterns.learning import Learned, learn
from services.rag.patterns.lexicon import GAZETTEER
from services.rag.patterns.reading import PatternReader
from services.rag.patterns.safety import timed

LABELLED = Path(__file__).parent.parent / "tests" / "data" / "patterns"
FIELDS: Mapping[str, str] = {"prices": "money", "phones": "phone", "zones": "place"}
GENERATED_TENANTS = 100
GENERATED_DOCUMENTS = 100
SAMPLES_PER_TENANT = 20
SAMPLE_DOCUMENTS = 6


@dataclass(frozen=True)
class Labelled:
    """A document and what a person found in it."""

    tenant: str
    country: str
    held_out: bool
    document_id: str
    text: str
    expected: Mapping[str, Sequence[str]]


def labelled_tenants() -> Iterator[tuple[str, list[Labelled]]]:
    """Yields each tenant with its documents."""
    for file in sorted(LABELLED.glob("*.jsonl")):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        yield (
            file.stem,
            [
                Labelled(
                    row["tenant"],
                    row["country"],
                    row["split"] == "held_out",
                    row["id"],
                    row["text"],
                    {field: row[field] for field in FIELDS},
                )
                for row in rows
            ],
        )


def taught(documents: Sequence[Labelled]) -> Learned:
    """Returns what the documents that are not held out teach."""
    return learn([DocumentText(each.document_id, each.text) for each in documents if not each.held_out])


@dataclass
class Tally:
    """Right finds, wrong finds, and what was not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, found: Counter[str], expected: Counter[str]) -> None:
        """Counts one document."""
        both = (found & expected).total()
        self.right += both
        self.wrong += found.total() - both
        self.missed += expected.total() - both

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0


def found_in(facts: Sequence[Fact], field: str) -> Counter[str]:
    """Returns the values of a field; a zone counts once a document, whatever its case."""
    values = Counter(fold(fact.value) for fact in facts if fact.kind == FIELDS[field])
    return Counter(dict.fromkeys(values, 1)) if field == "zones" else values


def expected_in(document: Labelled, field: str) -> Counter[str]:
    """Returns the labels of a field, as `found_in`."""
    if field == "prices":
        return Counter(f"{float(value):g}" if float(value) < 1e6 else value for value in document.expected[field])
    values = Counter(fold(value) for value in document.expected[field])
    return Counter(dict.fromkeys(values, 1)) if field == "zones" else values


def compare(*, explain: bool = False) -> dict[tuple[str, str], Tally]:
    """Returns tallies by (`generic` or `learned`, field) over all held-out documents."""
    tallies = {(way, field): Tally() for way in ("generic", "learned") for field in FIELDS}
    for _, documents in labelled_tenants():
        reader = PatternReader(taught(documents).patterns.active)
        for document in documents:
            if not document.held_out:
                continue
            cities = Places(dict.fromkeys(GAZETTEER[document.country], ()))
            ways = {
                "generic": extract_facts(document.text, country=document.country, places=cities),
                "learned": reader.facts(document.text, country=document.country),
            }
            for way, facts in ways.items():
                for field in FIELDS:
                    found, expected = found_in(facts, field), expected_in(document, field)
                    tallies[way, field].add(found, expected)
                    if explain and way == "learned" and found != expected:
                        print(
                            document.tenant, document.document_id, field, dict(found - expected), dict(expected - found)
                        )
    return tallies


def country_share() -> float:
    """Returns how often the country is right, from all of a tenant's documents and from random handfuls of them."""
    rng = random.Random(7)
    right = total = 0
    for _, documents in labelled_tenants():
        texts = [DocumentText(each.document_id, each.text) for each in documents]
        samples = [texts, *(rng.sample(texts, SAMPLE_DOCUMENTS) for _ in range(SAMPLES_PER_TENANT))]
        for sample in samples:
            total += 1
            right += learn(sample).vote.country == documents[0].country
    return right / total


def generated(tenant: int) -> list[DocumentText]:
    """Returns a hundred short documents of one of a hundred shops, each with its own zones and way of writing."""
    rng = random.Random(tenant)
    sign, currency, phone = (
        (".", "FCFA", "07 07 {:02d} {:02d} {:02d}"),
        (" ", "€", "06 12 {:02d} {:02d} {:02d}"),
        (",", "USD", "512-555-{:02d}{:02d}"),
    )[tenant % 3]
    zones = ["".join(rng.choices("aeioulmnrst", k=7)).capitalize() for _ in range(8)]
    documents: list[DocumentText] = []
    for number in range(GENERATED_DOCUMENTS):
        amounts = [f"{rng.randint(1, 99)}{sign}{rng.randrange(0, 1000, 50):03d}" for _ in range(4)]
        dial = phone.format(*(rng.randint(0, 99) for _ in range(3)))
        documents.append(
            DocumentText(
                f"d{number}",
                f"Article {tenant}-{number}\nPrix : {amounts[0]}\n6 paquets - {amounts[1]} {currency}\n"
                f"Livraison à {rng.choice(zones)} : {amounts[2]} {currency}\nTel : {dial}\n"
                f"Commande n° {rng.randrange(10**9, 10**10)}, le {rng.randint(1, 28)}/05/2026, ouvert 8h-18h\n"
                f"Le carton de {rng.randint(2, 48)} pièces : {amounts[3]} {currency}, -{rng.randint(5, 50)} %\n",
            )
        )
    return documents


def seconds_for_a_hundred_tenants() -> float:
    """Returns how long learning takes for a hundred tenants of a hundred documents, one after the other."""
    tenants = [generated(tenant) for tenant in range(GENERATED_TENANTS)]
    begun = time.perf_counter()
    for documents in tenants:
        learn(documents)
    return time.perf_counter() - begun


def slowest_pattern_ms() -> float:
    """Returns the milliseconds that the slowest learned pattern takes for 10 kB of the worst hostile text."""
    patterns = {
        (pattern.field, pattern.expression)
        for _, documents in labelled_tenants()
        for pattern in taught(documents).patterns.active
    }
    return max(timed(field, expression) for field, expression in sorted(patterns))


async def figures() -> list[Figure]:
    """Measures everything."""
    tallies = compare()
    for (way, field), tally in tallies.items():
        print(f"{way:8} {field:7} precision {tally.precision:.3f} recall {tally.recall:.3f}")
    found: list[Figure] = []
    for field in FIELDS:
        learned = tallies["learned", field]
        found.append(Figure(f"patterns_{field}_precision", learned.precision, "share", (">=", 0.95)))
        generic = tallies["generic", field]
        found.append(Figure(f"patterns_{field}_recall", learned.recall, "share", (">=", generic.recall)))
    found.append(Figure("patterns_country_right", country_share(), "share", (">=", 0.95)))
    found.append(Figure("patterns_hundred_tenants", seconds_for_a_hundred_tenants(), "s", ("<=", 200)))
    found.append(Figure("patterns_slowest_hostile", slowest_pattern_ms(), "ms", ("<=", 5)))
    return found


if __name__ == "__main__":
    for figure in asyncio.run(figures()):
        print(figure)
