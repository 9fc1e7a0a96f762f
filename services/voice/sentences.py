"""Splits French and English text into the sentences that are spoken one by one."""

import re

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


def _is_inside(before: str, after: str) -> bool:
    last = _LAST_WORD.search(before)
    if last is None:
        # «1. Envoyez la photo»: the number of a list item stays with its item.
        return before.strip().isdecimal() and bool(after.strip())
    word = last.group()
    rest = after.lstrip()
    if word.lower() == "etc":
        return rest[:1].islower()
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper()) or "." in word


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
