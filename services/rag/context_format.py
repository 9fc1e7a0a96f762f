"""Formats passages for a prompt, so that no document can pretend to be anything else."""

import re
import unicodedata
from collections.abc import Sequence

from services.rag.passage_index import Hit

# The brackets delimit passages; inside a passage they are replaced, so that what a document says cannot close it.
_OPEN, _CLOSE = "⟦", "⟧"
_REPLACED = str.maketrans({_OPEN: "[", _CLOSE: "]"})
_SPACES = re.compile(r"[ \t]+")
# Below this many characters a cut passage says nothing.
_LEAST_CHARACTERS = 80


def approximate_tokens(text: str) -> int:
    """Returns about how many tokens a model makes of `text`: a token for four characters, rounded up."""
    return -(-len(text) // 4)


def format_context(passages: Sequence[Hit], *, max_tokens: int) -> str:
    """Returns the passages, best first, each between delimiters that carry its source id, within `max_tokens`.

    A passage that does not fit is cut at a word and ends in `…`; those after it are left out. Same input, same text.
    """
    parts: list[str] = []
    left = max_tokens * 4
    for number, passage in enumerate(passages, start=1):
        source = f"{_plain(passage.document_id)}#{passage.position}"
        head = f"{_OPEN}passage {number} | {source} | {_plain(passage.title, one_line=True)}{_CLOSE}\n"
        tail = f"\n{_OPEN}/passage {number}{_CLOSE}\n"
        body = _plain(passage.text)
        room = left - len(head) - len(tail)
        if len(body) > room:
            if room >= _LEAST_CHARACTERS:
                parts.append(head + _cut(body, room) + tail)
            break
        parts.append(head + body + tail)
        left -= len(parts[-1])
    return "".join(parts)


def _plain(text: str, *, one_line: bool = False) -> str:
    """Returns `text` without delimiters and without characters that are not to be seen (controls, bidi marks)."""
    kept = "".join(
        character
        for character in text.translate(_REPLACED)
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
    )
    if one_line:
        kept = " ".join(kept.split())
    return _SPACES.sub(" ", kept).strip()


def _cut(text: str, room: int) -> str:
    head = text[: room - 1]
    at_word = head.rsplit(None, 1)[0] if " " in head else head
    return at_word.rstrip() + "…"
