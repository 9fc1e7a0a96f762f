"""Telephone numbers out of what operators read: lines of logs, and ids that callers chose."""

import re

# At least 8 digits on their own, groups after a `+`, or five pairs as numbers are written in French-speaking Africa.
# Digits between letters are part of an id that no telephone has.
_PHONE = re.compile(
    r"(?<![0-9A-Za-z.])(?:\+?\d{8,15}|\+\d(?:[ .()-]{0,2}\d){7,14}|\d{2}(?:[ .-]\d{2}){4})(?![0-9A-Za-z])",
    re.ASCII,
)
# What every number has and hardly any line: quick to look for.
_EIGHT_DIGITS = re.compile(r"\d(?:[ .()-]{0,2}\d){7}", re.ASCII)
_SHOWN_DIGITS = 2


def without_phones(text: str) -> str:
    """Returns `text` with the digits of telephone numbers replaced by `*`, all but the last two."""
    return _PHONE.sub(_masked, text) if _EIGHT_DIGITS.search(text) else text


def _masked(found: re.Match[str]) -> str:
    digits = [character for character in found[0] if character.isdigit()]
    return "*" * (len(digits) - _SHOWN_DIGITS) + "".join(digits[-_SHOWN_DIGITS:])
