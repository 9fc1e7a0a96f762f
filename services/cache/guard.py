"""The guard: whether the answer to one question may serve another. Pure, and fails closed."""

import functools
import unicodedata
from collections import Counter
from dataclasses import dataclass

from services.cache import lexicon
from services.cache.meanings import actions, are_opposite, objects, oppositional, weightless
from services.cache.rarity import Rarity, every_word_is_rare
from services.cache.reading import KNOWN_LANGUAGES, Reading
from services.cache.tokens import concept

GUARD_NUMBER = "GUARD_NUMBER"
GUARD_PLACE = "GUARD_PLACE"
GUARD_POLARITY = "GUARD_POLARITY"
GUARD_QUESTION_WORD = "GUARD_QUESTION_WORD"
GUARD_INTENT = "GUARD_INTENT"
GUARD_CONTENT = "GUARD_CONTENT"

# What one question may say more than the other: a word that every third question of the tenant has is 1.58 bits.
MAX_BITS_APART = 1.6
_MIN_SHARED = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule that refused, and what it saw: words of the two questions, for an operator's eyes only."""

    rule: str
    detail: str


def refuse(asked: Reading, stored: Reading, *, language: str, rarity: Rarity = every_word_is_rare) -> Refusal | None:
    """Returns why the answer to `stored` may not serve `asked`, or None when every rule passes.

    Both must be readings in `language`. Two questions pass when they hold the same facts, the same polarity, the same
    question class, the same roles, ask to do the same with the same things, and one says at most so much more than the
    other as `rarity` (bits of a concept) calls common. One in which the rules find no content never passes. In a
    language other than French and English the words must be the same, each in its place.
    """
    refused = _numbers(asked, stored, language) or _places(asked, stored)
    if refused or language not in KNOWN_LANGUAGES:
        return refused or _same_words(asked, stored)
    return (
        _polarity(asked, stored, language)
        or _intent(asked, stored, language)
        or _names(asked, stored)
        or _question_word(asked, stored)
        or _roles(asked, stored, language)
        or _content(asked, stored, language, rarity)
    )


def _difference(a: frozenset[str], b: frozenset[str]) -> str:
    return f"{sorted(a - b)} against {sorted(b - a)}"


@functools.lru_cache(maxsize=4)
def _calendar(language: str) -> frozenset[str]:
    return frozenset(concept(word, language) for word in lexicon.CALENDAR_WORDS)


@functools.lru_cache(maxsize=4)
def _movement(language: str) -> frozenset[str]:
    return frozenset(concept(word, language) for word in lexicon.MOVEMENT)


def _numbers(asked: Reading, stored: Reading, language: str) -> Refusal | None:
    # With one number its noun may stand before it or after; with two, which belongs to what matters.
    a, b = asked.numbers, stored.numbers
    if len(a) == len(b) == 1:
        a, b = (a[0][:3],), (b[0][:3],)
    if Counter(a) != Counter(b):
        return Refusal(GUARD_NUMBER, f"{list(a)!r} against {list(b)!r}")
    apart = asked.content ^ stored.content
    if any(word.isdigit() or word in _calendar(language) for word in apart):
        return Refusal(GUARD_NUMBER, _difference(asked.content, stored.content))
    if _digits(asked) != _digits(stored):
        return Refusal(GUARD_NUMBER, f"{_digits(asked)!r} against {_digits(stored)!r}")
    return None


def _digits(reading: Reading) -> list[str]:
    return [word for word in reading.order if word.isdigit()]


def _places(asked: Reading, stored: Reading) -> Refusal | None:
    if Counter(asked.places) != Counter(stored.places):
        return Refusal(GUARD_PLACE, f"{sorted(asked.places)} against {sorted(stored.places)}")
    return None


def _names(asked: Reading, stored: Reading) -> Refusal | None:
    # Names that no list knows: what stands with a capital, or after a preposition of place, on one side only.
    apart_asked, apart_stored = asked.content - stored.content, stored.content - asked.content
    named = set(asked.proper) | set(stored.proper) | asked.after_preposition | stored.after_preposition
    if apart_asked & named and apart_stored & named and len(apart_asked) == len(apart_stored) == 1:
        return Refusal(GUARD_PLACE, _difference(asked.content, stored.content))
    return None


def _polarity(asked: Reading, stored: Reading, language: str) -> Refusal | None:
    if asked.negated != stored.negated:
        return Refusal(GUARD_POLARITY, _difference(asked.negated, stored.negated))
    for a in asked.content - stored.content:
        for b in stored.content - asked.content:
            if are_opposite(a, b, language):
                return Refusal(GUARD_POLARITY, f"{a!r} against {b!r}")
    return None


def _intent(asked: Reading, stored: Reading, language: str) -> Refusal | None:
    """To cancel an order is not to track it; a delay of delivery is not one of refund."""
    for known in (actions(language), objects(language)):
        a, b = asked.content & known, stored.content & known
        if a != b:
            return Refusal(GUARD_INTENT, _difference(a, b))
    return None


