"""Phone numbers in a message: which digits are one, and whether they are a good one for the tenant."""

import re
from dataclasses import dataclass

from services.hybrid_engine.flow.rules import PhoneRule

# Digits in groups that spaces, dots, dashes, slashes or brackets part.
_RUN = re.compile(r"\+?\(?\d(?:[ .\-/()\u00A0\u202F]{0,2}\d){6,18}")
_MIN_DIGITS = 7


@dataclass(frozen=True, slots=True)
class PhoneGiven:
    """What a message gave for a phone: `value` holds national digits, empty when they are too few or too many."""

    value: str
    digit_count: int


def national_digits(text: str, rule: PhoneRule) -> str:
    """Returns the digits of `text` without the country prefix: `+225`, `00225`, or bare before a full number.

    The 0 that some countries dial before a national number is put back: `+33 6 …` is `06…` where ten digits are due.
    """
    digits = "".join(character for character in text if character.isdigit())
    prefix = rule.country_prefix.lstrip("+")
    if not prefix:
        return digits
    if text.lstrip(" (").startswith("+") and digits.startswith(prefix):
        return _dialled(digits[len(prefix) :], rule)
    if digits.startswith("00" + prefix):
        return _dialled(digits[len(prefix) + 2 :], rule)
    if digits.startswith(prefix) and len(digits) == len(prefix) + rule.digits:
        return digits[len(prefix) :]
    return digits


def _dialled(digits: str, rule: PhoneRule) -> str:
    return "0" + digits if len(digits) == rule.digits - 1 and not digits.startswith("0") else digits


def is_valid(digits: str, rule: PhoneRule) -> bool:
    """Whether national `digits` are a phone number by the tenant's rule."""
    return len(digits) >= rule.digits if rule.at_least else len(digits) == rule.digits


def read_phone(text: str, rule: PhoneRule, *, ignore: str = "") -> PhoneGiven | None:
    """Returns the last good number in `text`, else the last bad one, else None.

    A number equal to `ignore` is passed over. Fewer than 7 digits are an amount or a quantity, not a phone.
    """
    ignored = national_digits(ignore, rule) if ignore else ""
    bad: PhoneGiven | None = None
    good: PhoneGiven | None = None
    for match in _RUN.finditer(text):
        digits = national_digits(match.group(), rule)
        if len(digits) < _MIN_DIGITS or (ignored and digits == ignored):
            continue
        if is_valid(digits, rule):
            good = PhoneGiven(digits, len(digits))
        else:
            bad = PhoneGiven("", len(digits))
    return good or bad
