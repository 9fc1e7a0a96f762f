"""Values of the slots that a tenant describes itself: a choice among options, a number, what a pattern finds."""

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from libs.common.facts.amounts import AMOUNT, plain_amount
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold, tokens
from services.hybrid_engine.flow.lexicon import NO, NOT_THERE, YES, phrase_words
from services.hybrid_engine.flow.rules import FlowRules, SlotKind, SlotRule, Validator
from services.hybrid_engine.flow.spelling import squeezed

_NUMBER = linear_pattern(rf"(?:^|[^\w.,])(-?{AMOUNT})(?:$|[^\w]|\D)")
_NUMBER_WORDS = {
    word: str(number)
    for number, words in enumerate(
        ("zero", "un une one", "deux two", "trois three", "quatre four", "cinq five", "six", "sept seven", "huit eight")
    )
    for word in words.split()
}
# A word this near to an option's only word is that option, where the option was asked for.
_SAME_SPELLING = 0.84
_MIN_GUESSED_CHARACTERS = 4
# «marche toujours pas»: words between a value and what negates it after.
_STILL = frozenset({"toujours", "encore", "still"})
_ASSENTS = frozenset((word,) for word in YES | NO)
_AFTER_NEGATION = frozenset({"pas", "plus", "jamais", "not"})


def own_values(statements: str, rules: FlowRules, awaited: SlotRule | None, *, says: str) -> dict[str, str]:
    """Returns what a message states for slots of the kinds choice, number and pattern.

    Options and patterns are read wherever they are said; those of a yes or no only where they were asked for, as
    numbers are. `says` is `yes`, `no` or neither.
    """
    found: dict[str, str] = {}
    said = [squeezed(token) for token in tokens(statements)]
    for slot in rules.slots:
        is_awaited = slot is awaited
        value = ""
        if not is_awaited and not _read_anywhere(slot):
            continue
        if slot.kind is SlotKind.CHOICE:
            value = _option(said, slot, says if is_awaited else "")
            value = value or (_guessed_option(said, slot) if is_awaited else "")
        elif slot.kind is SlotKind.PATTERN:
            value = _matched(statements, slot)
        elif slot.kind is SlotKind.NUMBER and is_awaited:
            value = _number(statements)
        if value and is_valid(value, slot.validator):
            found[slot.name] = value
    return found


def is_valid(value: str, validator: Validator | None) -> bool:
    """Whether a value is what the tenant demands of it."""
    if validator is None:
        return True
    if validator.minimum is not None and float(value) < validator.minimum:
        return False
    if validator.maximum is not None and float(value) > validator.maximum:
        return False
    if len(value) < validator.min_length or (validator.max_length is not None and len(value) > validator.max_length):
        return False
    return validator.pattern is None or validator.pattern.fullmatch(value) is not None


def _read_anywhere(slot: SlotRule) -> bool:
    """Whether a message may give the slot unasked: a yes or a no means nothing without its question."""
    return not slot.only_when_asked and not any(
        words in _ASSENTS for names in slot.options.values() for words in map(phrase_words, names)
    )


def _option(said: Sequence[str], slot: SlotRule, says: str) -> str:
    """The option that a message means: the last that is not negated, else the one of a yes or a no."""
    spans = _spans(said, slot.options)
    starts = {start for start, _, _ in spans}
    meant = [option for start, end, option in spans if not _negated(said, start, end, starts)]
    if says:
        vocabulary = YES if says == "yes" else NO
        by_assent = next(
            (
                option
                for option, names in slot.options.items()
                if any(" ".join(phrase_words(name)) in vocabulary for name in names)
            ),
            "",
        )
        if by_assent:
            return by_assent
    return meant[-1] if meant else ""


def _spans(said: Sequence[str], options: Mapping[str, tuple[str, ...]]) -> list[tuple[int, int, str]]:
    """Where options are named, in order; of names that overlap the longest."""
    found: list[tuple[int, int, str]] = []
    for option, names in options.items():
        for name in names:
            wanted = _squeezed_words(name)
            if not wanted or wanted[0] not in said:
                continue
            found += [
                (at, at + len(wanted), option)
                for at in range(len(said) - len(wanted) + 1)
                if tuple(said[at : at + len(wanted)]) == wanted
            ]
    kept: list[tuple[int, int, str]] = []
    for start, end, option in sorted(found, key=lambda span: span[0] - span[1]):
        if all(end <= other_start or start >= other_end for other_start, other_end, _ in kept):
            kept.append((start, end, option))
    return sorted(kept)


def _negated(said: Sequence[str], start: int, end: int, starts: set[int]) -> bool:
    """«pas vert» and «marche toujours pas» are not; in «rouge pas vert» the word between belongs to green."""
    if start and said[start - 1] in NOT_THERE:
        return True
    after = end + 1 if said[end : end + 1] and said[end] in _STILL else end
    return after < len(said) and said[after] in _AFTER_NEGATION and after + 1 not in starts


@lru_cache(maxsize=4096)
def _squeezed_words(name: str) -> tuple[str, ...]:
    return tuple(squeezed(token) for token in tokens(name))


def _guessed_option(said: Sequence[str], slot: SlotRule) -> str:
    """The option whose only word a word of the message misspells by little."""
    single = {
        words[0]: option
        for option, names in slot.options.items()
        for name in names
        if len(words := _squeezed_words(name)) == 1
    }
    for word in (word for word in said if len(word) >= _MIN_GUESSED_CHARACTERS):
        if close := difflib.get_close_matches(word, single, n=1, cutoff=_SAME_SPELLING):
            return single[close[0]]
    return ""


def _matched(text: str, slot: SlotRule) -> str:
    match = slot.pattern.search(text) if slot.pattern else None
    return match.group().strip() if match else ""


def _number(text: str) -> str:
    match = _NUMBER.search(text)
    if match:
        written = match.group(1)
        sign, digits = ("-", written[1:]) if written.startswith("-") else ("", written)
        return sign + plain_amount(digits)
    return next((_NUMBER_WORDS[token] for token in re.split(r"\W+", fold(text)) if token in _NUMBER_WORDS), "")
