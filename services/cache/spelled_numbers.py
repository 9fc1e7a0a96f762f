"""Numbers written as words, French and English, turned to digits where they stand alone. Pure."""

import re

from services.cache.lexicon import NUMBER_WORDS

# `neuf` is new as often as nine, `one` and `un` stand for anything.
_LONE = {word: digits for word, digits in NUMBER_WORDS.items() if word not in ("neuf", "one", "un", "une", "sept")}
_OTHERS = (
    "un",
    "une",
    "vingts",
    "cents",
    "soixante",
    "seize",
    "septante",
    "nonante",
    "hundred",
    "thousand",
    "millions?",
)
_ANY = "|".join(sorted({*NUMBER_WORDS, *_OTHERS}, key=len, reverse=True))
_RUN = re.compile(rf"(?i)(?<![\w-])(?:{_ANY})(?:[ -]+(?:et |and )?(?:{_ANY}))*(?![\w-])")
_DIGIT_NEAR = re.compile(r"\d[ .,]?$")


def with_digits(text: str) -> str:
    """Returns `text` with `quatre personnes` as `4 personnes`; a number of several words stays as it is."""
    return _RUN.sub(_digits, text)


def _digits(match: re.Match[str]) -> str:
    written = match.group()
    digits = _LONE.get(written.casefold(), written)
    text, start, end = match.string, match.start(), match.end()
    if _DIGIT_NEAR.search(text, max(0, start - 2), start) or text[end : end + 2].strip()[:1].isdigit():
        return written
    return digits
