"""How a wording looks: characters nobody here writes, marks of a page, a model that speaks as a model."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from libs.common.linear_pattern import linear_pattern

_MARKUP = linear_pattern(r"(?m)\*\*|__|```|`|^\s*#{1,6}\s|^\s*[-*•]\s|\]\(|<[a-zA-Z/|!][^>]*>|^\s*[{\[]|[|~^\\]")
_ROLE = linear_pattern(
    r"(?i)\b(?:system|syst[eè]me|assistant|user|utilisateur|instructions?|consignes?|prompt)\b\s*[:\]>]"
    r"|\bas an ai\b|\ben tant qu.(?:ia|assistant)\b|\[/?inst\]|\breformul|\brephras|\breword|\bmod[eè]le de langage\b"
)
_LATIN_END = 0x17F
_NOT_LATIN = frozenset("ıſŀŉ")
# Pictures of digits, letters and clocks are figures in disguise.
_FIGURE_PICTURES = ((0x1F100, 0x1F1FF), (0x1F51F, 0x1F524), (0x1F550, 0x1F567), (0x1F4AF, 0x1F4AF), (0x2460, 0x24FF))
_PUNCTUATION = frozenset("’‘«»“”…–—·°€£¥ №©®\u00a0\u202f\ufe0f\u2009\u2011\u200d")


def is_strange(text: str, permitted: Iterable[str]) -> bool:
    """Whether a character is there that neither people of these languages nor the texts `permitted` write."""
    if text.isascii():
        return any(ord(character) < 32 and character not in "\n\r\t" for character in text)
    written = frozenset[str]().union(*permitted)
    return any(not _usual(character) for character in unicodedata.normalize("NFC", text) if character not in written)


def is_marked_up(text: str, permitted: Iterable[str]) -> bool:
    """Whether `text` holds marks of a page that the texts `permitted` do not."""
    return any(not any(mark.group() in own for own in permitted) for mark in _MARKUP.finditer(text))


def leaks_role(text: str) -> bool:
    """Whether `text` speaks of its making: a role, an instruction, a rewording."""
    return _ROLE.search(text) is not None


@lru_cache(maxsize=4096)
def _usual(character: str) -> bool:
    code = ord(character)
    if code < 128 or character in _PUNCTUATION:
        return True
    if character.isalpha():
        return code <= _LATIN_END and character not in _NOT_LATIN
    is_picture = unicodedata.category(character) in ("So", "Sk")
    return is_picture and code > 0x2000 and not any(first <= code <= end for first, end in _FIGURE_PICTURES)
