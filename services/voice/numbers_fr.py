"""Writes what a French voice would misread as words: amounts, phone numbers, times, dates, measures, ranges."""

import re

from num2words import num2words  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]  # no stubs

from services.voice.spelling import Spelling
from services.voice.words_fr import (
    CURRENCIES,
    FEMININE,
    MONTHS,
    PER,
    UNITS,
    calendar_words,
    french_words,
    roman_to_figures,
)

_NUMBER = r"\d{1,3}(?:[.\u00a0\u202f ]\d{3})+(?!\d)(?:,\d{1,2})?|\d+(?:[.,]\d{1,6})?"
_UNIT_NAMES = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))
# What may follow a number that a range or a measure begins with.
_MEASURE = r"(?:\s?(?:%|h\d{0,2}))?"

_USSD = re.compile(r"(?<!\w)([*#])(\d{1,6}(?:\*\d{1,12})*)#")
_PHONE = re.compile(
    r"(?<![\d.,])(?:\+|00)(\d{1,3})[ .-]?((?:\d{2}[ .-]?){3,4}\d{2})(?!\d)"
    r"|(?<![\d.,+])(0\d(?:[ .-]?\d{2}){4}|2[157](?:[ .-]\d{2}){4})(?!\d)"
)
_PHONE_FR = re.compile(r"(?<![\d.,])(?:\+|00)(\d{2})[ .-]?([1-9])((?:[ .-]?\d{2}){4})(?!\d)")
_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_VERSION = re.compile(r"(?<!\w)v(?:ersion )?(\d{1,3}(?:\.\d{1,3}){1,3})(?!\w)", re.IGNORECASE)
_ALWAYS = (
    (re.compile(r"(?<!\d)24 ?h?/24(?!\d)"), "vingt-quatre heures sur vingt-quatre"),
    (re.compile(r"(?<!\d)7 ?j?/7(?!\d)"), "sept jours sur sept"),
    (re.compile(r"(?<!le )(?<!\d)24/7(?!\d)"), "vingt-quatre heures sur vingt-quatre, sept jours sur sept"),
)
_ISO_DATE = re.compile(r"(?<!\d)(20\d\d|19\d\d)-(\d\d)-(\d\d)(?!\d)")
_DATE = re.compile(
    r"(?<![\d/])(\d{1,2})([/.-])(\d{1,2})\2((?:19|20)?\d{2})(?![\d/])"
    r"|(?<![\d/,.])(\d{1,2})/(\d{1,2})(?![\d/])"
)
_FRACTION = re.compile(r"(?<!le )(?<!au )(?<!du )(?<![\d/,.])(1/2|1/3|1/4|2/3|3/4)(?![\d/])")
_OUT_OF = re.compile(r"(?<![\d.,/])(\d{1,2}[.,]\d{1,2})/(\d{1,3})(?!\d)")
_FRACTIONS = {"1/2": "un demi", "1/3": "un tiers", "1/4": "un quart", "2/3": "deux tiers", "3/4": "trois quarts"}
_RANGE = re.compile(
    rf"(?<![\w.,/-])(\d{{1,5}}(?:[.,]\d{{1,2}})?{_MEASURE})\s?[-–]\s?(?=(\d{{1,5}}))(?!0\d)", re.IGNORECASE
)
_TIME_RANGE = re.compile(r"(?<=[\dhH])\s?[-–]\s?(?=\d{1,2} ?[hH:])")
_NEGATIVE = re.compile(r"(?<![\w)%€])[-−](?=\d)")
_BY = re.compile(r"(?<=\d) ?[x×] ?(?=\d)")
_TIMES = re.compile(r"(?<![\w.,])(\d{1,3}) ?[x×](?!\w)")
_TIME = re.compile(r"(?<![\d.,])([01]?\d|2[0-4]) ?(?:h|H|:(?=\d\d))([ ]?[0-5]\d)?(?![\w])")
_MONEY = re.compile(
    rf"(?<![\d.,])({_NUMBER})\s?(k?)(FCFA|F\.?\s?CFA|CFA|XOF|XAF|EUR|€|\$|£|[Ff]\b)(?!\w)(?:\s?/\s?({'|'.join(PER)})\b)?",
    re.IGNORECASE,
)
_PERCENT = re.compile(rf"(?<![\d.,])({_NUMBER})\s?%")
_UNIT = re.compile(rf"(?<![\w.,])({_NUMBER})\s?({_UNIT_NAMES})(?![\w²³])")
_ORDINAL = re.compile(r"(?<![\w.,])(\d{1,3})(ers|ères|er|re|ère|ème|ième|eme|nde|nd|e)\b")
_NUMBER_SIGN = re.compile(r"(?<!\w)(?:#|[nN]°\s?)(?=\w)")
_ZEROS = re.compile(r"(?<![\w.,])(?<!\d[ \u00a0\u202f])0\d+(?![\w.,]*\d)")
_PLAIN = re.compile(rf"(?<![\w.,])({_NUMBER})(?!\w)(?=(?: ({FEMININE})s?\b)?)")


