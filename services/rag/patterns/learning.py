"""Learns a tenant's patterns from its documents: proposes, scores, and keeps what carries. No tenant sees another's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from libs.common.errors import InvalidRequest
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold
from services.rag.patterns.code_shapes import propose_references
from services.rag.patterns.country import CountryVote, vote
from services.rag.patterns.expression import LearnedExpression
from services.rag.patterns.hour_shapes import propose_hours
from services.rag.patterns.keeper import DocumentText
from services.rag.patterns.money_shapes import Money, know_money, propose_prices
from services.rag.patterns.pattern import LearnedPattern, PatternSet, document_ref, min_support
from services.rag.patterns.phone_shapes import propose_phones
from services.rag.patterns.proposal import Proposal
from services.rag.patterns.safety import compiled, timed
from services.rag.patterns.scoring import score, score_zone, zone_expression
from services.rag.patterns.study import Study, clean
from services.rag.patterns.zone_shapes import Zone, find_zones, has_bare_fees

MAX_DOCUMENTS = 2_000
MAX_CHARACTERS = 4 << 20
# Of all documents; nothing is proposed from them.
_HELD_OUT_SHARE = 5
_MIN_DOCUMENTS_TO_HOLD_OUT = 5
_FRANCS = linear_pattern(r"\b(?:f ?cfa|fcfa|cfa|xof|xaf|francs?)\b")
_MAX_ACTIVE = 80
_MAX_ZONES = 90
_MAX_SHOWN_OTHERS = 30


@dataclass(frozen=True, slots=True)
class Learned:
    """What documents taught: the patterns, without times, and how the country was decided."""

    patterns: PatternSet
    vote: CountryVote


Timed = Callable[[str, str], float]


def learn(documents: Sequence[DocumentText], *, is_safe: Timed = timed) -> Learned:
    """Returns the patterns of one tenant's documents; the same for the same documents, in any order.

    Takes time linear in the text: 2,000 documents and 4 MiB of characters are read, the rest is left out. `is_safe`
    times an expression and raises InvalidRequest (PATTERN_UNSAFE) for a slow one.
    """
    chosen = _within_limits(documents)
    elected = vote(fold(clean(document.text)) for document in chosen)
    has_francs = elected.country == "CI" or any(_FRANCS.search(fold(document.text)) for document in chosen)
    studies = _studies(chosen, elected.country, has_francs=has_francs)
    taught = [study for study in studies if not study.is_held_out]
    money = know_money(taught, elected.country)
    enough = min_support(len(chosen))
    zones = list(find_zones(studies))
    patterns = _references(studies, money, elected.country, enough)
    patterns += [
        score(proposal, studies, money, elected.country).judged(proposal, min_support=enough)
        for proposal in _proposals(taught, money, elected.country, frozenset(name for name, _ in zones))
    ]
    patterns += _zones(zones, studies, money, enough)
    return Learned(
        PatternSet(
            patterns=_kept(patterns, is_safe),
            documents=tuple(document_ref(document.document_id) for document in chosen),
            country=elected.country,
            country_confidence=round(elected.confidence, 4),
        ),
        elected,
    )


def _within_limits(documents: Sequence[DocumentText]) -> list[DocumentText]:
    chosen: list[DocumentText] = []
    left = MAX_CHARACTERS
    for document in sorted(documents, key=lambda each: document_ref(each.document_id)):
        left -= len(document.text)
        if left < 0 or len(chosen) == MAX_DOCUMENTS:
            break
        chosen.append(document)
    return chosen


def _studies(documents: Sequence[DocumentText], country: str, *, has_francs: bool) -> list[Study]:
    # Documents come in the order of their references, which is as good as drawn by lot, and always the same.
    held_out = len(documents) // _HELD_OUT_SHARE if len(documents) >= _MIN_DOCUMENTS_TO_HOLD_OUT else 0
    return [
        Study(document.text, place=place, country=country, is_held_out=place < held_out, has_francs=has_francs)
        for place, document in enumerate(documents)
    ]


def _references(studies: Sequence[Study], money: Money, country: str, enough: int) -> list[LearnedPattern]:
    """Learns references first: a number that follows `commande n°` is no phone and no price any more."""
    taught = [study for study in studies if not study.is_held_out]
    found: list[LearnedPattern] = []
    for proposal in dict.fromkeys(propose_references(taught)):
        if not _is_allowed(proposal):
            continue
        pattern = score(proposal, studies, money, country).judged(proposal, min_support=enough)
        found.append(pattern)
        if pattern.status == "active":
            expression = LearnedExpression(proposal.field, proposal.expression)
            for study in studies:
                study.claim(
                    (fact.start, fact.end)
                    for _, _, facts in expression.finds(study.open_text, country)
                    for fact in facts
                )
    return found


def _proposals(taught: Sequence[Study], money: Money, country: str, names: frozenset[str]) -> Iterator[Proposal]:
    seen: set[Proposal] = set()
    makers = (
        propose_prices(taught, money, country, names=names),
        propose_phones(taught, country),
        propose_hours(taught),
    )
    for maker in makers:
        for proposal in maker:
            if proposal not in seen and _is_allowed(proposal):
                seen.add(proposal)
                yield proposal


def _is_allowed(proposal: Proposal) -> bool:
    """Returns False for what documents made too long or too odd for an expression."""
    try:
        compiled(proposal.field, proposal.expression)
    except InvalidRequest:
        return False
    return True


def _zones(
    zones: Sequence[tuple[str, Zone]], studies: Sequence[Study], money: Money, enough: int
) -> Iterator[LearnedPattern]:
    fee = ""
    if money.currency and has_bare_fees(studies, [name for name, _ in zones]):
        fee = f"{money.conventions[money.currency].expression()}(?P<en_{money.currency.lower()}>)"
    for name, zone in zones:
        proposal = Proposal("zone", zone_expression(name, fee=fee))
        if _is_allowed(proposal):
            yield score_zone(name, zone, studies).judged(proposal, min_support=enough, support=len(zone.places))


def _kept(patterns: Sequence[LearnedPattern], is_safe: Timed) -> tuple[LearnedPattern, ...]:
    """Returns the active patterns with the most support, within limits, and some of the others to look at."""
    ranked = sorted(patterns, key=lambda each: (-each.support, each.field, each.expression))
    active = [each for each in ranked if each.status == "active" and _is_quick(each, is_safe)]
    zones = [each for each in active if each.field == "zone"][:_MAX_ZONES]
    rest = [each for each in active if each.field != "zone"][:_MAX_ACTIVE]
    others = [each for each in ranked if each.status != "active"][:_MAX_SHOWN_OTHERS]
    return (*rest, *zones, *others)


def _is_quick(pattern: LearnedPattern, is_safe: Timed) -> bool:
    try:
        is_safe(pattern.field, pattern.expression)
    except InvalidRequest:
        return False
    return True
