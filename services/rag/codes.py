"""References, order numbers and codes: what people look up letter by letter, however they space it."""

import re

from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import STOPWORDS, fold

# `JT-2042`, `2019/118` and `jt.2042` are one run; `JT 2042` is two, which are joined below.
_RUN = re.compile(r"[a-z0-9]+(?:[-/._#][a-z0-9]+)*")
_PART = re.compile(r"[a-z]+|[0-9]+")
_DIGIT = re.compile(r"[0-9]")
# A number with its unit or currency is an amount, an hour or a rank: no code.
_AMOUNT = linear_pattern(
    r"\d+(?:[.,]\d+)*\s*(?:h\d*|min|mm|cm|km|m|m2|kg|g|mg|ml|cl|l|w|kw|v|go|mo|gb|mb|e|er|ere|eme|nd|st|rd|th|am|pm|x|j|f"
    r"|fcfa|cfa|xof|eur|euros?|usd|dollars?|jours?|days?|€|\$|%)(?:$|[^a-z0-9])"
)
_YEAR = linear_pattern(r"(?:19|20)\d\d")
_MAX_LETTERS_IN_FRONT = 4
_MAX_DIGITS = 10
_LEAST_DIGITS_ALONE = 4
_MAX_CHARACTERS = 32
_STOPWORDS = STOPWORDS["fr"] | STOPWORDS["en"]


def codes(text: str) -> frozenset[str]:
    """Returns the codes that `text` names, folded and without separators: `JT-2042` and `jt 2042` give `jt2042`.

    A code holds a digit and a letter, or at least four digits; amounts, hours, ranks and years alone are none.
    """
    folded = _AMOUNT.sub(" ", fold(text).replace("n°", " "))
    if not _DIGIT.search(folded):
        return frozenset()
    found: set[str] = set()
    words: list[str] = []
    for match in _RUN.finditer(folded):
        run = match.group()
        if not _DIGIT.search(run):
            words.append(run)
            continue
        parts = _PART.findall(run)
        found.add("".join(parts))
        # The number of `CMD-77120` is what a customer types alone.
        found.update(part for part in parts if part.isdigit())
        words.append("".join(parts))
    for first, second, third in zip(words, words[1:], [*words[2:], ""], strict=False):
        # Pairs of two digits are telephone numbers.
        is_number = second.isdigit() and len(second) <= _MAX_DIGITS
        if is_number and (_is_prefix(first) or (first.isdigit() and len(first) > 2)):
            found.add(first + second)
            if len(third) == 1 and third.isalpha():
                found.add(first + second + third)
    return frozenset(code for code in found if _is_code(code))


def _is_prefix(word: str) -> bool:
    return word.isalpha() and len(word) <= _MAX_LETTERS_IN_FRONT and word not in _STOPWORDS


def _is_code(code: str) -> bool:
    if len(code) < 2 or len(code) > _MAX_CHARACTERS or code.isalpha():
        return False
    return not code.isdigit() or (len(code) >= _LEAST_DIGITS_ALONE and not _YEAR.fullmatch(code))
