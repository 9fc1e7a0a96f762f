"""Words of a question: cut, folded, runs of words merged, and brought to the concept they stand for. Pure."""

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol, cast

import snowballstemmer

from services.cache import lexicon

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_LONGEST_PHRASE = max(map(len, lexicon.PHRASES))


@dataclass(frozen=True, slots=True)
class Unit:
    """A word of the question, folded, or what a run of words became; `start` is a character of the text."""

    word: str
    start: int
    has_capital: bool
    is_where: bool


def fold_word(word: str) -> str:
    """Returns `word` in lower case without accents, ligatures opened."""
    opened = word.casefold().replace("œ", "oe").replace("æ", "ae")
    return "".join(c for c in unicodedata.normalize("NFD", opened) if not unicodedata.combining(c))


def cut_units(text: str) -> list[Unit]:
    """Returns the words of `text`, runs that mean one thing merged."""
    found = [
        Unit(fold_word(m.group()), m.start(), m.group()[0].isupper(), m.group().casefold() == "où")
        for m in _TOKEN.finditer(text)
    ]
    merged: list[Unit] = []
    at = 0
    while at < len(found):
        for length in range(min(_LONGEST_PHRASE, len(found) - at), 1, -1):
            replacement = lexicon.PHRASES.get(tuple(unit.word for unit in found[at : at + length]))
            if replacement is not None:
                if replacement:
                    merged.append(Unit(replacement, found[at].start, False, False))
                at += length
                break
        else:
            merged.append(found[at])
            at += 1
    return merged


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802  # the package's name


@functools.lru_cache(maxsize=4)
def _stemmer(language: str) -> _Stemmer:
    name = {"en": "english"}.get(language, "french")
    return cast("_Stemmer", snowballstemmer.stemmer(name))  # pyright: ignore[reportUnknownMemberType]  # no types


@functools.lru_cache(maxsize=20_000)
def _stem(word: str, language: str) -> str:
    if word in lexicon.KEPT_WHOLE:
        return word
    return _stemmer(language).stemWord(word)


@functools.lru_cache(maxsize=4)
def _concepts(language: str) -> dict[str, str]:
    groups = [group.split() for group in lexicon.SAME_MEANING]
    return {_stem(form, language): _stem(forms[0], language) for forms in groups for form in forms}


def concept(word: str, language: str) -> str:
    """Returns the concept of a folded word: its stem, or that of the first of the words that say the same."""
    if word in lexicon.NUMBER_WORDS:
        return lexicon.NUMBER_WORDS[word]
    stem = _stem(word, language)
    return _concepts(language).get(stem, stem)


def is_content(unit: Unit) -> bool:
    """Says whether a word carries meaning of its own."""
    word = unit.word
    return not (
        word.startswith("<")
        or word in lexicon.FUNCTION_WORDS
        or word in lexicon.LIGHT_VERBS
        or word in lexicon.QUESTION_WORDS
        or word in lexicon.NEGATIONS
        or unit.is_where
    )
