"""Where sentences end in text that is still being written."""

import re

# Also a line's end; the mark counts once something follows it, so that «25.000» or «M.» at the end of a piece waits.
_END = re.compile(r"[.!?…]+[»\"')\]]*\s|\n")
_CLOSED = re.compile(r"[.!?…][»\"')\]]*\s*$")


def whole_sentences(text: str) -> int:
    """Returns how many characters of `text` are whole sentences, with the white space behind them; 0 when none is."""
    end = 0
    for match in _END.finditer(text):
        end = match.end()
    return end


def first_sentence(text: str) -> int:
    """Returns the length of the first whole sentence of `text`; 0 while it has none."""
    match = _END.search(text)
    return match.end() if match else 0


def is_closed(text: str) -> bool:
    """Whether `text` ends with a mark that ends a sentence."""
    return _CLOSED.search(text) is not None


def ends_sentence(piece: str) -> bool:
    """Whether a sentence ends somewhere in `piece`, or may end with it."""
    return _END.search(piece) is not None or is_closed(piece)
