"""Whether a model's wording may go out: the checks, and the stable name of the first that fails."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from libs.common.facts import extract_facts
from libs.common.text_fold import tokens, words
from services.hybrid_engine.flow.lexicon import PARCEL_WORDS, PAYMENT_WORDS, word_set
from services.hybrid_engine.flow.rules import SlotKind

EMPTY = "LLM_EMPTY"
TOO_LONG = "LLM_TOO_LONG"
FACT_MISSING = "LLM_FACT_MISSING"
FACT_FOREIGN = "LLM_FACT_FOREIGN"
MARKUP = "LLM_MARKUP"
ROLE_LEAK = "LLM_ROLE_LEAK"
WRONG_SLOT = "LLM_WRONG_SLOT"
WRONG_LANGUAGE = "LLM_WRONG_LANGUAGE"

# A fact, as far as two texts may agree on it.
FactKey = tuple[str, str, str]

_GUARDED = frozenset({"money", "phone", "number", "quantity", "percent", "url", "email", "date", "time", "reference"})
_MARKUP = re.compile(r"(?m)\*\*|__|```|^\s*#{1,6}\s|^\s*[-*]\s|\]\(|<[a-zA-Z/][^>]*>")
_ROLE = re.compile(
    r"(?i)\b(?:system|syst[eè]me|assistant|user|utilisateur|instructions?|prompt)\s*:|as an ai\b|en tant qu.ia\b"
)
_SLOT_WORDS: dict[SlotKind, frozenset[str]] = {
    SlotKind.IMAGE: frozenset({"photo", "photos", "picture", "image"}) | PARCEL_WORDS,
    SlotKind.PAYMENT_PROOF: PAYMENT_WORDS | {"payez", "reglez", "envoyez", "send", "pay"},
    SlotKind.PLACE: word_set("zone quartier commune adresse ou livrer livraison where area address district"),
    SlotKind.PHONE: word_set("numero telephone tel joindre contact appeler phone number call"),
}
# Words that only one language has; two more of the other's than of its own show a text in the wrong one.
_FRENCH = word_set("le la les des une est vous votre nous pour avec dans sur puis et du au")
_ENGLISH = word_set("the your you is are and for with please our of to then this send")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a wording must keep to.

    `locked` are texts whose facts must all be there, `allowed` texts whose facts may be; `literals` must appear as they
    are. `asked` is the kind of slot to ask for, and `not_asked` those not to.
    """

    max_words: int
    locale: str = "fr"
    locked: str = ""
    allowed: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    asked: SlotKind | None = None
    not_asked: tuple[SlotKind, ...] = ()
    country: str = ""


def facts_of(texts: Iterable[str], *, country: str, kinds: Collection[str] = _GUARDED) -> frozenset[FactKey]:
    """Returns the facts that `texts` state, of `kinds`."""
    return frozenset(
        (fact.kind, fact.value, fact.unit)
        for text in texts
        for fact in extract_facts(text, country=country)
        if fact.kind in kinds
    )


def first_failure(text: str, expected: Expectation) -> str:
    """Returns the reason why `text` may not go out, or an empty string when it may."""
    if not text.strip():
        return EMPTY
    if len(words(text)) > expected.max_words:
        return TOO_LONG
    if _MARKUP.search(text):
        return MARKUP
    if _ROLE.search(text):
        return ROLE_LEAK
    stated = facts_of([text], country=expected.country)
    locked = facts_of([expected.locked], country=expected.country)
    if locked - stated or any(literal not in text for literal in expected.literals):
        return FACT_MISSING
    if stated - locked - facts_of((*expected.allowed, *expected.literals), country=expected.country):
        return FACT_FOREIGN
    if not _asks_for(text, expected):
        return WRONG_SLOT
    if not _speaks(text, expected.locale):
        return WRONG_LANGUAGE
    return ""


def _asks_for(text: str, expected: Expectation) -> bool:
    """Whether `text` names what is asked for, and of what other slots ask for only what the template names."""
    if expected.asked is None or expected.asked not in _SLOT_WORDS:
        return True
    said = frozenset(tokens(text))
    if not said & _SLOT_WORDS[expected.asked]:
        return False
    permitted = _SLOT_WORDS[expected.asked] | frozenset(tokens(expected.locked))
    return not any(said & (_SLOT_WORDS.get(kind, frozenset[str]()) - permitted) for kind in expected.not_asked)


def _speaks(text: str, locale: str) -> bool:
    said = tokens(text)
    french, english = sum(word in _FRENCH for word in said), sum(word in _ENGLISH for word in said)
    own, other = (english, french) if locale.startswith("en") else (french, english)
    return other < own + 2
