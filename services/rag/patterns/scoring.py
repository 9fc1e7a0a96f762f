"""Judges a proposal by the documents: how many show it, how often it is right, and what it found wrongly."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from libs.common.facts.fact import Found
from libs.common.facts.places import linear_escape
from services.rag.patterns.expression import LearnedExpression
from services.rag.patterns.money_shapes import Money
from services.rag.patterns.pattern import MIN_PRECISION, LearnedPattern, Shown, Status, shown
from services.rag.patterns.phone_shapes import is_called_so
from services.rag.patterns.proposal import Proposal
from services.rag.patterns.study import Study
from services.rag.patterns.zone_shapes import Zone

_MAX_SHOWN = 3
# Under half right, a shape means something else.
_REJECTED_UNDER = 0.5


@dataclass(slots=True)
class Score:
    """Right and wrong finds on documents learned from and held out, with who shows them."""

    right: Counter[bool] = field(default_factory=Counter[bool])
    wrong: Counter[bool] = field(default_factory=Counter[bool])
    witnesses: int = 0
    examples: list[Shown] = field(default_factory=list[Shown])
    counter_examples: list[Shown] = field(default_factory=list[Shown])

    def note(self, study: Study, start: int, end: int, *, is_right: bool) -> None:
        """Counts one find."""
        counted, kept = (self.right, self.examples) if is_right else (self.wrong, self.counter_examples)
        counted[study.is_held_out] += 1
        if is_right:
            self.witnesses |= 1 << study.place
        while start and study.text[start - 1 : start + 1].isalpha():
            start -= 1
        piece = shown(study.written_at(start, end) if is_right else study.around(start, end), study.place)
        if len(kept) < _MAX_SHOWN and all(piece.text != each.text for each in kept):
            kept.append(piece)

    def judged(self, proposal: Proposal, *, min_support: int, support: int | None = None) -> LearnedPattern:
        """Returns the pattern with its status: active with enough documents, purity and held-out precision."""
        purity = _share(self.right[False], self.wrong[False])
        # Documents held out may not show a rare shape at all; then what was learned from has to do.
        is_shown = self.right[True] + self.wrong[True] > 0
        precision = _share(self.right[True], self.wrong[True]) if is_shown else purity
        carried = self.witnesses.bit_count() if support is None else support
        status: Status = "candidate"
        if min(purity, precision) < _REJECTED_UNDER:
            status = "rejected"
        elif carried >= min_support and min(purity, precision) >= MIN_PRECISION:
            status = "active"
        return LearnedPattern(
            field=proposal.field,
            expression=proposal.expression,
            status=status,
            support=carried,
            precision=round(precision, 4),
            examples=tuple(self.examples),
            counter_examples=tuple(self.counter_examples),
            witnesses=self.witnesses,
        )


def score(proposal: Proposal, studies: Iterable[Study], money: Money, country: str) -> Score:
    """Returns what the proposal finds in the documents, judged by the generic patterns and the words around."""
    expression = LearnedExpression(proposal.field, proposal.expression)
    kept = Score()
    for study in studies:
        for start, end, facts in expression.finds(study.open_text, country):
            is_right = all(_is_right(proposal.field, each, study, money) for each in facts)
            kept.note(study, start, end, is_right=is_right)
    return kept


def score_zone(name: str, zone: Zone, studies: Sequence[Study]) -> Score:
    """Returns the evidence for the name of a place; the first example is its usual spelling."""
    kept = Score()
    for study in studies:
        kept.right[study.is_held_out] += zone.places[study.place]
        kept.wrong[study.is_held_out] += zone.others[study.place]
        if zone.places[study.place]:
            kept.witnesses |= 1 << study.place
    usual = min(zone.spellings, key=lambda each: (-zone.spellings[each], each), default=name)
    first = min(zone.places, default=-1)
    kept.examples.append(shown(usual, first))
    return kept


def zone_expression(name: str, *, fee: str) -> str:
    """Returns the expression of a place's name, with the amount after it when `fee` is given."""
    words = "[ '-]{1,2}".join(linear_escape(word) for word in name.replace("-", " ").replace("'", " ").split())
    return rf"\b(?P<zone>{words})\b" + (rf"(?:[ :|=-]{{1,5}}{fee})?" if fee else "")


def _is_right(name: str, found: Found, study: Study, money: Money) -> bool:
    fact = study.fact_at(found.start, found.end)
    kind = fact.kind if fact else "number" if name == "horaires" else ""
    if found.kind == "money":
        if fact is not None and kind == "money":
            return _same_digits(found.value, fact.value)
        return kind in ("number", "quantity") and money.plausible(float(found.value), found.unit)
    if found.kind == "quantity":
        return kind in ("quantity", "number")
    if found.kind == "phone":
        if kind == "phone":
            return True
        return kind in ("number", "reference") and (name == "paiement" or is_called_so(study.before(found.start)))
    if found.kind == "time":
        return kind in ("time", "number") or (kind == "quantity" and fact is not None and fact.unit == "heure")
    if kind == "phone" and is_called_so(study.before(found.start)):
        return False
    return kind not in ("money", "percent", "time")


def _same_digits(left: str, right: str) -> bool:
    return left.replace(".", "").rstrip("0") == right.replace(".", "").rstrip("0")


def _share(right: int, wrong: int) -> float:
    return right / (right + wrong) if right + wrong else 0.0
