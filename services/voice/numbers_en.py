"""Writes what an English voice would misread as words: amounts, phone numbers, times, dates, measures, ranges."""

import re

from num2words import num2words  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]  # no stubs

from services.voice.spelling import Spelling
from services.voice.words_en import (
    CURRENCIES,
    MONTHS,
    UNITS,
    day_ranges,
    english_words,
    number_signs,
    roman_to_figures,
)

_NUMBER = r"\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?!\d)(?:\.\d{1,6})?|\d+(?:\.\d{1,6})?"
_UNIT_NAMES = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))

_USSD = re.compile(r"(?<!\w)([*#])(\d{1,6}(?:\*\d{1,12})*)#")
_PHONE = re.compile(
    r"(?<![\d.,])\+(\d{1,3})[ .-]?((?:\d{2,4}[ .-]?){2,4}\d{2,4})(?!\d)|(?<![\d.,+])(0\d(?:[ .-]?\d{2}){4})(?!\d)"
    r"|(?<![\d.,+-])(?:\((\d{3})\) ?|(\d{3})[ .-])?(\d{3})-(\d{4})(?![\d-])"
)
_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_VERSION = re.compile(r"(?<!\w)v(?:ersion )?(\d{1,3}(?:\.\d{1,3}){1,3})(?!\w)", re.IGNORECASE)
_ALWAYS = ((re.compile(r"(?<!\d)24/7(?!\d)"), "twenty-four seven"),)
_ISO_DATE = re.compile(r"(?<!\d)(20\d\d|19\d\d)-(\d\d)-(\d\d)(?!\d)")
_DATE = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?:/((?:19|20)?\d{2}))?(?![\d/])")
_LONG_DATE = re.compile(rf"(?<!\d)(\d{{1,2}}) ({'|'.join(MONTHS)})(?: ((?:19|20)\d\d))?(?!\d)")
_MONTH_FIRST = re.compile(rf"(?<!\w)({'|'.join(MONTHS)}) (\d{{1,2}})(?:st|nd|rd|th)?(?:, ((?:19|20)\d\d))?(?![\d:])")
_FRACTIONS = {
    **{"1/2": "one half", "1/3": "one third", "1/4": "one quarter"},
    **{"2/3": "two thirds", "3/4": "three quarters"},
}
_FRACTION = re.compile(r"(?<!on )(?<!by )(?<![\d/,.])(1/2|1/3|1/4|2/3|3/4)(?![\d/])")
_OUT_OF = re.compile(r"(?<![\d.,/])(\d{1,2}\.\d{1,2})/(\d{1,3})(?!\d)")
_RANGE = re.compile(
    r"(?<![\w.,/-])(\d{1,5}(?:\.\d{1,2})?(?:\s?%|\s?[ap]\.?m\.?)?)\s?[-–]\s?(?=\d{1,5})(?!0\d)", re.IGNORECASE
)
_NEGATIVE = re.compile(r"(?<![\w)%])[-−](?=[\d$£€])")
_BY = re.compile(r"(?<=\d) ?[x×] ?(?=\d)")
_TIMES = re.compile(r"(?<![\w.,])(\d{1,3}) ?[x×](?!\w)")
_HALF_DAY = re.compile(
    r"(?<![\d.,:])(1[0-2]|[1-9])(?::([0-5]\d))? ?([ap])(?:\.m\.(?=\s[a-z]|,|$|\.)|\.m\.?|m)(?!\w)", re.IGNORECASE
)
_TIME = re.compile(r"(?<![\d.,:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])")
_CURRENCY_FIRST = re.compile(
    rf"([$£€])\s?({_NUMBER})(?: (million|billion|thousand)\b)?(?:\s?/\s?(month|year|day|week|hour|kg|item|person)\b)?"
)
_CURRENCY_LAST = re.compile(rf"(?<![\d.,])({_NUMBER})\s?(FCFA|CFA|XOF|XAF|EUR|USD|GBP|€|F)(?!\w)", re.IGNORECASE)
_PERCENT = re.compile(rf"(?<![\d.,])({_NUMBER})\s?%")
_UNIT = re.compile(rf"(?<![\w.,])({_NUMBER})\s?({_UNIT_NAMES})(?![\w²³])")
_ORDINAL = re.compile(r"(?<![\w.,])(\d{1,4})(?:st|nd|rd|th)\b")
_NUMBER_SIGN = re.compile(r"(?<!\w)#(?=\w)")
_ZEROS = re.compile(r"(?<![\w.,])(?<!\d[ \u00a0\u202f])0\d+(?![\w.,]*\d)")
_PLAIN = re.compile(rf"(?<![\w.,])({_NUMBER})(?!\w)")


