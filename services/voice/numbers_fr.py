"""Writes what a French voice would misread as words: amounts, phone numbers, times, dates, percentages."""

import re

from num2words import num2words  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]  # no stubs

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_CURRENCIES = {
    "f": "francs",
    "fcfa": "francs CFA",
    "cfa": "francs CFA",
    "xof": "francs CFA",
    "xaf": "francs CFA",
    "€": "euros",
    "eur": "euros",
    "$": "dollars",
}
_UNITS = {"km": "kilomètres", "kg": "kilos", "cm": "centimètres", "min": "minutes", "mn": "minutes"}
_WORDS = {"n°": "numéro", "tél": "téléphone", "rdv": "rendez-vous", "svp": "s'il vous plaît", "mme": "madame"}

_NUMBER = r"\d{1,3}(?:[.\u00a0\u202f ]\d{3})+(?!\d)(?:,\d{1,2})?|\d+(?:[.,]\d{1,3})?"
_PHONE = re.compile(
    r"(?<![\d.,])(?:\+|00)(\d{1,3})[ .-]?((?:\d{2}[ .-]?){3,4}\d{2})(?!\d)|(?<![\d.,+])(0\d(?:[ .-]?\d{2}){4})(?!\d)"
)
_DATE = re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})(?:/(\d{4}))?(?![\d/])")
_TIME = re.compile(r"(?<![\d.,])([01]?\d|2[0-4]) ?(?:h|H|:(?=\d\d))([0-5]\d)?(?![\w])")
_MONEY = re.compile(rf"(?<![\d.,])({_NUMBER})\s?(FCFA|F\.?\s?CFA|CFA|XOF|XAF|EUR|€|\$|[Ff]\b)(?!\w)")
_PERCENT = re.compile(rf"(?<![\d.,])({_NUMBER})\s?%")
_UNIT = re.compile(rf"(?<![\d.,])({_NUMBER})\s?({'|'.join(_UNITS)})\b")
_ORDINAL = re.compile(r"(?<![\d.,])(\d{1,3})(er|re|ère|ème|eme|e)\b")
_PLAIN = re.compile(rf"(?<![\w.,])({_NUMBER})(?!\w)")
_ABBREVIATION = re.compile(r"(?<!\w)(n°|tél\.?|rdv|svp|mme)(?!\w)", re.IGNORECASE)


def speakable_french(text: str) -> str:
    """Returns `text` with every figure written out: `25.000 FCFA` as `vingt-cinq mille francs CFA`, `0787360757` by
    pairs, `18h30` as `dix-huit heures trente`."""
    text = _PHONE.sub(_phone, text)
    text = _DATE.sub(_date, text)
    text = _TIME.sub(_time, text)
    text = _MONEY.sub(_money, text)
    text = _PERCENT.sub(lambda match: f"{_words(match[1])} pour cent", text)
    text = _UNIT.sub(lambda match: f"{_words(match[1])} {_UNITS[match[2]]}", text)
    text = _ORDINAL.sub(_ordinal, text)
    text = _PLAIN.sub(lambda match: _words(match[1]), text)
    return _ABBREVIATION.sub(lambda match: _WORDS[match[1].lower().rstrip(".")], text)


def _spell(number: int, *, to: str = "cardinal") -> str:
    return str(num2words(number, lang="fr", to=to))


def _words(figures: str) -> str:
    whole, decimals = _parts(figures)
    # Codes and order numbers beyond a billion are no quantities: digit by digit.
    if len(whole) > 9:
        return " ".join(_spell(int(digit)) for digit in whole)
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


def _pairs(digits: str) -> str:
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    return ", ".join(("zéro " if pair[0] == "0" and pair != "00" else "") + _pair(pair) for pair in pairs)


def _pair(pair: str) -> str:
    return "zéro zéro" if pair == "00" else _spell(int(pair))


def _phone(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[2] or match[3])
    prefix = f"plus {_spell(int(match[1]))}, " if match[1] else ""
    return prefix + _pairs(digits)


def _date(match: re.Match[str]) -> str:
    day, month = int(match[1]), int(match[2])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return match[0]
    words = f"{'premier' if day == 1 else _spell(day)} {_MONTHS[month - 1]}"
    return f"{words} {_spell(int(match[3]))}" if match[3] else words


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2] or 0)
    words = f"{_spell(hour)}{'e' if hour in (1, 21) else ''} {'heure' if hour <= 1 else 'heures'}"
    return f"{words} {_spell(minute)}" if minute else words


def _money(match: re.Match[str]) -> str:
    words = _words(match[1])
    currency = _CURRENCIES["fcfa" if "cfa" in match[2].lower() else match[2].lower()]
    if _parts(match[1])[0] in ("0", "1"):
        currency = currency.replace("francs", "franc").replace("euros", "euro").replace("dollars", "dollar")
    return f"{words} {'de ' if re.search('(million|milliard)s?$', words) else ''}{currency}".replace(
        "de euro", "d'euro"
    )


def _ordinal(match: re.Match[str]) -> str:
    if match[1] == "1":
        return "premier" if match[2] == "er" else "première"
    return _spell(int(match[1]), to="ordinal")
