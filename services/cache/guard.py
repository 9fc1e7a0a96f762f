"""The guard: whether the answer to one question may serve another. Pure, and fails closed."""

import functools
from collections import Counter
from dataclasses import dataclass

from services.cache import lexicon
from services.cache.reading import Reading, concept

GUARD_NUMBER = "GUARD_NUMBER"
GUARD_PLACE = "GUARD_PLACE"
GUARD_POLARITY = "GUARD_POLARITY"
GUARD_QUESTION_WORD = "GUARD_QUESTION_WORD"
GUARD_CONTENT = "GUARD_CONTENT"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule that refused, and what it saw: words of the two questions, for an operator's eyes only."""

    rule: str
    detail: str


def refuse(asked: Reading, stored: Reading, *, language: str) -> Refusal | None:
    """Returns why the answer to `stored` may not serve `asked`, or None when every rule passes.

    Both must be readings in `language`. Two questions pass when they hold the same facts, the same polarity, the same
    question class, the same roles and the same content words; one in which the rules find no content never passes.
    """
    return (
        _numbers(asked, stored, language)
        or _places(asked, stored)
        or _polarity(asked, stored, language)
        or _question_word(asked, stored)
        or _roles(asked, stored)
        or _content(asked, stored)
    )


def _difference(a: frozenset[str], b: frozenset[str]) -> str:
    return f"{sorted(a - b)} against {sorted(b - a)}"


@functools.lru_cache(maxsize=4)
def _calendar(language: str) -> frozenset[str]:
    return frozenset(concept(word, language) for word in lexicon.CALENDAR_WORDS)


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
    return None


def _places(asked: Reading, stored: Reading) -> Refusal | None:
    if Counter(asked.places) != Counter(stored.places):
        return Refusal(GUARD_PLACE, f"{sorted(asked.places)} against {sorted(stored.places)}")
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
            if _are_opposite(a, b, language):
                return Refusal(GUARD_POLARITY, f"{a!r} against {b!r}")
    return None


def _are_opposite(a: str, b: str, language: str) -> bool:
    for one, other in lexicon.ANTONYMS:
        if {a, b} == {concept(one, language), concept(other, language)}:
            return True
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return len(shorter) > 3 and any(longer == prefix + shorter for prefix in lexicon.OPPOSITE_PREFIXES)


def _question_word(asked: Reading, stored: Reading) -> Refusal | None:
    if asked.classes != stored.classes:
        return Refusal(GUARD_QUESTION_WORD, _difference(asked.classes, stored.classes))
    return None


def _roles(asked: Reading, stored: Reading) -> Refusal | None:
    """From A to B is not from B to A; my account is not your account; calling me is not calling you."""
    named_asked, named_stored = (*asked.places, *asked.proper), (*stored.places, *stored.proper)
    to_asked, to_stored = asked.towards - stored.towards, stored.towards - asked.towards
    if to_asked and to_stored:
        held_asked, held_stored = asked.content | set(asked.places), stored.content | set(stored.places)
        if to_asked <= held_stored and to_stored <= held_asked:
            return Refusal(GUARD_PLACE, f"towards {sorted(to_asked)} against {sorted(to_stored)}")
    if len(named_asked) == len(named_stored) == 2 and named_asked == named_stored[::-1] != named_stored:
        return Refusal(GUARD_PLACE, f"order {named_asked!r} against {named_stored!r}")
    if asked.mine & stored.yours or asked.yours & stored.mine:
        return Refusal(GUARD_CONTENT, "possessors differ")
    if asked.direction and stored.direction and asked.direction != stored.direction:
        return Refusal(GUARD_CONTENT, f"{asked.direction} against {stored.direction}")
    return None


def _content(asked: Reading, stored: Reading) -> Refusal | None:
    if asked.content != stored.content or asked.other_facts != stored.other_facts:
        return Refusal(GUARD_CONTENT, _difference(asked.content, stored.content))
    if not (asked.content or asked.places or asked.numbers):
        return Refusal(GUARD_CONTENT, "no content word in either")
    if not _is_rotation(asked.order, stored.order):
        return Refusal(GUARD_CONTENT, f"order {asked.order!r} against {stored.order!r}")
    if asked.is_past != stored.is_past:
        return Refusal(GUARD_CONTENT, "one tells what is done, the other asks for it")
    return None


def _is_rotation(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Says whether one part was moved to the other end, as French does in a question, and nothing else.

    Of "the seller refunds the buyer" and its reverse, or "red apples, green pears" and its reverse, neither is.
    """
    return any(a[at:] + a[:at] == b for at in range(max(1, len(a))))