def speakable_english(text: str, *, month_first: bool = False) -> str:
    """Returns `text` with every figure written out: `$12.50` as `twelve dollars fifty`, phones digit by digit,
    and abbreviations, codes and addresses as they are said; `12/11` is in December where `month_first`."""
    text = _SPELLING.addresses(text)
    for pattern, words in _ALWAYS:
        text = pattern.sub(words, text)
    text = number_signs(roman_to_figures(day_ranges(text)))
    text = _USSD.sub(_ussd, text)
    text = _NUMBER_SIGN.sub("number ", text)
    text = _PHONE.sub(_phone, text)
    text = _ADDRESS.sub(lambda match: _dotted(match[1]), text)
    text = _VERSION.sub(lambda match: f"version {_dotted(match[1])}", text)
    text = _ISO_DATE.sub(lambda match: _day(int(match[3]), int(match[2]), match[1]) or match[0], text)
    text = _FRACTION.sub(lambda match: _FRACTIONS[match[1]], text)
    text = _OUT_OF.sub(r"\1 out of \2", text)
    text = _DATE.sub(lambda match: _date(match, month_first=month_first), text)
    text = _LONG_DATE.sub(_long_date, text)
    text = _MONTH_FIRST.sub(_month_first, text)
    text = _SPELLING.codes(text)
    text = _RANGE.sub(r"\1 to ", text)
    text = _NEGATIVE.sub("minus ", text)
    text = _BY.sub(" by ", text)
    text = _TIMES.sub(lambda match: f"{_words(match[1])} times", text)
    text = _HALF_DAY.sub(lambda match: f"{_clock(int(match[1]), match[2])} {match[3].lower()} m", text)
    text = _TIME.sub(lambda match: _clock(int(match[1]), match[2], whole_day=True), text)
    text = _CURRENCY_FIRST.sub(lambda match: _money(match[2], match[1], match[3], match[4]), text)
    text = _CURRENCY_LAST.sub(lambda match: _money(match[1], match[2], None, None), text)
    text = _PERCENT.sub(lambda match: f"{_words(match[1])} percent", text)
    text = _UNIT.sub(_unit, text)
    text = _ORDINAL.sub(lambda match: _spell(int(match[1]), to="ordinal"), text)
    text = _SPELLING.short_codes(text)
    text = _ZEROS.sub(lambda match: _SPELLING.digits(match[0]), text)
    text = _PLAIN.sub(lambda match: _words(match[1]), text)
    return english_words(text)


def _spell(number: int, *, to: str = "cardinal") -> str:
    # The library writes `one thousand, two hundred`: a pause that nobody makes.
    return str(num2words(number, lang="en", to=to)).replace(",", "")


def _words(figures: str) -> str:
    whole, _, decimals = re.sub(r"[,\s\u00a0\u202f]", "", figures).partition(".")
    # Codes and order numbers beyond a billion are no quantities: digit by digit.
    if len(whole) > 9:
        return _SPELLING.digits(whole)
    words = _spell(int(whole))
    return f"{words} point {_SPELLING.digits(decimals)}" if decimals else words


def _dotted(figures: str) -> str:
    return " point ".join(_spell(int(part)) for part in figures.split("."))


def _ussd(match: re.Match[str]) -> str:
    digits = " star ".join(_SPELLING.digits(part) for part in match[2].split("*"))
    return f"{'star' if match[1] == '*' else 'hash'} {digits} hash"


def _phone(match: re.Match[str]) -> str:
    if match[1]:
        groups = [f"plus {_SPELLING.digits(match[1])}", *_groups(match[2])]
    elif match[3]:
        groups = _groups(match[3])
    else:
        groups = [_SPELLING.digits(part) for part in (match[4] or match[5], match[6], match[7]) if part]
    return ", ".join(groups)


def _groups(written: str) -> list[str]:
    groups = re.split(r"[ .-]", written.strip(" .-"))
    if len(groups) == 1:
        groups = [written[at : at + 2] for at in range(0, len(written), 2)]
    return [_SPELLING.digits(group) for group in groups]


def _date(match: re.Match[str], *, month_first: bool) -> str:
    day, month = int(match[1]), int(match[2])
    if month_first:
        day, month = month, day
    year = match[3] or ""
    return _day(day, month, f"20{year}" if len(year) == 2 else year) or match[0]


def _long_date(match: re.Match[str]) -> str:
    return _day(int(match[1]), MONTHS.index(match[2]) + 1, match[3] or "") or match[0]


def _month_first(match: re.Match[str]) -> str:
    year = f", {_spell(int(match[3]), to='year')}" if match[3] else ""
    return f"{match[1]} {_spell(int(match[2]), to='ordinal')}{year}"


def _day(day: int, month: int, year: str) -> str:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return ""
    words = f"{_spell(day, to='ordinal')} of {MONTHS[month - 1]}"
    return f"{words} {_spell(int(year), to='year')}" if year else words


def _clock(hour: int, minutes: str | None, *, whole_day: bool = False) -> str:
    words = _spell(hour)
    if minutes is None or (minutes == "00" and not whole_day):
        return words
    if minutes == "00":
        return f"{words} hundred" if hour > 12 else f"{words} o'clock"
    return f"{words} oh {_spell(int(minutes))}" if minutes[0] == "0" else f"{words} {_spell(int(minutes))}"


def _money(figures: str, sign: str, scale: str | None, per: str | None) -> str:
    singular, plural, cent, cents = CURRENCIES["fcfa" if "cfa" in sign.lower() else sign.lower()]
    after = f" per {'kilo' if per == 'kg' else per}" if per else ""
    whole, _, decimals = re.sub(r"[,\s\u00a0\u202f]", "", figures).partition(".")
    name = singular if whole == "1" and not scale else plural
    if scale or not cent or len(decimals) > 2 or not int(decimals or 0):
        words = _words(figures if int(decimals or 0) else whole)
        return f"{words} {scale + ' ' if scale else ''}{name}{after}"
    hundredths = int(decimals.ljust(2, "0"))
    spoken = f"{_spell(hundredths)} {cent if hundredths == 1 else cents}"
    if not int(whole):
        return spoken + after
    return f"{_words(whole)} {name} {_spell(hundredths) if hundredths > 9 else f'and {spoken}'}{after}"


def _unit(match: re.Match[str]) -> str:
    singular, plural = UNITS[match[2]]
    return f"{_words(match[1])} {singular if match[1] == '1' else plural}"


_SPELLING = Spelling(
    number=_spell, at="at", dot="dot", slash="slash", hyphen="hyphen", underscore="underscore", plus="plus"
)
