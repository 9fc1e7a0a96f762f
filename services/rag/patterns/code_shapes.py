"""Proposes patterns for references: what stands after `commande n°`, and codes that share their first letters."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from libs.common.linear_pattern import linear_pattern
from services.rag.patterns.lexicon import PAYMENT_LEADS, PHONE_LEADS, REFERENCE_LEADS
from services.rag.patterns.numbers import digits
from services.rag.patterns.proposal import Proposal, in_pieces, literal
from services.rag.patterns.study import Study

_LEADS = "|".join(sorted(REFERENCE_LEADS, key=len, reverse=True))
_CALLED = linear_pattern(
    rf"\b({_LEADS})\b\.?(?: ?(?:n°|no\.?|num|numero|number|id|#|:|-|=|\.)){{0,3}} ?#?\b"
    r"([a-z0-9][a-z0-9/_.-]{2,20}(?: \d{3,5}){0,4})"
)
# Whatever the word: a sign that says "number of" makes what follows a reference, unless the word is one of phones.
_MARKS = r"n°|no\.|num\.|numero|number|id|#"
_NUMBERED = linear_pattern(rf"\b(\pL{{3,20}}) ?(?:{_MARKS}) ?[:.#]? ?\b([a-z0-9][a-z0-9/_-]{{2,20}})")
_MAX_TAIL = 150
_PHONE = linear_pattern(PHONE_LEADS)
_PREFIXED = linear_pattern(r"\b([a-z]{1,6})([-_/]?)(\d{2,10})((?:[-_/][a-z0-9]{1,6})?)\b")
_RUNS = linear_pattern(r"\d+|\pL+|[^\d\pL]")
_MAX_RUNS = 9


def propose_references(studies: Sequence[Study]) -> Iterator[Proposal]:
    """Yields proposals made from what `studies` show."""
    called: dict[tuple[str, str], list[str]] = defaultdict(list)
    prefixed: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for study in studies:
        for match in _CALLED.finditer(study.text):
            code = match.group(2).rstrip(".-/_")
            if any(character.isdigit() for character in code):
                called[match.group(1), _signature(code)].append(code)
        for match in _PREFIXED.finditer(study.text):
            prefixed[match.group(1), match.group(2), bool(match.group(4))].append(len(match.group(3)))
    for (lead, _), codes in called.items():
        shape = _shape(codes)
        if shape:
            yield Proposal(
                "reference",
                rf"\b{lead}\b\.?(?: ?(?:n°|no|num|numero|number|id|#|:|-|=|\.)){{0,3}} ?#?(?P<reference>{shape})\b",
            )
    yield from _propose_numbered(studies)
    for (letters, sign, has_tail), lengths in prefixed.items():
        low, high = min(lengths), max(lengths)
        tail = "[-_/][a-z0-9]{1,6}" if has_tail else ""
        yield Proposal("reference", rf"\b(?P<reference>{letters}{literal(sign)}{digits(low, high)}{tail})\b")


def _propose_numbered(studies: Sequence[Study]) -> Iterator[Proposal]:
    """Yields one proposal a form of codes, whatever words stand before the sign: they are one sort of anchor."""
    words: dict[str, set[str]] = defaultdict(set)
    codes: dict[str, list[str]] = defaultdict(list)
    for study in studies:
        for match in _NUMBERED.finditer(study.text):
            word, code = match.group(1), match.group(2).rstrip("-/_")
            is_other = word in PAYMENT_LEADS or _PHONE.search(word) is not None
            if not is_other and any(character.isdigit() for character in code):
                words[_signature(code)].add(word)
                codes[_signature(code)].append(code)
    for signature, written in codes.items():
        shape = _shape(written)
        tail = rf" ?(?:{_MARKS}) ?[:.#]? ?(?P<reference>{shape})\b"
        if shape and len(tail) < _MAX_TAIL:
            for piece in in_pieces(words[signature], 199 - len(tail)):
                yield Proposal("reference", rf"\b(?:{piece}){tail}")


def _signature(code: str) -> str:
    return "".join("9" if run[0].isdigit() else "a" if run[0].isalpha() else run for run in _runs(code))


def _shape(codes: Sequence[str]) -> str:
    """Returns the least general expression of codes of one signature; empty when it would be too long."""
    columns = list(zip(*(_runs(code) for code in codes), strict=True))
    if len(columns) > _MAX_RUNS:
        return ""
    parts: list[str] = []
    for column in columns:
        lengths = [len(run) for run in column]
        low, high = min(lengths), max(lengths)
        if column[0][0].isdigit():
            parts.append(digits(low, high))
        elif len(set(column)) == 1:
            parts.append(literal(column[0]))
        else:
            parts.append(f"[a-z]{{{low},{high}}}")
    return "".join(parts)


def _runs(code: str) -> list[str]:
    return [match.group() for match in _RUNS.finditer(code)]
