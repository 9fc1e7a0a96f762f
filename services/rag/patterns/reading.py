"""A tenant's active patterns at work, over the generic ones."""

from collections.abc import Iterable, Iterator

from libs.common.facts import Fact, Places, extract_facts
from libs.common.facts.amounts import currency_code
from libs.common.facts.extraction import Finder
from libs.common.facts.fact import Found, Source
from libs.common.text_fold import fold
from services.rag.patterns.expression import LearnedExpression
from services.rag.patterns.fields import GROUPS
from services.rag.patterns.pattern import LearnedPattern
from services.rag.patterns.study import is_bare_franc

_FRANCS = frozenset({"XOF", "XAF", "GNF"})


class PatternReader:
    """The active patterns of one tenant, by field, then the longer expression first."""

    def __init__(self, patterns: Iterable[LearnedPattern]) -> None:
        order = list(GROUPS)
        chosen = sorted(patterns, key=lambda each: (order.index(each.field), -len(each.expression), each.expression))
        self._currencies = frozenset(code for each in chosen for code in _currencies(each))
        self._expressions = tuple(
            LearnedExpression(
                each.field,
                each.expression,
                zone=each.examples[0].text if each.field == "zone" and each.examples else "",
            )
            for each in chosen
        )

    def __len__(self) -> int:
        return len(self._expressions)

    def facts(self, text: str, *, country: str = "", places: Places | None = None) -> tuple[Fact, ...]:
        """Returns the facts of `text` in its order: what the patterns find, and beneath it what every tenant has."""
        finders = [_finder(expression, places) for expression in self._expressions]
        found = extract_facts(text, country=country, places=places, learned=finders)
        return tuple(fact for fact in found if self._keeps(fact, text[fact.start : fact.end]))

    def _keeps(self, fact: Fact, written: str) -> bool:
        """Returns False for `350 F` as money where the tenant's own documents know other money, and no francs."""
        if fact.kind != "money" or fact.unit not in _FRANCS or not self._currencies or self._currencies & _FRANCS:
            return True
        return not is_bare_franc(fold(written))


def _finder(expression: LearnedExpression, places: Places | None) -> Finder:
    def find(source: Source, country: str) -> Iterator[Found]:
        for _, _, facts in expression.finds(source.left, country, places=places):
            yield from facts

    return find


def _currencies(pattern: LearnedPattern) -> Iterator[str]:
    """Yields the currencies that a pattern of prices is about: the implied one, or those that it found."""
    _, implied, code = pattern.expression.partition("(?P<en_")
    if implied:
        yield code[:3].upper()
    elif "(?P<devise>" in pattern.expression:
        words = pattern.expression.partition("(?P<devise>")[2].partition(")")[0]
        for word in words.replace(r"\x{24}", "$").replace(r"\x{20ac}", "€").split("|"):
            yield currency_code(word, "")
