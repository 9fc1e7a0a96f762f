"""Whether a model's wording may go out: the checks, and the stable name of the first that fails."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from libs.common.facts import Fact, Places, extract_facts
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold, tokens, words
from services.hybrid_engine.flow.lexicon import word_set
from services.hybrid_engine.flow.rules import SlotKind
from services.hybrid_engine.hybrid.appearance import is_marked_up, is_strange, leaks_role
from services.hybrid_engine.hybrid.slot_words import asks_only_for
from services.hybrid_engine.hybrid.vocabulary import everyday_stems, foreign_words, stems_of
from services.hybrid_engine.number_words import is_number_word
from services.hybrid_engine.plain_text import read_aloud

EMPTY = "LLM_EMPTY"
TOO_LONG = "LLM_TOO_LONG"
STRANGE_CHARACTER = "LLM_STRANGE_CHARACTER"
MARKUP = "LLM_MARKUP"
ROLE_LEAK = "LLM_ROLE_LEAK"
FACT_MISSING = "LLM_FACT_MISSING"
FACT_FOREIGN = "LLM_FACT_FOREIGN"
NEGATION = "LLM_NEGATION"
WRONG_SLOT = "LLM_WRONG_SLOT"
WRONG_LANGUAGE = "LLM_WRONG_LANGUAGE"
WORD_FOREIGN = "LLM_WORD_FOREIGN"

# A fact, as far as two texts may agree on it.
FactKey = tuple[str, str, str]

# Sentences with a negation that urge to do what is asked.
_URGING = linear_pattern(
    r"to get started|n'oubliez (?:surtout )?pas|n'hesitez (?:surtout )?pas|pas de (?:souci|probleme)s?"
    r"|(?:don't|do not) (?:forget|hesitate)|no (?:problem|worries)"
)
_NEGATION = linear_pattern(
    r"\b(?:ne|pas|jamais|aucune?|sans|ni|rien|inutile|not|never|no|none|without|nor|cannot|stop)\b|\bn'|n't\b"
    # The other way round: money that comes instead of money that goes.
    r"|\b(?:recevez|recevrez|recevoir|receive|receives|get)\b"
)
# Signs of addresses, accounts and programs; a wording in plain words needs none.
_SIGNS = frozenset("@#_=<>{}[]|/\\+$%&")
_MINUS = ("-", "−", "–", "—", "~", "±")
_ROMAN = linear_pattern(r"\bM{0,4}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b")
_ROMAN_MONEY = linear_pattern(r"\b[MDCLXV] ?(?:F|FCFA|francs?|euros?|€)(?:\b|$|\s)|\b[MDCLXVI] [MDCLXVI]\b")
# Words that only one language has; two more of the other's than of its own show a text in the wrong one.
_FRENCH = word_set(
    "le la les des une est vous votre nous pour avec dans sur puis et du au je il ne pas que qui ce sont"
)
_ENGLISH = word_set(
    "the your you is are and for with please our of to then this send i it we that not can cannot will be"
)
_NAME_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a wording must keep to.

    `locked` is the text whose facts must all be there, `allowed` texts whose facts may be; `literals` must appear as
    they are. `asked` is the kind of slot to ask for, `not_asked` those not to; what was `received` may be thanked for.
    `closed` holds for the wording of a decision: its facts are those of `locked` and no others, each as often, and its
    words are everyday words, those of `locked` or `own_words`.
    """

    max_words: int
    locale: str = "fr"
    locked: str = ""
    allowed: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    asked: SlotKind | None = None
    not_asked: tuple[SlotKind, ...] = ()
    received: tuple[SlotKind, ...] = ()
    country: str = ""
    places: Places | None = field(default=None, compare=False)
    closed: bool = False
    own_words: str = ""


def first_failure(text: str, expected: Expectation) -> str:
    """Returns the reason why `text` may not go out, or an empty string when it may. Well under a millisecond."""
    if not text.strip():
        return EMPTY
    if len(words(text)) > expected.max_words:
        return TOO_LONG
    permitted = (expected.locked, *expected.allowed, *expected.literals)
    if is_strange(text, permitted):
        return STRANGE_CHARACTER
    if is_marked_up(text, permitted):
        return MARKUP
    if leaks_role(text):
        return ROLE_LEAK
    facts = extract_facts(text, country=expected.country, places=expected.places)
    return (
        _facts_failure(text, facts, expected, permitted)
        or ("" if _asks_as_decided(text, expected) else WRONG_SLOT)
        or ("" if _speaks(text, expected.locale) else WRONG_LANGUAGE)
        or _words_failure(text, facts, expected, permitted)
    )


def is_ambiguous(template: str, country: str) -> bool:
    """Whether `template` states two amounts or two phone numbers: in other words, which is which cannot be checked."""
    kinds = Counter(fact.kind for fact in extract_facts(template, country=country))
    return max(kinds["money"], kinds["phone"]) > 1