def _question_word(asked: Reading, stored: Reading) -> Refusal | None:
    if asked.classes != stored.classes:
        fine = asked.classes ^ stored.classes
        # "When" is answered by an hour or by a day; an hour is no day.
        if lexicon.WHEN in fine and len(fine) == 2 and fine & {lexicon.HOUR, lexicon.DAY}:
            return None
        return Refusal(GUARD_QUESTION_WORD, _difference(asked.classes, stored.classes))
    return None


def _roles(asked: Reading, stored: Reading, language: str) -> Refusal | None:
    """From A to B is not from B to A; my account is not your account; calling me is not calling you."""
    named_asked, named_stored = (*asked.places, *asked.proper), (*stored.places, *stored.proper)
    to_asked, to_stored = asked.towards - stored.towards, stored.towards - asked.towards
    if to_asked and to_stored:
        held_asked, held_stored = asked.content | set(asked.places), stored.content | set(stored.places)
        if to_asked <= held_stored and to_stored <= held_asked:
            return Refusal(GUARD_PLACE, f"towards {sorted(to_asked)} against {sorted(to_stored)}")
    turned = (asked.towards & stored.away) | (asked.away & stored.towards)
    turned -= actions(language) | objects(language)
    if turned and (language == "en" or asked.content & _movement(language)):
        return Refusal(GUARD_PLACE, f"to or from {sorted(turned)}")
    if len(named_asked) == len(named_stored) == 2 and named_asked == named_stored[::-1] != named_stored:
        return Refusal(GUARD_PLACE, f"order {named_asked!r} against {named_stored!r}")
    if any(owner != other for owner, a in asked.owners for other, b in stored.owners if a == b):
        return Refusal(GUARD_CONTENT, "possessors differ")
    if asked.direction and stored.direction and asked.direction != stored.direction:
        return Refusal(GUARD_CONTENT, f"{asked.direction} against {stored.direction}")
    if asked.doer and stored.doer and asked.doer != stored.doer:
        return Refusal(GUARD_CONTENT, f"done by {asked.doer} against {stored.doer}")
    return None


def _content(asked: Reading, stored: Reading, language: str, rarity: Rarity) -> Refusal | None:
    difference = Refusal(GUARD_CONTENT, _difference(asked.content, stored.content))
    if asked.other_facts != stored.other_facts:
        return difference
    if not (asked.content or asked.places or asked.numbers):
        return Refusal(GUARD_CONTENT, "no content word in either")
    light = weightless(language)
    more_asked, more_stored = asked.content - stored.content - light, stored.content - asked.content - light
    if more_asked and more_stored:
        return difference  # one thing in place of another, however common both are
    more = more_asked or more_stored
    if more and not _is_common(more, asked, stored, language, rarity):
        return difference
    shared = asked.content & stored.content
    if not _is_same_order(asked, stored, shared):
        return Refusal(GUARD_CONTENT, f"order {asked.order!r} against {stored.order!r}")
    if asked.is_past != stored.is_past:
        return Refusal(GUARD_CONTENT, "one tells what is done, the other asks for it")
    return None


def _is_common(more: frozenset[str], asked: Reading, stored: Reading, language: str, rarity: Rarity) -> bool:
    """Says whether what one question says more is what the tenant's customers say all the time."""
    named = {*asked.proper, *stored.proper, *asked.after_preposition, *stored.after_preposition}
    protected = named | asked.negated | stored.negated | oppositional(language)
    if more & protected or len(asked.content & stored.content) < _MIN_SHARED:
        return False
    return sum(map(rarity, more)) <= MAX_BITS_APART


def _is_same_order(asked: Reading, stored: Reading, shared: frozenset[str]) -> bool:
    a = tuple(word for word in asked.order if word in shared)
    b = tuple(word for word in stored.order if word in shared)
    if _is_rotation(a, b):
        return True
    # "La classe reprend quand", "quand reprend la classe": subject and verb change places where time or place is asked.
    asks_about = asked.classes & {lexicon.WHEN, lexicon.HOUR, lexicon.DAY, lexicon.WHERE, lexicon.DURATION}
    return bool(asks_about) and a[:2] == b[1::-1] and a[2:] == b[2:]


def _is_rotation(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Says whether one part was moved to the other end, as French does in a question, and nothing else.

    Of "the seller refunds the buyer" and its reverse, or "red apples, green pears" and its reverse, neither is.
    """
    return any(a[at:] + a[:at] == b for at in range(max(1, len(a))))


def _same_words(asked: Reading, stored: Reading) -> Refusal | None:
    a, b = asked.written, stored.written
    if not a or len(a) != len(b) or not all(map(_is_same_word, a, b)):
        return Refusal(GUARD_CONTENT, f"{a!r} against {b!r}")
    return None


def _is_same_word(a: str, b: str) -> bool:
    """Says whether two words are one, of which people may have left the accents out, but not put others."""
    return a == b or _bare(a) == b or a == _bare(b)


def _bare(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not "\u0300" <= c <= "\u036f")
