"""What learning proposes before anybody checked it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from libs.common.facts.places import linear_escape
from services.rag.patterns.study import Study

# Spellings of a joint that less than one in twenty uses are accidents.
_RARE = 0.05
_MAX_PHRASES = 4
_PUNCTUATION = frozenset(" :=-|*.()>/,;~→…_")


@dataclass(frozen=True, slots=True)
class Proposal:
    """An expression for a field, still to be scored."""

    field: str
    expression: str


@dataclass(slots=True)
class Joints:
    """What stands between two parts of a shape, and in which documents."""

    seen: Counter[str] = field(default_factory=Counter[str])
    documents: set[int] = field(default_factory=set[int])

    def add(self, joint: str, study: Study) -> None:
        """Notes one."""
        self.seen[joint] += 1
        self.documents.add(study.place)

    def expression(self) -> str:
        """Returns the least general expression for what was seen: a run of signs, and a few phrases."""
        floor = _RARE * sum(self.seen.values())
        usual = [joint for joint, count in self.seen.most_common() if count >= floor]
        runs = [joint for joint in usual if is_punctuation(joint)]
        phrases = [joint for joint in usual if not is_punctuation(joint)][:_MAX_PHRASES]
        signs = sorted({sign for run in runs for sign in run})
        most = max((len(run) for run in runs), default=0)
        parts = [run_of(signs, fewest=min(map(len, runs)), most=most)] if most else [""] if runs else []
        parts += [literal(phrase) for phrase in phrases]
        return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def literal(text: str) -> str:
    """Returns the expression of exactly this text; blanks stay readable."""
    return linear_escape(text).replace(r"\x{20}", " ")


def run_of(signs: Iterable[str], *, fewest: int, most: int) -> str:
    """Returns the expression of a run of such signs."""
    inside = "".join(f"\\{sign}" if sign in "-]^\\.|*()/+" else sign for sign in signs)
    repeat = "" if fewest == most == 1 else f"{{{most}}}" if fewest == most else f"{{{fewest},{most}}}"
    return (inside if len(inside) == 1 else f"[{inside}]") + repeat


def is_punctuation(joint: str) -> bool:
    """Returns whether a joint holds signs and blanks only."""
    return set(joint) <= _PUNCTUATION


Table = dict[tuple[str, ...], Joints]
"""Joints by shape."""


def shapes() -> Table:
    """Returns an empty table of joints by shape."""
    return defaultdict[tuple[str, ...], Joints](Joints)


def in_pieces(words: Collection[str], most: int) -> Iterator[str]:
    """Yields alternatives of at most so many characters together."""
    piece = ""
    for word in sorted(words):
        longer = f"{piece}|{word}" if piece else word
        if len(longer) > most - 6 and piece:
            yield piece
            longer = word
        piece = longer
    if piece:
        yield piece
