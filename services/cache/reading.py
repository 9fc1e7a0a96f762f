"""What a question says, taken apart: its facts, polarity, question class, roles and content words. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.facts import Places, extract_facts
from services.cache import lexicon
from services.cache.tokens import Unit, concept, cut_units, fold_word, is_content

_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH_NEGATION = re.compile(r"(?i)\b(ca|wo)?n['’]t\b|n['’]t\b")
_PARTICIPLE_ENDINGS = ("e", "ee", "es", "ees", "i", "ie", "is", "it", "u", "ue", "us", "ert", "ed", "en")
_INFINITIVE_ENDINGS = ("er", "ir", "re")
_NUMERIC_KINDS = frozenset(("money", "quantity", "number", "percent", "date", "time", "phone", "reference"))


@dataclass(frozen=True, slots=True)
class Reading:
    """One question, taken apart. Words are concepts: stems, with words that say the same united.

    `order` has the content words once each, as they come; `numbers` are (kind, value, unit, the concept after it);
    `proper` the concepts written with a capital inside the sentence; `towards` those that a movement goes to.
    """

    numbers: tuple[tuple[str, str, str, str], ...]
    places: tuple[str, ...]
    other_facts: frozenset[tuple[str, str, str]]
    negated: frozenset[str]
    classes: frozenset[str]
    content: frozenset[str]
    order: tuple[str, ...]
    proper: tuple[str, ...]
    after_preposition: frozenset[str]
    towards: frozenset[str]
    is_past: bool
    mine: frozenset[str]
    yours: frozenset[str]
    direction: str
    words: tuple[str, ...]
    asks_which: bool

    @property
    def signal_count(self) -> int:
        """How many things the question says; under 2 it leans on what was said before."""
        return len(self.content) + len(self.classes) + len(self.numbers) + len(self.places) + self.asks_which


def _negations(units: Sequence[Unit], language: str) -> tuple[set[str], set[int]]:
    """Returns the concepts that are negated and the indexes of the words that negate."""
    negated: set[str] = set()
    negators: set[int] = set()
    opener = -1
    for at, unit in enumerate(units):
        if unit.word in lexicon.NEGATION_OPENERS:
            opener = at
            continue
        closes = opener >= 0 and at - opener <= 5
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


def _classes(units: Sequence[Unit]) -> tuple[set[str], bool]:
    """Returns the question classes and whether a soft `which` asks."""
    classes: set[str] = set()
    wants = asks_which = False
    meaningful = [u for u in units if u.word not in lexicon.FUNCTION_WORDS or u.word in ("ou", "qui")]
    for at, unit in enumerate(meaningful):
        word = unit.word
        if word.startswith("<"):
            classes.add(word[1:])
        elif unit.is_where or (word == "ou" and _asks_where(meaningful, at)):
            classes.add(lexicon.WHERE)
        elif word == "qui" and at == 0:
            classes.add(lexicon.WHO)
        elif word in lexicon.QUESTION_WORDS:
            found = lexicon.QUESTION_WORDS[word]
            asks_which = asks_which or found == lexicon.WHICH
            classes.add(found)
        wants = wants or word in lexicon.WANT
    classes.discard(lexicon.WHICH)
    first = next((u.word for u in units if u.word not in lexicon.FUNCTION_WORDS), "")
    opens_with_infinitive = len(first) > 3 and first.endswith(_INFINITIVE_ENDINGS) and first not in lexicon.NEGATIONS
    if not classes and not asks_which and (wants or opens_with_infinitive):
        classes.add(lexicon.HOW)  # "I want to cancel" asks what "how do I cancel" asks
    return classes, asks_which


def _asks_where(units: Sequence[Unit], at: int) -> bool:
    before = units[at - 1].word if at else ""
    return at in (0, len(units) - 1) or before in ("savoir", "dire", "est", "sont", "trouve")


def _is_past(units: Sequence[Unit]) -> bool:
    words = [unit.word for unit in units]
    for at, word in enumerate(words):
        if word == "did" or (word == "a" and words[at + 1 : at + 2] == ["ete"]):
            return True
        if word not in lexicon.AUXILIARY_OF_PAST:
            if len(word) > 4 and word.endswith("ed") and word not in lexicon.LIGHT_VERBS:
                return True
            continue
        following = (u for u in units[at + 1 :] if u.word not in lexicon.BETWEEN_AUXILIARY_AND_PARTICIPLE)
        after = next(following, None)
        if after is not None and is_content(after) and after.word.endswith(_PARTICIPLE_ENDINGS):
            return True
    return False


def _direction(words: Sequence[str]) -> str:
    """Returns `to_me` when the question asks that something be done to the asker, `to_you` for the reverse, or ''."""
    for at, word in enumerate(words[:-1]):
        acts = len(words[at + 1]) > 3 and words[at + 1].endswith(_INFINITIVE_ENDINGS)
        if acts and words[at + 1] not in lexicon.LIGHT_VERBS:
            if word in ("me", "m"):
                return "to_me"
            if word == "vous":
                return "to_you"
        if word in ("can", "could", "do", "will", "would") and words[at + 1] in ("you", "i"):
            rest = words[at + 2 :]
            if words[at + 1] == "you" and "me" in rest and not lexicon.LIGHT_VERBS & set(rest[: rest.index("me")]):
                return "to_me"
            if words[at + 1] == "i" and "you" in rest:
                return "to_you"
    return ""


def read_question(text: str, *, language: str, country: str = "", places: Places | None = None) -> Reading:
    """Takes `text` apart. `language` is `fr` or `en`; anything else is read as French with the same lists."""
    plain = _ENGLISH_NEGATION.sub(" not", unicodedata.normalize("NFKC", text))
    facts = extract_facts(plain, country=country, places=places)
    everything = cut_units(plain)
    covered = [(fact.start, fact.end) for fact in facts]
    units = [u for u in everything if not any(start <= u.start < end for start, end in covered)]
    negated, negators = _negations(units, language)
    classes, asks_which = _classes(units)

    content: dict[str, None] = {}  # keeps the order
    proper: list[str] = []
    after_preposition: set[str] = set()
    towards: set[str] = set()
    mine: set[str] = set()
    yours: set[str] = set()
    is_towards = False
    for at, unit in enumerate(units):
        before = units[at - 1].word if at else ""
        if not is_content(unit) or at in negators:
            if unit.word in lexicon.TOWARDS:
                is_towards = True
            elif unit.word not in lexicon.ARTICLES or unit.word in ("de", "d", "du"):
                is_towards = False
            continue
        found = concept(unit.word, language)
        content[found] = None
        if unit.has_capital and at > 0:
            proper.append(found)
        if before in lexicon.BEFORE_PLACES:
            after_preposition.add(found)
        if is_towards:
            towards.add(found)
        if before in lexicon.MINE:
            mine.add(found)
        elif before in lexicon.YOURS:
            yours.add(found)

    def concept_after(end: int) -> str:
        after = next((u.word for u in units if u.start >= end and is_content(u)), "")
        return concept(after, language) if after else ""

    numeric = [fact for fact in facts if fact.kind in _NUMERIC_KINDS]
    return Reading(
        numbers=tuple(sorted((f.kind, f.value, f.unit, concept_after(f.end)) for f in numeric)),
        places=tuple(fact.value for fact in facts if fact.kind == "place"),
        other_facts=frozenset(
            (f.kind, f.value, f.unit) for f in facts if f.kind not in _NUMERIC_KINDS and f.kind != "place"
        ),
        negated=frozenset(negated),
        classes=frozenset(classes),
        content=frozenset(content),
        order=tuple(content),
        proper=tuple(proper),
        after_preposition=frozenset(after_preposition),
        towards=frozenset(towards | {f.value for f in facts if f.kind == "place" and _goes_to(plain, f.start)}),
        is_past=_is_past(units),
        mine=frozenset(mine),
        yours=frozenset(yours),
        direction=_direction([unit.word for unit in units]),
        words=tuple(unit.word for unit in everything),
        asks_which=asks_which,
    )


def _goes_to(text: str, start: int) -> bool:
    before = [fold_word(m.group()) for m in _WORD.finditer(text[max(0, start - 24) : start])]
    while before and before[-1] in lexicon.ARTICLES:
        before.pop()
    return bool(before) and before[-1] in lexicon.TOWARDS
