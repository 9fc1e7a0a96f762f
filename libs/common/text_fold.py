"""Folding of text: one spelling for words that people write in many ways, in French and English."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, cast

import snowballstemmer

from libs.common.linear_pattern import linear_pattern

# Letters that Unicode does not decompose, and punctuation that has look-alikes.
_SAME_AS = {
    "œ": "oe",
    "æ": "ae",
    "ß": "ss",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "`": "'",
    "´": "'",
    "«": '"',
    "»": '"',
    "“": '"',
    "”": '"',
    "‐": "-",
    "‑": "-",
    "‒": "-",
    "–": "-",
    "—": "-",
    "−": "-",
}

# Words as Unicode's word boundaries see them: an apostrophe joins (l'argent is one), and so does a point inside 25.000.
_WORD = linear_pattern(r"[\p{L}\p{M}\p{N}_]+(?:['’.,][\p{L}\p{M}\p{N}]+)*")
_ELIDED = linear_pattern(r"\b(?:l|d|j|m|t|s|c|n|qu|jusqu|lorsqu|puisqu)'")
_TOKEN = linear_pattern(r"[\p{L}\p{N}]+(?:[.,]\p{N}+)*")

_FRENCH = (
    "a ai as au aux avec c ce ces cet cette d dans de des du elle en es est et etait etes etre eu fait faire il "
    "ils j je l la le les leur leurs lui m ma mais me mes moi mon n ne nos notre nous on ont ou par pas peut peux "
    "pour qu que quel quelle quelles quels qui s sa se sera ses si sommes son sont suis sur t ta te tes toi ton "
    "tu un une vos votre vous y "
)
_ENGLISH = (
    "a am an and are as at be been but by can could did do does for from had has have he her his i if in into is "
    "it its me my of on or our she so that the their them there they this to us was we were what which who will "
    "with would you your "
)
# Folded.
STOPWORDS: dict[str, frozenset[str]] = {"fr": frozenset(_FRENCH.split()), "en": frozenset(_ENGLISH.split())}


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802  # the library's name


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    # Not `²` or `½`: they would join the digits before them.
    if character.isnumeric():
        return character
    lowered = _SAME_AS.get(character) or unicodedata.normalize("NFKD", character).lower()
    return "".join(_SAME_AS.get(part, part) for part in lowered if not unicodedata.combining(part))


def fold(text: str) -> str:
    """Returns `text` in lower case, compatibility characters made plain, accents gone: `Où ?` becomes `ou ?`."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_character, text))


def fold_with_offsets(text: str) -> tuple[str, Sequence[int]]:
    """Returns `fold(text)` and, for each of its characters and for its end, the index in `text` it came from."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    pieces: list[str] = []
    offsets: list[int] = []
    for index, character in enumerate(text):
        piece = _fold_character(character)
        pieces.append(piece)
        offsets.extend([index] * len(piece))
    offsets.append(len(text))
    return "".join(pieces), offsets


def words(text: str) -> list[str]:
    """Returns the words of `text` as written, in order; numbers count as words, punctuation and emoji do not."""
    return [match.group() for match in _WORD.finditer(text)]


def tokens(text: str) -> list[str]:
    """Returns the folded words of `text`, elided articles cut off: `L'Été` becomes `ete`."""
    return [match.group() for match in _TOKEN.finditer(_ELIDED.sub(" ", fold(text)))]


@lru_cache(maxsize=65536)
def _stem(token: str, language: str) -> str:
    # A stemmer keeps the word it works on, so each call has its own: threads may share this cache.
    stemmer = cast("_Stemmer", snowballstemmer.stemmer("french" if language == "fr" else "english"))  # pyright: ignore[reportUnknownMemberType]  # untyped
    return stemmer.stemWord(token)


def stems(text: str, language: str = "fr") -> list[str]:
    """Returns the stems of the content words of `text`, in order, stopwords left out.

    `language` is `fr` or `en` or a locale that begins so; any other is not stemmed. Words are folded before they are
    stemmed, so that a question typed without accents meets a document written with them.
    """
    language = language[:2].lower()
    stopwords = STOPWORDS.get(language, frozenset())
    content = [token for token in tokens(text) if token not in stopwords]
    if language not in STOPWORDS:
        return content
    return [token if token[0].isdigit() else _stem(token, language) for token in content]
