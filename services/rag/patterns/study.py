"""One document as learning sees it: its text folded, what the generic patterns say of it, the words around a place."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from libs.common.facts import MAX_TEXT_CHARACTERS, Fact, extract_facts
from libs.common.facts.fact import TAKEN, Source
from libs.common.facts.identifiers import find_emails, find_urls
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold
from services.rag.patterns.numbers import NUMBER

_CONTROL = linear_pattern(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANKS = linear_pattern(r"[ \t\pZ]+")
_BARE_FRANC = linear_pattern(r"\d ?(?:frs?|f)\.?$")
_WINDOW_CHARACTERS = 60
_MAX_NUMBERS = 2000
_WORD = linear_pattern(r"[\pL][\pL'’]*")
WINDOW_WORDS = 5


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, its place, and what the generic patterns take it for."""

    written: str
    start: int
    end: int
    fact: Fact | None

    @property
    def kind(self) -> str:
        """The kind of the fact it belongs to; `number` when nothing is known of it."""
        return self.fact.kind if self.fact else "number"


class Study:
    """A document under study. `place` is its number in the set; `is_held_out` when nothing may be learned from it."""

    def __init__(self, text: str, *, place: int, country: str, is_held_out: bool, has_francs: bool) -> None:
        self.place = place
        self.is_held_out = is_held_out
        self.written = clean(text)
        self.text = fold(self.written)
        found = extract_facts(self.text, country=country)
        self._facts = [fact if has_francs else self._without_francs(fact) for fact in found]
        self._starts = [fact.start for fact in self._facts]
        source = Source(self.text)
        for finder in (find_emails, find_urls):
            source.take(finder(source, country))
        # Without the addresses of the internet, which no learned pattern is asked about.
        self.open_text = source.left

    def _without_francs(self, fact: Fact) -> Fact:
        is_other = fact.kind == "money" and is_bare_franc(self.text[fact.start : fact.end])
        return replace(fact, kind="quantity", unit="f") if is_other else fact

    @cached_property
    def numbers(self) -> tuple[Number, ...]:
        """Numbers as written, in order; the first 2,000 of them, because longer lists of numbers teach nothing new."""
        return tuple(
            Number(match.group(), *match.span(), self.fact_at(*match.span()))
            for match in islice(NUMBER.finditer(self.text), _MAX_NUMBERS)
        )

    def claim(self, spans: Iterable[tuple[int, int]]) -> None:
        """Makes places references, whatever the generic patterns take them for; nothing else is looked for there."""
        for start, end in spans:
            self._facts = [fact for fact in self._facts if fact.end <= start or fact.start >= end]
            self._facts.append(Fact("reference", self.text[start:end].upper(), "", start, end))
            self.open_text = self.open_text[:start] + TAKEN * (end - start) + self.open_text[end:]
        self._facts.sort(key=lambda fact: fact.start)
        self._starts = [fact.start for fact in self._facts]

    def fact_at(self, start: int, end: int) -> Fact | None:
        """Returns the generic fact that overlaps a place, if any."""
        at = bisect_right(self._starts, start) - 1
        for fact in self._facts[max(0, at) : at + 3]:
            if fact.start < end and start < fact.end:
                return fact
        return None

    def before(self, start: int) -> str:
        """Returns what stands before a place on its line, at most 60 characters of it."""
        left = self.text[max(0, start - _WINDOW_CHARACTERS) : start]
        return left[left.rfind("\n") + 1 :]

    def after(self, end: int) -> str:
        """Returns what stands after a place on its line, at most 60 characters of it."""
        return self.text[end : end + _WINDOW_CHARACTERS].partition("\n")[0]

    def around(self, start: int, end: int) -> str:
        """Returns a place with a little of its line, as people wrote it."""
        left = self.before(start)[-30:]
        return self.written_at(start - len(left), end + len(self.after(end)[:20]))

    def written_at(self, start: int, end: int) -> str:
        """Returns a place as written; folded where folding changed the length of the text."""
        return self.written[start:end] if len(self.written) == len(self.text) else self.text[start:end]


def is_bare_franc(written: str) -> bool:
    """Returns whether an amount is one of francs by `F` or `fr` alone, which elsewhere is a temperature or a size."""
    return _BARE_FRANC.search(written) is not None


def clean(text: str) -> str:
    """Returns `text` with compatibility forms made plain, single blanks, and no control characters but line ends."""
    plain = unicodedata.normalize("NFKC", text[:MAX_TEXT_CHARACTERS]).replace("\r\n", "\n")
    return _BLANKS.sub(" ", _CONTROL.sub(" ", plain))


def words_before(left: str) -> list[tuple[str, int]]:
    """Returns the last five words of a window and where each ends, nearest last; a digit ends the window."""
    last_digit = max((at for at, character in enumerate(left) if character.isdigit()), default=-1)
    found = [(match.group(), match.end() + last_digit + 1) for match in _WORD.finditer(left[last_digit + 1 :])]
    return found[-WINDOW_WORDS:]
