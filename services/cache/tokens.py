"""Words of a question: cut, folded, runs of words merged, and brought to the concept they stand for. Pure."""

import re
import unicodedata
from dataclasses import dataclass

from services.cache import lexicon
from services.cache.meanings import united
from services.cache.phrases import FIRST_WORDS, LONGEST_PHRASE, PHRASES
from services.cache.stems import stem

_TOKEN = re.compile(r"[^\W\d_]+|\d+")


@dataclass(frozen=True, slots=True)
class Unit:
    """A word of the question, folded, or what a run of words became; `start` is a character of the text."""

    word: str
    start: int
    has_capital: bool
    is_where: bool


def fold_word(word: str) -> str:
    """Returns `word` in lower case without accents, ligatures opened."""
    opened = word.casefold()
    if opened.isascii():
        return opened
    opened = opened.replace("œ", "oe").replace("æ", "ae")
    return "".join(c for c in unicodedata.normalize("NFD", opened) if not unicodedata.combining(c))


def cut_words(text: str) -> list[Unit]:
    """Returns the words of `text`, one by one."""
    return [
        Unit(fold_word(m.group()), m.start(), m.group()[0].isupper(), m.group().casefold() == "où")
        for m in _TOKEN.finditer(text)
    ]


def merge_runs(found: list[Unit]) -> list[Unit]:
    """Returns the words with runs that mean one thing merged; the longest run counts."""
    words = tuple(unit.word for unit in found)
    merged: list[Unit] = []
    at = 0
    while at < len(found):
        longest = min(LONGEST_PHRASE, len(found) - at) if words[at] in FIRST_WORDS else 0
        for length in range(longest, 0, -1):
            replacement = PHRASES.get(words[at : at + length])
            if replacement is not None:
                merged += [Unit(word, found[at].start, False, False) for word in replacement]
                at += length
                break
        else:
            merged.append(found[at])
            at += 1
    return merged


def concept(word: str, language: str) -> str:
    """Returns the concept of a folded word: its stem, or that of the first of the words that say the same."""
    if word in lexicon.NUMBER_WORDS:
        return lexicon.NUMBER_WORDS[word]
    return united(stem(word, language), language)


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
