"""Facts: what a text says that must not change — money, quantities, phones, dates, places — found in linear time."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers
import re2

MAX_TEXT_CHARACTERS = 64 * 1024

# Currency words and signs, folded, to ISO 4217. `f` alone is the tenant's franc.
_CURRENCIES: Mapping[str, str] = {
    "f": "XOF",
    "fr": "XOF",
    "francs": "XOF",
    "franc": "XOF",
    "fcfa": "XOF",
    "f cfa": "XOF",
    "frs": "XOF",
    "cfa": "XOF",
    "xof": "XOF",
    "€": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "eur": "EUR",
    "$": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "usd": "USD",
    "£": "GBP",
    "pounds": "GBP",
    "gbp": "GBP",
}
_SPACE = r"[ \x{00A0}\x{202F}\x{2009}]"
_AMOUNT = rf"\d{{1,3}}(?:(?:[.,']|{_SPACE})\d{{3}})+(?:[.,]\d{{1,2}})?|\d+(?:[.,]\d{{1,2}})?"
_CURRENCY = r"(?:f ?cfa|francs? cfa|francs?|frs?|cfa|xof|euros?|eur|dollars?|usd|pounds|gbp|€|\$|£|f)"
_UNITS = (
    r"(?:paquets?|packs?|colis|cartons?|boites?|boîtes?|sachets?|pieces?|pièces?|unites?|unités?|articles?|bouteilles?|"
    r"parcels?|boxes|box|items?|kg|kilos?|g|grammes?|mg|l|litres?|ml|cl|cm|mm|m|km|m²|go|gb|mo|mb|"
    r"jours?|semaines?|mois|ans?|annees?|années?|heures?|minutes?|days?|weeks?|months?|years?|hours?)"
)
_MONTHS = (
    "janvier|fevrier|février|mars|avril|mai|juin|juillet|aout|août|septembre|octobre|novembre|decembre|décembre|"
    "january|february|march|april|may|june|july|august|september|october|november|december"
)
_MONTH_NUMBERS = {
    name: number
    for number, names in enumerate(
        "janvier january|fevrier february|mars march|avril april|mai may|juin june|juillet july|aout august|"
        "septembre september|octobre october|novembre november|decembre december".split("|"),
        start=1,
    )
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a text states.

    `kind` is money, quantity, number, phone, date, time, percent, place, email, url or reference; `value` is normalised
    (`25.000 F` gives `25000`), `unit` is a currency or a unit in the singular, or empty. `start` and `end` are
    characters of the text.
    """

    kind: str
    value: str
    unit: str
    start: int
    end: int


