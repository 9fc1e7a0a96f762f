"""What a question says, taken apart: its facts, polarity, question class, roles and content words. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.facts import Fact, Places, extract_facts
from services.cache import lexicon
from services.cache.meanings import orders
from services.cache.question_class import classify, is_past
from services.cache.roles import direction, doer, way_before
from services.cache.spelled_numbers import with_digits
from services.cache.tokens import Unit, concept, cut_words, fold_word, is_content, merge_runs

# Longer texts are no questions that two people ask; the rules take time that grows with the square of the words.
MAX_QUESTION_CHARACTERS = 1_000
# The languages whose words the rules know.
KNOWN_LANGUAGES = frozenset(("fr", "en"))

_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH_NEGATION = re.compile(r"(?i)\bcan['’]t\b|n['’]t\b")
_NUMERIC_KINDS = frozenset(("money", "quantity", "number", "percent", "date", "time", "phone", "reference"))
# Seen before a place that the facts found: room for a preposition and its article.
_BEFORE_PLACE = 24
_NEGATION_REACH = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """One question, taken apart. Words are concepts: stems, with words that say the same united.

    `order` has the content words once each, as they come; `numbers` are (kind, value, unit, the concept after it);
    `proper` the concepts written with a capital inside the sentence; `towards` those that a movement goes to and `away`
    those it may come from; `owners` whose a thing is, such as (MINE, account). `written` is filled in for languages
    whose words the rules do not know.
    """

    numbers: tuple[tuple[str, str, str, str], ...] = ()
    places: tuple[str, ...] = ()
    other_facts: frozenset[tuple[str, str, str]] = frozenset()
    negated: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    content: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    proper: tuple[str, ...] = ()
    after_preposition: frozenset[str] = frozenset()
    towards: frozenset[str] = frozenset()
    away: frozenset[str] = frozenset()
    is_past: bool = False
    owners: frozenset[tuple[str, str]] = frozenset()
    direction: str = ""
    doer: str = ""
    words: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    asks_which: bool = False
    is_class_implied: bool = False

    @property
    def signal_count(self) -> int:
        """How many things the question says; under 2 it leans on what was said before."""
        classes = 0 if self.is_class_implied else len(self.classes)
        return len(self.content) + classes + len(self.numbers) + len(self.places) + self.asks_which


def read_question(text: str, *, language: str, country: str = "", places: Places | None = None) -> Reading:
    """Takes `text` apart. The words of a language other than `fr` and `en` are read as French, and kept as written.

    Of a text over 1,000 characters nothing is read, so that no rule lets it pass.
    """
    if len(text) > MAX_QUESTION_CHARACTERS:
        return Reading()
    plain = unicodedata.normalize("NFKC", text)
    # One character may stand for eighteen, and half a surrogate pair for none.
    if len(plain) > MAX_QUESTION_CHARACTERS or any("\ud800" <= c <= "\udfff" for c in plain):
        return Reading()
    if language in KNOWN_LANGUAGES:
        plain = with_digits(_ENGLISH_NEGATION.sub(" not", plain))
    facts = extract_facts(plain, country=country, places=places)
    everything = merge_runs(cut_words(plain))
    covered = [(fact.start, fact.end) for fact in facts]
    units = [u for u in everything if not any(start <= u.start < end for start, end in covered)]
    negated, negators = _negations(units, language)
    asked = classify(units, language)
    lasting = lexicon.LASTING if lexicon.DURATION in asked.classes else frozenset[str]()

    content: dict[str, None] = {}  # keeps the order
    proper: list[str] = []
    after_preposition: set[str] = set()
    ways: dict[str, set[str]] = {"towards": set(), "away": set(), "": set()}
    owners: set[tuple[str, str]] = set()
    words = [unit.word for unit in units]
    for at, unit in enumerate(units):
        if at in negators or unit.word in lasting or not is_content(unit):
            continue
        before = words[at - 1] if at else ""
        found = concept(unit.word, language)
        content[found] = None
        if unit.has_capital and at > 0:
            proper.append(found)
        if before in lexicon.BEFORE_PLACES:
            after_preposition.add(found)
        ways[way_before(words[max(0, at - 3) : at])].add(found)
        if before in lexicon.OWNERS:
            owners.add((lexicon.OWNERS[before], found))

    # "Can I cancel" is answered as "how do I cancel" is.
    is_order = asked.is_able and not orders(language).isdisjoint(content)
    for fact in facts:
        if fact.kind == "place":
            before_place = plain[max(0, fact.start - _BEFORE_PLACE) : fact.start]
            ways[way_before([fold_word(m.group()) for m in _WORD.finditer(before_place)])].add(fact.value)
    return Reading(
        numbers=_numbers(facts, units, language),
        places=tuple(fact.value for fact in facts if fact.kind == "place"),
        other_facts=frozenset(
            (f.kind, f.value, f.unit) for f in facts if f.kind not in _NUMERIC_KINDS and f.kind != "place"
        ),
        negated=frozenset(negated),
        classes=frozenset((lexicon.HOW,)) if is_order else asked.classes,
        content=frozenset(content),
        order=tuple(content),
        proper=tuple(proper),
        after_preposition=frozenset(after_preposition),
        towards=frozenset(ways["towards"]),
        away=frozenset(ways["away"]),
        is_past=is_past(units),
        owners=frozenset(owners),
        direction=direction(words),
        doer=doer(words),
        words=tuple(unit.word for unit in everything),
        written=() if language in KNOWN_LANGUAGES else written_words(plain),
        asks_which=asked.asks_which,
        is_class_implied=asked.is_implied or is_order,
    )


def warm_up() -> None:
    """Builds the tables of words: a tenth of a second that no question, and none beside it, should wait for."""
    for language in KNOWN_LANGUAGES:
        read_question("combien", language=language)


def written_words(text: str) -> tuple[str, ...]:
    """Returns the words of any script in lower case, with their accents and vowel signs."""
    kept = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text.casefold())
    return tuple("".join(kept).split())


def _numbers(facts: Sequence[Fact], units: Sequence[Unit], language: str) -> tuple[tuple[str, str, str, str], ...]:
    def concept_after(end: int) -> str:
        after = next((u.word for u in units if u.start >= end and is_content(u)), "")
        return concept(after, language) if after else ""

    return tuple(sorted((f.kind, f.value, f.unit, concept_after(f.end)) for f in facts if f.kind in _NUMERIC_KINDS))


def _negations(units: Sequence[Unit], language: str) -> tuple[set[str], set[int]]:
    """Returns the concepts that are negated and the indexes of the words that negate."""
    negated: set[str] = set()
    negators: set[int] = set()
    opener = -1
    for at, unit in enumerate(units):
        if unit.word in lexicon.NEGATION_OPENERS:
            opener = at
            continue
        closes = opener >= 0 and at - opener <= _NEGATION_REACH
        is_negator = unit.word in lexicon.NEGATIONS or (
            unit.word in lexicon.NEGATIONS_AFTER_OPENER and (closes or (unit.word == "plus" and at == len(units) - 1))
        )
        if not is_negator:
            continue
        negators.add(at)
        between = units[opener + 1 : at] if closes else ()
        reach = (*between, *units[at + 1 :], *reversed(units[:at]))
        target = next((other.word for other in reach if is_content(other)), "")
        negated.add(concept(target, language) if target else "")
        opener = -1
    if opener >= 0:
        target = next((other.word for other in units[opener + 1 :] if is_content(other)), "")
        negated.add(concept(target, language) if target else "")
    return negated, negators
