"""Stems of folded words, French and English. Pure."""

import functools
from typing import Protocol, cast

import snowballstemmer

# Words that stemming would take for another: a book is no delivery, a country no payment.
_KEPT_WHOLE = frozenset(
    (
        "livre",
        "livres",
        "pays",
        "ferie",
        "feries",
        "fer",
        "course",
        "courses",
        "cours",
        "contact",
        "horaire",
        "horaires",
    )
)


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802  # the package's name


@functools.lru_cache(maxsize=4)
def _stemmer(language: str) -> _Stemmer:
    name = {"en": "english"}.get(language, "french")
    return cast("_Stemmer", snowballstemmer.stemmer(name))  # pyright: ignore[reportUnknownMemberType]  # no types


@functools.lru_cache(maxsize=20_000)
def stem(word: str, language: str) -> str:
    """Returns the stem of a folded word; languages other than English are stemmed as French."""
    if word in _KEPT_WHOLE:
        return word
    return _stemmer(language).stemWord(word)