class Places:
    """A gazetteer: official names with the other names that people use, found whatever their case and accents."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._official: dict[str, str] = {}
        for official, aliases in names.items():
            for name in (official, *aliases):
                self._official.setdefault(_plain(name).strip(), official)
        longest_first = sorted(self._official, key=len, reverse=True)
        joined = "|".join(re2.escape(name).replace(r"\ ", " ") for name in longest_first)
        self._pattern: Any = re2.compile(rf"(?:^|[^\pL\pN])({joined})(?:$|[^\pL\pN])") if joined else None

    @property
    def names(self) -> tuple[str, ...]:
        """The official names, in the order they were given."""
        return tuple(dict.fromkeys(self._official.values()))

    def find(self, text: str) -> tuple[tuple[str, int, int], ...]:
        """Returns official name, start and end of every place in `text`, in order."""
        if self._pattern is None:
            return ()
        plain, found, position = _plain(text), list[tuple[str, int, int]](), 0
        while match := self._pattern.search(plain, position):
            start, end = match.span(1)
            found.append((self._official[match.group(1)], start, end))
            position = end
        return tuple(found)


def extract_facts(text: str, *, country: str = "", places: Places | None = None) -> tuple[Fact, ...]:
    """Returns the facts of `text` in its order, none overlapping; only the first 64 Ki characters are read.

    `country` (ISO 3166, such as `CI`) is where phone numbers without a prefix belong.
    """
    text = text[:MAX_TEXT_CHARACTERS]
    taken = bytearray(len(text))
    facts: list[Fact] = []
    for finder in (_urls_and_emails, _money, _times, _percents, _phones(country), _dates, _references, _quantities):
        for fact in finder(text):
            _take(fact, taken, facts)
    if places is not None:
        for official, start, end in places.find(text):
            _take(Fact("place", official, "", start, end), taken, facts)
    for match in _NUMBER.finditer(text):
        _take(Fact("number", _amount(match.group(0)), "", *match.span()), taken, facts)
    return tuple(sorted(facts, key=lambda fact: fact.start))


def _take(fact: Fact, taken: bytearray, facts: list[Fact]) -> None:
    if not any(taken[fact.start : fact.end]):
        taken[fact.start : fact.end] = b"\x01" * (fact.end - fact.start)
        facts.append(fact)


_URL = re2.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"]+[^\s<>\".,;:!?)]")
_EMAIL = re2.compile(r"(?i)\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_MONEY_AFTER = re2.compile(rf"(?i)({_AMOUNT}){_SPACE}?({_CURRENCY})(?:$|[^\pL\pN])")
_MONEY_BEFORE = re2.compile(rf"(€|\$|£){_SPACE}?({_AMOUNT})")
_PERCENT = re2.compile(rf"(\d+(?:[.,]\d+)?){_SPACE}?(?:%|pour cent|percent)")
_CLOCK = re2.compile(rf"(?i)\b(\d{{1,2}}){_SPACE}?(?:h|:){_SPACE}?(\d{{2}})?(?:$|[^\pL\pN])")
_CLOCK_12 = re2.compile(r"(?i)\b(\d{1,2})(?::(\d{2}))? ?([ap])\.?m\b")
_DATE = re2.compile(r"\b(\d{1,2})[/-](\d{1,2})(?:[/-](\d{2,4}))?\b")
_DATE_WORDS = re2.compile(rf"(?i)\b(\d{{1,2}})(?:er|st|nd|rd|th)? ({_MONTHS})(?: (\d{{4}}))?\b")
_REFERENCE = re2.compile(r"(#[\w-]*\d[\w-]*|\b[A-Za-z]{2,}[A-Za-z0-9]*-[A-Za-z0-9-]*\d[A-Za-z0-9-]*|\b[A-Z]{1,6}\d{3,}\b)")
_QUANTITY = re2.compile(rf"(?i)({_AMOUNT}){_SPACE}?({_UNITS})(?:$|[^\pL\pN])")
_NUMBER = re2.compile(rf"(?:{_AMOUNT})")


def _urls_and_emails(text: str) -> Iterator[Fact]:
    for kind, pattern in (("email", _EMAIL), ("url", _URL)):
        for match in pattern.finditer(text):
            yield Fact(kind, match.group(0).lower(), "", *match.span())


def _money(text: str) -> Iterator[Fact]:
    for match in _overlapping(_MONEY_AFTER, text):
        word = " ".join(_plain(match.group(2)).split()).replace("francs cfa", "fcfa").replace("franc cfa", "fcfa")
        yield Fact("money", _amount(match.group(1)), _CURRENCIES[word], match.start(1), match.end(2))
    for match in _MONEY_BEFORE.finditer(text):
        yield Fact("money", _amount(match.group(2)), _CURRENCIES[match.group(1)], *match.span())


def _times(text: str) -> Iterator[Fact]:
    for match in _CLOCK_12.finditer(text):
        hour = int(match.group(1)) % 12 + (12 if match.group(3).lower() == "p" else 0)
        yield Fact("time", f"{hour:02d}:{match.group(2) or '00'}", "", *match.span())
    for match in _overlapping(_CLOCK, text):
        if int(match.group(1)) < 25 and int(match.group(2) or 0) < 60:
            end = match.end(2) if match.group(2) else match.end(1) + 1
            yield Fact("time", f"{int(match.group(1)):02d}:{match.group(2) or '00'}", "", match.start(1), end)


def _percents(text: str) -> Iterator[Fact]:
    for match in _PERCENT.finditer(text):
        yield Fact("percent", _amount(match.group(1)), "%", *match.span())


def _phones(country: str) -> Callable[[str], Iterator[Fact]]:
    def find(text: str) -> Iterator[Fact]:
        # 00 is how many people write +; the length stays the same, so that spans do.
        dialled = re2.sub(r"(^|[^\d+])00([1-9])", r"\1 +\2", text)
        for match in phonenumbers.PhoneNumberMatcher(
            dialled, country or None, leniency=phonenumbers.Leniency.POSSIBLE, max_tries=200
        ):
            number = str(match.number.national_number)
            if len(number) >= 7:
                zero = "0" * (match.number.number_of_leading_zeros or 1) if match.number.italian_leading_zero else ""
                prefix = "0" if not zero and _has_trunk_zero(text[match.start : match.end], number) else zero
                yield Fact("phone", prefix + number, str(match.number.country_code or ""), match.start, match.end)

    return find


def _has_trunk_zero(written: str, national: str) -> bool:
    digits = "".join(character for character in written if character.isdigit())
    return digits.endswith("0" + national)


def _dates(text: str) -> Iterator[Fact]:
    for match in _DATE.finditer(text):
        if int(match.group(1)) <= 31 and int(match.group(2)) <= 31:
            yield Fact("date", _date(match.group(1), match.group(2), match.group(3)), "", *match.span())
    for match in _DATE_WORDS.finditer(text):
        month = str(_MONTH_NUMBERS[_plain(match.group(2))])
        yield Fact("date", _date(match.group(1), month, match.group(3)), "", *match.span())


def _date(day: str, month: str, year: str | None) -> str:
    written = f"{int(day):02d}/{int(month):02d}"
    return f"{written}/{year if len(year) == 4 else f'20{year}'}" if year else written


def _references(text: str) -> Iterator[Fact]:
    for match in _REFERENCE.finditer(text):
        yield Fact("reference", match.group(0).upper(), "", *match.span())


def _quantities(text: str) -> Iterator[Fact]:
    for match in _overlapping(_QUANTITY, text):
        unit = _plain(match.group(2))
        singular = unit if len(unit) <= 3 or unit in {"colis", "mois"} else unit.removesuffix("s")
        yield Fact("quantity", _amount(match.group(1)), singular, match.start(1), match.end(2))


def _overlapping(pattern: Any, text: str) -> Iterator[Any]:
    """Yields matches whose last character, a boundary, may begin the next one."""
    position = 0
    while match := pattern.search(text, position):
        yield match
        position = max(match.end(match.re.groups) if match.group(match.re.groups) else match.end(1), position + 1)


def _amount(written: str) -> str:
    """Returns `25.000`, `25 000,50` or `25,000.00` as plain digits with a point; groups of exactly three are thousands."""
    digits = re2.sub(rf"{_SPACE}|'", "", written)
    whole, separator, rest = digits, "", ""
    for mark in ".,":
        head, found, tail = digits.rpartition(mark)
        if found and len(tail) != 3 and len(tail) + len(head) > len(rest) and (not separator or len(tail) < len(rest)):
            whole, separator, rest = head, found, tail
    whole = whole.replace(".", "").replace(",", "").lstrip("0") or "0"
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    """Returns `text` in lower case without accents, of the same length, so that spans stay true."""
    return "".join(_plain_character(character) for character in text)


@lru_cache(maxsize=1024)
def _plain_character(character: str) -> str:
    lowered = character.lower()
    base = unicodedata.normalize("NFD", lowered)[:1]
    return " " if character in "\u00a0\u202f\u2009" else base if base.isalpha() or len(lowered) != 1 else lowered
