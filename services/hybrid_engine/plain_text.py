"""What a reader sees in a text, written plainly: no hidden characters, no letters that look like others."""

import unicodedata
from functools import lru_cache

from libs.common.linear_pattern import linear_pattern
from services.hybrid_engine.number_words import in_digits

# Cyrillic and Greek letters, and a few of Latin's own, that a reader takes for a plain one.
_LOOKS_LIKE = {
    ord(seen): meant
    for seen, meant in zip(
        "аеорсухіјѕһԁԛԝвкмнтАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρτικıſɡ",
        "aeopcyxijshdqwbkmhtABEKMHOPCTYXIJSABEZHIKMNOPTYXoavptikisg",
        strict=True,
    )
}
_ROUND = linear_pattern(r"(\d)[oOQ]|[oOQ](\d)")
_TALL = linear_pattern(r"(\d)[lI|](\d)|\b[lI|](\d)")
_DOT = linear_pattern(
    r"(?i)([a-z0-9])\s*(?:\(\.\)|\[\.\]|\{\.\}|[。．｡·•․]|\s\.\s|\s\.|\b(?:point|dot)\b)\s*([a-z0-9])"
)
_SLASH = linear_pattern(r"([a-z0-9])\s+/\s*([a-z0-9])")
_AT = linear_pattern(r"(?i)([a-z0-9])\s*(?:\(at\)|\[at\]|\s@\s|\barobase\b|\barrobase\b)\s*([a-z0-9])")


def unmasked(text: str) -> str:
    """Returns `text` as a reader takes it: zero-width characters gone, look-alikes and odd digits made plain."""
    if text.isascii():
        return text
    return "".join(map(_plain_character, unicodedata.normalize("NFKC", text)))


def read_aloud(text: str) -> str:
    """Returns `text` with every disguise of a figure or an address undone, folded: what a reader could act on.

    `O787 36 O7 57` and `zéro sept …` become digits, `wave point com` becomes `wave.com`. Good for looking for facts,
    not for showing: words may change with it.
    """
    plain = unmasked(text)
    for _ in range(2):
        plain = _ROUND.sub(lambda found: _beside(found.group(1), "0", found.group(2)), plain)
        plain = _TALL.sub(lambda found: _beside(found.group(1), "1", found.group(2) or found.group(3)), plain)
    plain = in_digits(plain)
    plain = _AT.sub(lambda found: f"{found.group(1)}@{found.group(2)}", plain)
    plain = _DOT.sub(lambda found: f"{found.group(1)}.{found.group(2)}", plain)
    return _SLASH.sub(lambda found: f"{found.group(1)}/{found.group(2)}", plain)


def _beside(before: str | None, digit: str, after: str | None) -> str:
    return f"{before or ''}{digit}{after or ''}"


@lru_cache(maxsize=4096)
def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) in ("Cf", "Mn", "Me", "Cc"):
        return ""
    digit = unicodedata.digit(character, None)
    return str(digit) if digit is not None else _LOOKS_LIKE.get(ord(character), character)
