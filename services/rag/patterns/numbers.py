"""How a tenant writes amounts: which sign groups thousands, which one begins the decimals, how long numbers are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from libs.common.linear_pattern import linear_pattern

NUMBER = linear_pattern(
    r"\b(?:\d{1,3}(?:(?: \d\d\d){1,4}|(?:\.\d\d\d){1,4}|(?:,\d\d\d){1,4}|(?:'\d\d\d){1,4})(?:[.,]\d{1,2})?"
    r"|\d{1,15}(?:[.,]\d{1,3})?)\b"
)
# Francs of the CFA have no decimals in use.
_WITHOUT_DECIMALS = frozenset({"XOF", "XAF", "GNF"})
# Rarer spellings are accidents.
_RARE = 0.05


@dataclass(frozen=True, slots=True)
class Convention:
    """How amounts of one currency are written. `thousands` are signs; empty when none is seen."""

    thousands: str
    decimal: str
    # Fewest and most digits after the decimal sign; (0, 0) when there are none.
    decimal_digits: tuple[int, int]
    # Fewest and most digits of a number without groups.
    plain_digits: tuple[int, int]

    def expression(self, suffix: str = "") -> str:
        """Returns the expression of an amount, with the groups `entier` and, where decimals are used, `centimes`."""
        parts: list[str] = []
        if self.thousands:
            parts.append(rf"\d{{1,3}}(?:{_one_of(self.thousands)}\d\d\d){{1,2}}")
        if self.plain_digits[1]:
            parts.append(digits(*self.plain_digits))
        whole = rf"(?P<entier{suffix}>{'|'.join(parts)})"
        if not self.decimal:
            return whole
        return whole + rf"(?:{_one_of(self.decimal)}(?P<centimes{suffix}>{digits(*self.decimal_digits)}))?"

    def value(self, written: str) -> str:
        """Returns the amount with a point, as this convention reads it."""
        whole, fraction = written, ""
        at = written.rfind(self.decimal) if self.decimal else -1
        if at >= 0 and (len(written) - at - 1) in range(self.decimal_digits[0], self.decimal_digits[1] + 1):
            whole, fraction = written[:at], written[at + 1 :].rstrip("0")
        plain = "".join(character for character in whole if character.isdigit()).lstrip("0") or "0"
        return f"{plain}.{fraction}" if fraction else plain


def convention(numbers: Iterable[str], currency: str) -> Convention:
    """Returns the convention that `numbers`, as written, show.

    A sign before one or two digits begins decimals; before groups of three it separates thousands, unless the tenant
    uses that very sign for decimals, and none of its numbers has two such groups.
    """
    decimals, certain, unsure = Counter[str](), Counter[str](), Counter[str]()
    decimal_lengths, plain_lengths = Counter[int](), Counter[int]()
    written = list(numbers)
    for number in written:
        signs = [character for character in number if not character.isdigit()]
        tail = len(number) - max((number.rfind(sign) for sign in signs), default=-1) - 1
        if not signs:
            plain_lengths[len(number)] += 1
        elif tail < 3:
            decimals[signs[-1]] += 1
            decimal_lengths[tail] += 1
            certain.update(set(signs[:-1]))
            if len(signs) == 1:
                plain_lengths[len(number) - tail - 1] += 1
        elif len(signs) > 1 or signs[0] in " '":
            certain[signs[0]] += 1
        else:
            unsure[signs[0]] += 1
    decimal = "" if currency in _WITHOUT_DECIMALS or not decimals else decimals.most_common(1)[0][0]
    if decimal and unsure[decimal] and not certain[decimal]:
        decimal_lengths[3] += unsure.pop(decimal)
    grouped = certain + unsure
    floor = _RARE * len(written)
    thousands = "".join(sorted(sign for sign, count in grouped.items() if count >= floor and sign != decimal))
    lengths = sorted(length for length, count in plain_lengths.items() if count >= floor)
    return Convention(
        thousands=thousands,
        decimal=decimal,
        decimal_digits=(min(decimal_lengths), max(decimal_lengths)) if decimal else (0, 0),
        plain_digits=(lengths[0], lengths[-1]) if lengths else (0, 0) if thousands else (1, 6),
    )


def _one_of(signs: str) -> str:
    escaped = "".join("\\." if sign == "." else sign for sign in signs)
    return escaped if len(signs) == 1 else f"[{signs}]"


def digits(fewest: int, most: int) -> str:
    """Returns the expression of so many digits."""
    if fewest == most:
        return "\\d" * fewest if fewest < 4 else rf"\d{{{fewest}}}"
    return rf"\d{{{fewest},{most}}}"
