"""Roman numerals, where what stands before or after them says that they are numerals and no words."""

import re

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1_000}
# Up to 399, in the one spelling that is right: `IIII` and `IC` are no numerals.
ROMAN = r"(?=[CXLVI])C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_WHOLE = re.compile(ROMAN)


def roman_value(numeral: str) -> int:
    """Returns what a numeral of `ROMAN` is worth; 0 for what is none."""
    if not _WHOLE.fullmatch(numeral):
        return 0
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
