"""One fact, and the text that facts are looked for in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from libs.common.text_fold import fold_with_offsets

# Stands where a fact was found already; no pattern matches it.
TAKEN = "\x00"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a text states.

    `kind` is money, quantity, number, phone, date, time, percent, place, email, url or reference. `value` is
    normalised: `25.000 F` gives `25000`, a day without a year `11-12` (month, day), an hour `18:30`, a phone its
    national digits. `unit` is a currency (ISO 4217), a French unit in the singular, a phone's calling code, or empty.
    `start` and `end` are characters of the text.
    """

    kind: str
    value: str
    unit: str
    start: int
    end: int


class Found(NamedTuple):
    """A fact with its place in the folded text."""

    kind: str
    value: str
    unit: str
    start: int
    end: int


class Source:
    """A text, its folded spelling, and what of it is not explained by a fact yet (`left`, same length as folded)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.left, self._offsets = fold_with_offsets(text)

    def written(self, start: int, end: int) -> str:
        """Returns the text as written, for a place in the folded text."""
        return self._text[slice(*self._span(start, end))]

    def take(self, found: Iterator[Found]) -> Sequence[Fact]:
        """Returns the facts that were found, and takes their places out of `left`."""
        facts: list[Fact] = []
        pieces: list[str] = []
        at = 0
        for each in sorted(found, key=lambda one: one.start):
            if each.start < at:
                continue
            pieces += (self.left[at : each.start], TAKEN * (each.end - each.start))
            at = each.end
            facts.append(Fact(each.kind, each.value, each.unit, *self._span(each.start, each.end)))
        if facts:
            self.left = "".join((*pieces, self.left[at:]))
        return facts

    def _span(self, start: int, end: int) -> tuple[int, int]:
        # A character that folds to two may be cut in the middle; it then belongs to the fact.
        return self._offsets[start], max(self._offsets[end], self._offsets[end - 1] + 1)
