"""The country whose conventions documents follow, by the evidence of currencies, phones and cities."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from libs.common.facts import Places
from libs.common.linear_pattern import linear_pattern
from services.rag.patterns.lexicon import GAZETTEER

# Weight of one document's evidence of a kind. Francs of the CFA are eight countries', a calling code is one's.
_EVIDENCE = (
    ("CI", 1.0, r"\d ?(?:f ?cfa|fcfa|cfa|xof|francs?\b|frs?\b|f\b)|\bxof\b"),
    ("CI", 2.0, r"(?:\+|\b00) ?225\b|(?:\+|\b00)225\d|\bcote d'ivoire\b|\brccm\b"),
    ("CI", 0.5, r"\b(?:0[157]|2[157]) ?\d\d ?\d\d ?\d\d ?\d\d\b"),
    ("FR", 1.0, r"\d ?(?:€|euros?\b|eur\b)|\beur\b"),
    ("FR", 2.0, r"(?:\+|\b00) ?33 ?[1-9(]|\bsiret\b|\bsiren\b|\bfrance\b|\btva\b"),
    ("FR", 0.5, r"\b0[1-9](?:[ .]?\d\d){4}\b"),
    ("US", 1.0, r"(?:us)?\$ ?\d|\busd\b|\d dollars?\b"),
    ("US", 2.0, r"\+1[ .(-]{0,2}[2-9]\d\d|\busa\b|\bsales tax\b"),
    ("US", 1.0, r"\(?\b[2-9]\d\d\)?[ .-]{1,2}\d\d\d[ .-]\d\d\d\d\b|\b[a-z]{3,}, ?[a-z]{2} \d{5}\b"),
)
_PATTERNS = tuple((country, weight, linear_pattern(source)) for country, weight, source in _EVIDENCE)
_CITIES = tuple((country, Places(dict.fromkeys(cities, ()))) for country, cities in GAZETTEER.items())
_CITY_WEIGHT = 1.0
# Of one document, so that a single long one does not decide.
_MOST_PER_DOCUMENT = 3


@dataclass(frozen=True, slots=True)
class CountryVote:
    """The country, as two letters (empty without evidence), its share of all evidence, and its lead on the next."""

    country: str
    confidence: float
    margin: float


def vote(folded_texts: Iterable[str]) -> CountryVote:
    """Returns the country of a tenant's documents. Shares are 0 to 1; each document's evidence counts up to 3 times."""
    votes: dict[str, float] = defaultdict(float)
    for text in folded_texts:
        for country, weight, pattern in _PATTERNS:
            votes[country] += weight * _count(1 for _ in pattern.finditer(text))
        for country, cities in _CITIES:
            votes[country] += _CITY_WEIGHT * _count(1 for _ in cities.find_folded(text))
    total = sum(votes.values())
    if not total:
        return CountryVote("", 0.0, 0.0)
    most, country = max((count, country) for country, count in votes.items())
    next_most = max((count for each, count in votes.items() if each != country), default=0.0)
    return CountryVote(country, most / total, (most - next_most) / total)


def _count(found: Iterable[int]) -> int:
    seen = 0
    for one in found:
        seen += one
        if seen == _MOST_PER_DOCUMENT:
            break
    return seen
