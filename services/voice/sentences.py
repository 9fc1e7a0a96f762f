"""Splits French and English text into the sentences that are spoken one by one, also while it still comes."""

import re
from dataclasses import dataclass

# A full stop after one of these does not end a sentence.
_ABBREVIATIONS = frozenset(
    (
        *("m", "mm", "mme", "mlle", "dr", "pr", "st", "ste", "me", "mgr", "av", "bd", "bld", "ex", "env", "tél", "tel"),
        *("art", "vol", "fig", "p", "pp", "no", "nos", "num", "réf", "ref", "min", "max", "approx"),
        *("mr", "mrs", "ms", "jr", "sr", "vs", "eg", "ie", "dept", "inc", "ltd", "co"),
    )
)
_END = re.compile(r"[.!?…]+(?:\s?»|[\"”’)\]])*(?=\s|$)|\n+")
_LAST_WORD = re.compile(r"([^\W\d_]+|\b[^\W\d_](?:\.[^\W\d_])+)$")
# Longer than this, a voice is fed at a comma or a space instead: about fifteen seconds of speech.
_LONGEST = 240
# A first sentence of more is begun at the end of a clause of at least the second: four seconds of speech, and two.
_EARLY_FROM = 60
_EARLY_AT_LEAST = 24
_CLAUSE_END = re.compile(r"[,;:](?=\s+\S)")


def split_sentences(text: str) -> tuple[str, ...]:
    """Returns the sentences of `text` in order, stripped, none empty and none above 240 characters.

    `25.000`, `3.5`, `M. Koné`, `J. Dupont` and `p. ex.` hold no sentence end; a line break is one.
    """
    sentences: list[str] = []
    start = 0
    for match in _END.finditer(text):
        if match.group().startswith(".") and _is_inside(text[start : match.start()], text[match.end() :]):
            continue
        sentences.extend(_within_limit(text[start : match.end()].strip()))
        start = match.end()
    sentences.extend(_within_limit(text[start:].strip()))
    return tuple(sentence for sentence in sentences if any(character.isalnum() for character in sentence))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and where it begins in the text that it is part of."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Returns where it ends."""
        return self.start + len(self.text)


class SentenceSplitter:
    """Splits a text that comes in pieces. A sentence is known once the next one has begun.

    Gives what `split_sentences` gives of the whole text, but for a long first sentence, which comes clause by clause so
    that its first words are heard early. `start` is where the first piece begins in the text.
    """

    def __init__(self, start: int = 0) -> None:
        self._text = ""
        self._offset = start
        self._given_any = False

    @property
    def waits(self) -> bool:
        """True while words wait for the end of their sentence."""
        return any(character.isalnum() for character in self._text)

    def push(self, piece: str) -> list[Sentence]:
        """Adds a piece; returns the sentences that it completes."""
        self._text += piece
        return self._take()

    def flush(self) -> list[Sentence]:
        """Returns the whole words that wait, up to the end of a clause where there is one."""
        clauses = [match.end() for match in _CLAUSE_END.finditer(self._text)]
        return self._give(clauses[-1] if clauses else self._text.rstrip().rfind(" ") + 1)

    def finish(self) -> list[Sentence]:
        """Returns what is left."""
        return self._give(len(self._text))

    def _take(self) -> list[Sentence]:
        taken: list[Sentence] = []
        while (end := self._first_end()) > 0:
            taken += self._give(end)
        if not taken and not self._given_any and len(self._text.lstrip()) > _EARLY_FROM:
            clauses = (match.end() for match in _CLAUSE_END.finditer(self._text))
            taken += self._give(next((end for end in clauses if end >= _EARLY_AT_LEAST), 0))
        while len(self._text) > 2 * _LONGEST:
            longest = _within_limit(self._text.lstrip())[0]
            taken += self._give(self._text.index(longest) + len(longest))
        return taken

    def _first_end(self) -> int:
        """Returns where the first sentence ends that is known to be whole; 0 for none."""
        for match in _END.finditer(self._text):
            after = self._text[match.end() :]
            is_line = "\n" in match.group() + after
            # What comes next decides: a lower-case word after «etc.», a closing bracket, another dot.
            if not after.lstrip() and not is_line:
                return 0
            if match.group().startswith(".") and _is_inside(self._text[: match.start()], after):
                continue
            return match.end()
        return 0

    def _give(self, end: int) -> list[Sentence]:
        given, position = list[Sentence](), 0
        for text in split_sentences(self._text[:end]):
            position = self._text.index(text, position)
            given.append(Sentence(text, self._offset + position))
            position += len(text)
        self._text, self._offset = self._text[end:], self._offset + end
        self._given_any = self._given_any or bool(given)
        return given


def _is_inside(before: str, after: str) -> bool:
    last = _LAST_WORD.search(before)
    if last is None:
        # «1. Envoyez la photo»: the number of a list item stays with its item.
        return before.strip().isdecimal() and bool(after.strip())
    word = last.group()
    rest = after.lstrip()
    if word.lower() == "etc":
        return rest[:1].islower()
    # «25.000 F.» ends with a unit, «J. Dupont» begins with a name.
    is_initial = len(word) == 1 and word.isupper() and not before[: last.start()].rstrip()[-1:].isdecimal()
    return word.lower() in _ABBREVIATIONS or is_initial or "." in word


def _within_limit(sentence: str) -> list[str]:
    pieces: list[str] = []
    while len(sentence) > _LONGEST:
        window = sentence[:_LONGEST]
        cut = max(window.rfind(mark) for mark in (", ", "; ", ": "))
        if cut < _LONGEST // 3:
            cut = window.rfind(" ")
        cut = cut + 1 if cut > 0 else _LONGEST
        pieces.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [*pieces, sentence] if sentence else pieces