def states_facts(text: str, country: str) -> bool:
    """Whether `text` holds a fact, which is compared as one however it is written."""
    return bool(extract_facts(text, country=country))


def _facts_failure(text: str, facts: tuple[Fact, ...], expected: Expectation, permitted: tuple[str, ...]) -> str:
    stated = Counter(_key(fact) for fact in facts)
    locked = _facts_of(expected.locked, expected)
    if any(key not in stated for key in locked) or any(literal not in text for literal in expected.literals):
        return FACT_MISSING
    may = set(locked).union(*(_facts_of(own, expected) for own in permitted[1:]))
    if expected.closed:
        if not stated.keys() <= may or any(count > max(locked[key], 1) for key, count in stated.items()):
            return FACT_FOREIGN
        return _closed_failure(text, facts, expected)
    # Numbers may be spelled out on either side: «deux jours» is what «2 jours» says.
    may = may.union(*(_facts_of(read_aloud(own), expected) for own in permitted))
    aloud = read_aloud(text)
    told = {_key(fact) for fact in extract_facts(aloud, country=expected.country)} if aloud != fold(text) else ()
    return "" if stated.keys() | {key for key in told if key[0] != "reference"} <= may else FACT_FOREIGN


def _closed_failure(text: str, facts: tuple[Fact, ...], expected: Expectation) -> str:
    """Whether what is left of a wording, its facts taken out, still holds a figure or turns it into its opposite."""
    rest = _without(text, facts)
    own = stems_of(expected.locked, expected.locale)
    signs = _SIGNS - frozenset(_without(expected.locked, extract_facts(expected.locked, country=expected.country)))
    if any(character.isnumeric() or character in signs for character in rest):
        return FACT_FOREIGN
    if any(fact.kind == "money" and text[: fact.start].endswith(_MINUS) for fact in facts):
        return FACT_FOREIGN
    if any(is_number_word(token) and token not in own for token in tokens(rest)):
        return FACT_FOREIGN
    roman = [found.group() for found in _ROMAN.finditer(rest) if len(found.group()) > 1]
    if any(number.lower() not in own for number in roman) or _ROMAN_MONEY.search(rest):
        return FACT_FOREIGN
    if not _NEGATION.search(fold(expected.locked)) and _NEGATION.search(_URGING.sub(" ", fold(text))):
        return NEGATION
    return ""


def _words_failure(text: str, facts: tuple[Fact, ...], expected: Expectation, permitted: tuple[str, ...]) -> str:
    own = stems_of(expected.own_words, expected.locale).union(*(stems_of(each, expected.locale) for each in permitted))
    if expected.closed:
        rest = _URGING.sub(" ", fold(_without(text, facts)))
        asks_money = any(kind == "money" for kind, _, _ in _facts_of(expected.locked, expected))
        return WORD_FOREIGN if foreign_words(rest, expected.locale, own, asks_money=asks_money) else ""
    if permitted[1:] and any(
        not stems_of(name, expected.locale) & (own | everyday_stems(expected.locale)) for name in _names(text)
    ):
        return WORD_FOREIGN
    return ""


def _names(text: str) -> list[str]:
    """The words of `text` with a capital that no beginning of a sentence explains, folded."""
    found: list[str] = []
    begins = True
    at = 0
    for word in words(text):
        start = text.index(word, at)
        begins = begins or any(mark in text[at:start] for mark in '.!?:\n«"“(')
        if not begins and word[0].isupper() and len(word) >= _NAME_LETTERS and not word.isupper():
            found.extend(tokens(word))
        begins, at = False, start + len(word)
    return found


def _without(text: str, facts: Iterable[Fact]) -> str:
    pieces: list[str] = []
    at = 0
    for fact in facts:
        pieces.append(text[at : fact.start])
        at = fact.end
    return " ".join((*pieces, text[at:]))


def _key(fact: Fact) -> FactKey:
    return fact.kind, fact.value, fact.unit


def _facts_of(text: str, expected: Expectation) -> Counter[FactKey]:
    return _counted(text, expected.country, expected.places)


@lru_cache(maxsize=4096)
def _counted(text: str, country: str, places: Places | None) -> Counter[FactKey]:
    """The facts of a text of the tenant's, which come again with every reply: never changed by who gets them."""
    return Counter(_key(fact) for fact in extract_facts(text, country=country, places=places))


def _asks_as_decided(text: str, expected: Expectation) -> bool:
    return asks_only_for(
        text, expected.asked, not_asked=expected.not_asked, received=expected.received, template=expected.locked
    )


def _speaks(text: str, locale: str) -> bool:
    said = tokens(text)
    french, english = sum(word in _FRENCH for word in said), sum(word in _ENGLISH for word in said)
    own, other = (english, french) if locale.startswith("en") else (french, english)
    return other < own + 2