def speakable_french(text: str) -> str:
    """Returns `text` with every figure written out: `25.000 FCFA` as `vingt-cinq mille francs CFA`, `0787360757` by
    pairs, `18h30` as `dix-huit heures trente`, and abbreviations, codes and addresses as they are said."""
    text = _SPELLING.addresses(text)
    for pattern, words in _ALWAYS:
        text = pattern.sub(words, text)
    text = roman_to_figures(calendar_words(text))
    text = _USSD.sub(_ussd, text)
    text = _NUMBER_SIGN.sub("numéro ", text)
    text = _PHONE_FR.sub(_phone_fr, _PHONE.sub(_phone, text))
    text = _ADDRESS.sub(lambda match: _dotted(match[1]), text)
    text = _VERSION.sub(lambda match: f"version {_dotted(match[1])}", text)
    text = _ISO_DATE.sub(lambda match: _day(int(match[3]), int(match[2]), match[1]) or match[0], text)
    text = _FRACTION.sub(lambda match: _FRACTIONS[match[1]], text)
    text = _OUT_OF.sub(lambda match: f"{match[1]} sur {match[2]}", text)
    text = _DATE.sub(_date, text)
    text = _SPELLING.codes(text)
    text = _TIME_RANGE.sub(" à ", text)
    text = _RANGE.sub(r"\1 à ", text)
    text = _NEGATIVE.sub("moins ", text)
    text = _BY.sub(" par ", text)
    text = _TIMES.sub(lambda match: f"{_words(match[1])} fois", text)
    text = _TIME.sub(_time, text)
    text = _MONEY.sub(_money, text)
    text = _PERCENT.sub(lambda match: f"{_words(match[1])} pour cent", text)
    text = _UNIT.sub(_unit, text)
    text = _ORDINAL.sub(_ordinal, text)
    text = _SPELLING.short_codes(text)
    text = _ZEROS.sub(lambda match: _SPELLING.digits(match[0]), text)
    text = _PLAIN.sub(lambda match: _feminine(_words(match[1])) if match[2] else _words(match[1]), text)
    return french_words(text)


def _spell(number: int, *, to: str = "cardinal") -> str:
    words = str(num2words(number, lang="fr", to=to))
    # The library writes `quatre-vingtsième` and `deux centsième`.
    return re.sub(r"(vingt|cent)sième$", r"\1ième", words)


def _words(figures: str) -> str:
    whole, decimals = _parts(figures)
    # Codes and order numbers beyond a billion are no quantities: digit by digit.
    if len(whole) > 9:
        return _SPELLING.digits(whole)
    words = _spell(int(whole))
    if not decimals:
        return words
    zeros = len(decimals) - len(decimals.lstrip("0"))
    rest = decimals.lstrip("0")
    return " ".join([words, "virgule", *["zéro"] * zeros, *([_spell(int(rest))] if rest else [])])


