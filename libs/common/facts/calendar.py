"""Dates and hours in a text, French and English."""

from collections.abc import Iterator, Mapping

from libs.common.facts.fact import Found, Source
from libs.common.linear_pattern import linear_pattern

_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "janvier january janv jan",
            "fevrier february fevr fev feb",
            "mars march mar",
            "avril april avr apr",
            "mai may",
            "juin june jun",
            "juillet july juil jul",
            "aout august aug",
            "septembre september sept sep",
            "octobre october oct",
            "novembre november nov",
            "decembre december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ENGLISH_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
# Month first.
_AMERICAN = frozenset({"US"})
# "Around the clock", and no day of July.
_ALWAYS = frozenset({"24/7", "7/7", "24/24"})

_ISO = linear_pattern(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_WITH_YEAR = linear_pattern(r"\b(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})\b")
_SHORT = linear_pattern(r"\b(\d{1,2})/(\d{1,2})\b")
_DAY_MONTH = linear_pattern(rf"\b(\d{{1,2}})(?:er|st|nd|rd|th)? (?:of )?({_MONTH})\b\.?(?:,? (\d{{4}})\b)?")
_MONTH_DAY = linear_pattern(rf"\b({_ENGLISH_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}})\b)?")

_TWELVE = linear_pattern(r"\b(\d{1,2})(?::([0-5]\d))? ?([ap])(?:m\b|\.m\.)")
_CLOCK = linear_pattern(r"\b(\d{1,2})(?: ?h(?:eures?)? ?|:)([0-5]\d)\b")
_HOUR = linear_pattern(r"\b(\d{1,2}) ?h\b")
_AT_HOUR = linear_pattern(r"\b(?:a|des|vers|avant|apres|jusqu'a) (\d{1,2}) heures?\b")


def find_dates(source: Source, country: str) -> Iterator[Found]:
    """Yields days: `12/11`, `2026-11-12`, `12 novembre 2026`, `November 12th`."""
    text = source.left
    for match in _ISO.finditer(text):
        yield from _day(match.group(1), match.group(2), match.group(3), match.span())
    for match in _WITH_YEAR.finditer(text):
        year = match.group(3)
        yield from _numeric(
            match.group(1), match.group(2), year if len(year) == 4 else f"20{year}", match.span(), country
        )
    for match in _DAY_MONTH.finditer(text):
        yield from _day(match.group(3) or "", str(_MONTHS[match.group(2)]), match.group(1), match.span())
    for match in _MONTH_DAY.finditer(text):
        yield from _day(match.group(3) or "", str(_MONTHS[match.group(1)]), match.group(2), match.span())
    for match in _SHORT.finditer(text):
        if match.group() not in _ALWAYS:
            yield from _numeric(match.group(1), match.group(2), "", match.span(), country)


def find_times(source: Source, _country: str) -> Iterator[Found]:
    """Yields hours of the day: `18h30`, `18 h`, `8h-18h` (two), `à 18 heures`, `6:30 pm`."""
    text = source.left
    for match in _TWELVE.finditer(text):
        if 1 <= int(match.group(1)) <= 12:
            hour = int(match.group(1)) % 12 + (12 if match.group(3) == "p" else 0)
            yield Found("time", f"{hour:02d}:{match.group(2) or '00'}", "", *match.span())
    for match in _CLOCK.finditer(text):
        if int(match.group(1)) < 24:
            yield Found("time", f"{int(match.group(1)):02d}:{match.group(2)}", "", *match.span())
    for pattern in (_HOUR, _AT_HOUR):
        for match in pattern.finditer(text):
            # From 24 on it is a length of time: «livré sous 48h».
            if int(match.group(1)) < 24:
                yield Found("time", f"{int(match.group(1)):02d}:00", "", match.start(1), match.end())


def _numeric(first: str, second: str, year: str, span: tuple[int, int], country: str) -> Iterator[Found]:
    day, month = (second, first) if country in _AMERICAN else (first, second)
    if int(month) > 12:
        day, month = month, day
    return _day(year, month, day, span)


def _day(year: str, month: str, day: str, span: tuple[int, int]) -> Iterator[Found]:
    if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
        value = f"{int(month):02d}-{int(day):02d}"
        yield Found("date", f"{year}-{value}" if year else value, "", *span)
