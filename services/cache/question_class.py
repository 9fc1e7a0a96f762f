"""What kind of question it is: how much, where, when, how; and whether it tells what is done. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.cache import lexicon
from services.cache.meanings import bare_verbs
from services.cache.tokens import Unit, is_content

_INFINITIVE_ENDINGS = ("er", "ir", "re")
_PARTICIPLE_ENDINGS = ("e", "ee", "es", "ees", "i", "ie", "is", "it", "u", "ue", "us", "ert", "ed", "en")
# "May I", "can one": whether it can be done is answered by how it is done.
_ABLE = frozenset(
    {
        ("puis", "je"),
        *(("peut", "on"), ("on", "peut"), ("je", "peux"), ("pouvons", "nous"), ("nous", "pouvons")),
        *((can, who) for can in ("can", "could", "may") for who in ("i", "we")),
    }
)
# A rule of the house stands in the same form as a deed that is done.
_HABITS = frozenset(
    ("allowed", "accepted", "included", "permitted", "required", "needed", "located", "provided", "offered", "closed")
)


@dataclass(frozen=True, slots=True)
class QuestionClass:
    """The classes of a question, and whether a soft `which` asks.

    `is_able` when all that asks is whether one can; `is_implied` when only a modal verb tells.
    """

    classes: frozenset[str] = frozenset()
    asks_which: bool = False
    is_able: bool = False
    is_implied: bool = False


def classify(units: Sequence[Unit], language: str) -> QuestionClass:
    """Returns what kind of question the words ask."""
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
    # "Which papers must I bring", "where must I go": what asks is the other word.
    must = lexicon.MUST in classes
    classes.discard(lexicon.MUST)
    if classes or asks_which:
        return QuestionClass(frozenset(classes), asks_which=asks_which)
    if must:
        return QuestionClass(frozenset((lexicon.MUST,)), is_implied=True)
    words = [unit.word for unit in units]
    if wants or _opens_with_order(words, language):
        # "I want to cancel" asks what "how do I cancel" asks.
        return QuestionClass(frozenset((lexicon.HOW,)))
    return QuestionClass(is_able=any(pair in _ABLE for pair in pairwise(words)))


def _opens_with_order(words: Sequence[str], language: str) -> bool:
    at = next((at for at, word in enumerate(words) if word not in lexicon.FUNCTION_WORDS), -1)
    if at < 0 or (at > 0 and words[at - 1] in lexicon.ARTICLES):
        return False  # "ma voiture" ends as verbs do
    first = words[at]
    if language == "en":
        return first in bare_verbs(language)
    return len(first) > 3 and first.endswith(_INFINITIVE_ENDINGS) and first not in lexicon.NEGATIONS


def _asks_where(units: Sequence[Unit], at: int) -> bool:
    before = units[at - 1].word if at else ""
    return at in (0, len(units) - 1) or before in ("savoir", "dire", "est", "sont", "trouve")


def is_past(units: Sequence[Unit]) -> bool:
    """Says whether the words tell what is done, or ask about it: "I cancelled", "a été livré"."""
    words = [unit.word for unit in units]
    for at, word in enumerate(words):
        if word == "did" or (word == "a" and words[at + 1 : at + 2] == ["ete"]):
            return True
        if word not in lexicon.AUXILIARY_OF_PAST:
            if len(word) > 4 and word.endswith("ed") and word not in lexicon.LIGHT_VERBS and word not in _HABITS:
                return True
            continue
        if {"do", "does"} & set(words[max(0, at - 2) : at]):
            continue  # "do you have": the verb of having
        following = (u for u in units[at + 1 :] if u.word not in lexicon.BETWEEN_AUXILIARY_AND_PARTICIPLE)
        after = next(following, None)
        if after is not None and is_content(after) and after.word.endswith(_PARTICIPLE_ENDINGS):
            return True
    return False