def _parts(figures: str) -> tuple[str, str]:
    compact = re.sub(r"[\s\u00a0\u202f]", "", figures)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", compact):
        compact = compact.replace(".", "")
    whole, _, decimals = compact.replace(".", ",").partition(",")
    return whole, decimals


def _feminine(words: str) -> str:
    return f"{words}e" if re.search(r"(?<!\w)un$", words) else words


def _dotted(figures: str) -> str:
    return " point ".join(_spell(int(part)) for part in figures.split("."))


def _ussd(match: re.Match[str]) -> str:
    digits = " étoile ".join(_SPELLING.digits(part) for part in match[2].split("*"))
    return f"{'étoile' if match[1] == '*' else 'dièse'} {digits} dièse"


def _pairs(digits: str) -> str:
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    return ", ".join(("zéro " if pair[0] == "0" and pair != "00" else "") + _pair(pair) for pair in pairs)


def _pair(pair: str) -> str:
    return "zéro zéro" if pair == "00" else _spell(int(pair))


def _phone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[2] or match[3])
    prefix = f"plus {_spell(int(match[1]))}, " if match[1] else ""
    return prefix + _pairs(digits)


def _phone_fr(match: re.Match[str]) -> str:
    return f"plus {_spell(int(match[1]))}, {_spell(int(match[2]))}, {_pairs(re.sub(r'[^0-9]', '', match[3]))}"


def _date(match: re.Match[str]) -> str:
    day, month, year = match[1] or match[5], match[3] or match[6], match[4] or ""
    return _day(int(day), int(month), f"20{year}" if len(year) == 2 else year) or match[0]


def _day(day: int, month: int, year: str) -> str:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return ""
    words = f"{'premier' if day == 1 else _spell(day)} {MONTHS[month - 1]}"
    return f"{words} {_spell(int(year))}" if year else words


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2] or 0)
    words = f"{_feminine(_spell(hour))} {'heure' if hour <= 1 else 'heures'}"
    return f"{words} {_spell(minute)}" if minute else words


def _money(match: re.Match[str]) -> str:
    whole, decimals = _parts(match[1])
    currency = "fcfa" if "cfa" in match[3].lower() else match[3].lower()
    singular, plural = CURRENCIES[currency]
    per = f" par {PER.get(match[4]) or PER.get(match[4].lower(), match[4])}" if match[4] else ""
    if match[2]:
        whole, decimals = f"{whole}{decimals:0<3}"[: len(whole) + 3], ""
    name = singular if int(whole) < 2 else plural
    cents = decimals.ljust(2, "0") if currency in ("€", "eur", "$", "£") and len(decimals) <= 2 else ""
    if int(cents or 0) and not int(whole):
        return f"{_spell(int(cents))} centime{'s' if int(cents) > 1 else ''}{per}"
    words = _words(whole if cents or not decimals else match[1])
    if re.search(r"(million|milliard)s?$", words):
        name = f"d'{name}" if name[0] == "e" else f"de {name}"
    if currency == "£":
        words = _feminine(words)
    hundredths = f" {_pairs(cents)}" if int(cents or 0) else ""
    return f"{words} {name}{hundredths}{per}"


def _unit(match: re.Match[str]) -> str:
    singular, plural = UNITS[match[2]]
    words, whole = _words(match[1]), _parts(match[1])[0]
    name = singular if int(whole) < 2 else plural
    return f"{_feminine(words) if name.startswith(('minute', 'seconde', 'milliseconde')) else words} {name}"


def _ordinal(match: re.Match[str]) -> str:
    number, ending = int(match[1]), match[2]
    if number == 1:
        return {"er": "premier", "ers": "premiers", "ères": "premières", "e": "premier"}.get(ending, "première")
    if ending in ("nd", "nde"):
        return "second" if ending == "nd" else "seconde"
    return _spell(number, to="ordinal")


_SPELLING = Spelling(
    number=_spell,
    at="arobase",
    dot="point",
    slash="barre oblique",
    hyphen="tiret",
    underscore="tiret bas",
    plus="plus",
)
