"""Numbers that are spelled out, French and English: which words are one, and the digits they stand for."""

from collections.abc import Mapping

from libs.common.linear_pattern import Match, linear_pattern
from libs.common.text_fold import fold
from services.hybrid_engine.flow.lexicon import word_set

_UNITS: Mapping[str, int] = {
    word: value
    for value, words in {
        0: "zero", 1: "un une one", 2: "deux two", 3: "trois three", 4: "quatre four", 5: "cinq five", 6: "six",
        7: "sept seven", 8: "huit eight", 9: "neuf nine", 10: "dix ten", 11: "onze eleven", 12: "douze twelve",
        13: "treize thirteen", 14: "quatorze fourteen", 15: "quinze fifteen", 16: "seize sixteen", 17: "seventeen",
        18: "eighteen", 19: "nineteen", 20: "vingt vingts twenty", 30: "trente thirty", 40: "quarante forty fourty",
        50: "cinquante fifty", 60: "soixante sixty", 70: "septante seventy", 80: "octante huitante eighty",
        90: "nonante ninety",
    }.items()
    for word in words.split()
}  # fmt: skip
_MULTIPLIERS: Mapping[str, int] = {
    "cent": 100, "cents": 100, "hundred": 100, "hundreds": 100, "mille": 1000, "milles": 1000, "mil": 1000,
    "thousand": 1000, "thousands": 1000, "million": 10**6, "millions": 10**6, "milliard": 10**9, "milliards": 10**9,
    "billion": 10**9, "billions": 10**9,
}  # fmt: skip
# These say a quantity beside another number, and so does an article that looks like one.
_OTHERS = word_set(
    "moitie demi demie double triple quadruple dizaine douzaine quinzaine vingtaine centaine millier milliers "
    "half twice thrice dozen dozens quarter tiers"
)
_ARTICLES = frozenset({"un", "une", "one"})
_WORD = "|".join(sorted({*_UNITS, *_MULTIPLIERS}, key=len, reverse=True))
_RUN = linear_pattern(rf"\b(?:{_WORD})(?:(?: ?- ?| (?:et |and )?)?(?:{_WORD}))*\b")
_ONE = linear_pattern(rf"(?:{_WORD})")
_GLUED = linear_pattern(rf"(?:{_WORD})+(?:f|fcfa|cfa|francs?|euros?|dollars?)?")


def is_number_word(token: str) -> bool:
    """Whether a folded token spells a number, also glued (`deuxmille`); an article that could be one is not."""
    return token not in _ARTICLES and (token in _OTHERS or _GLUED.fullmatch(token) is not None)


def in_digits(text: str) -> str:
    """Returns `text`, folded, with each spelled number as digits: `deux mille francs` becomes `2000 francs`.

    Digits said one by one stay apart (`zéro sept` gives `0 7`), as people write phone numbers.
    """
    return _RUN.sub(_run_in_digits, fold(text))


def _run_in_digits(run: Match) -> str:
    said = [match.group() for match in _ONE.finditer(run.group())]
    if all(word in _ARTICLES for word in said):
        return run.group()
    numbers: list[int] = []
    total, current, last = 0, -1, -1
    for word in said:
        value = _UNITS.get(word)
        if value is None:
            factor = _MULTIPLIERS[word]
            if factor == 100:
                current = 100 * max(current, 1)
            else:
                total, current = total + max(current, 1) * factor, 0
            last = factor
            continue
        if value == 20 and last == 4:
            current += 76
        elif current >= 0 and _continues(current, value, last):
            current += value
        else:
            if current >= 0:
                numbers.append(total + current)
            total, current = 0, value
        last = value
    numbers.append(total + current)
    return " ".join(map(str, numbers))


def _continues(current: int, value: int, last: int) -> bool:
    """Whether `value` belongs to the number before it: `vingt deux` is one number, `deux deux` are two."""
    if last >= 100:
        return True
    if last in (20, 30, 40, 50, 60, 70, 80, 90):
        return 0 < value < 10 or (current % 100 in (60, 80) and 10 <= value < 20)
    return last == 10 and 7 <= value <= 9
