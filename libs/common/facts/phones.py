"""Phone numbers in a text, by the numbering plans of the world's countries."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from libs.common.facts.amounts import CURRENCY
from libs.common.facts.fact import Found, Source
from libs.common.linear_pattern import Pattern, linear_pattern

_RUN = linear_pattern(r"(?:\+|\b)\d(?:[\d ().\-/]*\d)?\b")
_GROUP = linear_pattern(r"\d+")
_THEN_CURRENCY = linear_pattern(rf" ?{CURRENCY}")
_MIN_DIGITS, _MAX_DIGITS = 7, 17
_MAX_SEPARATOR = 3
# A slice, because RE2's wrapper copies the text it is given.
_CURRENCY_WINDOW = 16


class _Plan(NamedTuple):
    """How a country numbers its phones. Digits of a national number are without the trunk prefix."""

    calling_code: str
    lengths: frozenset[int]
    pattern: Pattern
    # `0` where people dial one before a national number, else empty.
    trunk: str


def find_phones(source: Source, country: str) -> Iterator[Found]:
    """Yields phone numbers of `country` as people there write them, and of any country after `+` or `00`.

    The value has national digits for `country` (+225 and 00225 are gone, a trunk 0 is there), and begins with `+` for
    another country. Digits before a currency are an amount.
    """
    for run in _RUN.finditer(source.left):
        offset = run.start()
        groups = [(offset + group.start(), offset + group.end()) for group in _GROUP.finditer(run.group())]
        at = 0
        while at < len(groups):
            found = _longest_from(source.left, groups, at, country)
            if found is None:
                at += 1
            else:
                fact, at = found
                yield fact


def _longest_from(text: str, groups: list[tuple[int, int]], first: int, country: str) -> tuple[Found, int] | None:
    start = groups[first][0]
    is_international = text[start - 1 : start] == "+"
    digits, candidates = "", list[tuple[int, str]]()
    for at in range(first, min(first + _MAX_DIGITS, len(groups))):
        begin, end = groups[at]
        if at > first and begin - groups[at - 1][1] > _MAX_SEPARATOR:
            break
        digits += text[begin:end]
        if len(digits) > _MAX_DIGITS:
            break
        if len(digits) >= _MIN_DIGITS:
            candidates.append((at, digits))
    for at, candidate in reversed(candidates):
        read = read_digits(candidate, country, is_international=is_international)
        end = groups[at][1]
        if read and not _THEN_CURRENCY.match(text[end : end + _CURRENCY_WINDOW]):
            value, calling_code = read
            return Found("phone", value, calling_code, start - is_international, end), at + 1
    return None


@lru_cache(maxsize=4096)
def read_digits(digits: str, country: str, *, is_international: bool) -> tuple[str, str] | None:
    """Returns a phone number's value and calling code, or None when `digits` are none."""
    home = _plan(country)
    if not is_international and digits.startswith("00"):
        digits, is_international = digits[2:], True
    if not is_international:
        if home is None:
            return None
        if digits.startswith(home.trunk) and _fits(digits[len(home.trunk) :], home):
            return digits, home.calling_code
        is_whole = digits.startswith(home.calling_code) and _fits(digits[len(home.calling_code) :], home)
        return (home.trunk + digits[len(home.calling_code) :], home.calling_code) if is_whole else None
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]), ())
        plan = home if country in regions else _plan(regions[0]) if regions else None
        if plan is None:
            continue
        national = digits[length:]
        if not _fits(national, plan) and plan.trunk and national.startswith(plan.trunk):
            # +33 (0)6 …: both ways of dialling at once.
            national = national[len(plan.trunk) :]
        if _fits(national, plan):
            value = plan.trunk + national if plan is home else f"+{plan.calling_code}{national}"
            return value, plan.calling_code
    return None


def _fits(national: str, plan: _Plan) -> bool:
    return len(national) in plan.lengths and plan.pattern.fullmatch(national) is not None


@lru_cache(maxsize=300)
def _plan(country: str) -> _Plan | None:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country, None) if country else None
    if metadata is None or metadata.general_desc is None or metadata.general_desc.national_number_pattern is None:
        return None
    return _Plan(
        calling_code=str(metadata.country_code),
        lengths=frozenset(metadata.general_desc.possible_length),
        pattern=linear_pattern(metadata.general_desc.national_number_pattern),
        trunk="0" if metadata.national_prefix == "0" else "",
    )
