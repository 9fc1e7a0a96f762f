"""One learned expression at work: what its named groups say in a text, as facts."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from libs.common.facts import Places
from libs.common.facts.amounts import UNIT_WORDS, UNITS, currency_code
from libs.common.facts.fact import Found
from libs.common.facts.phones import read_digits
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold
from services.rag.patterns.fields import PHONE_CODES, is_national
from services.rag.patterns.safety import MAX_MATCHES, compiled

_NAMES = linear_pattern(r"\(\?P<([a-z0-9_]+)>")
# A slice of that length behind a match is enough to see what it belongs to.
_AFTER = 24
_GOES_ON = linear_pattern(r"^(?:[.,:'/-]?\d|')")
_SCALED = linear_pattern(r"^ ?(?:k|m|md|bn|mille|thousand|million|millions|milliards?|billion)\b")
_OTHER_UNIT = linear_pattern(rf"^(?: ?%| ?[x*] ?\d| ?-? ?(?:{UNIT_WORDS}|pour ?cents?|per ?cent|h|am|pm)\b)")
_HOUR = linear_pattern(r"^(\d{1,2}) ?(?:(?:h|:) ?([0-5]\d)?)? ?(am|pm|a\.m\.?|p\.m\.?)?")


class Group(NamedTuple):
    """What a named group matched, and where."""

    text: str
    start: int
    end: int


Groups = Mapping[str, Group]


class LearnedExpression:
    """An expression of a field. Raises InvalidRequest (PATTERN_UNSAFE) when it is made of one that is not let in."""

    def __init__(self, field: str, expression: str, *, zone: str = "") -> None:
        self._pattern = compiled(field, expression)
        # Every group of such an expression has a name, so that names and numbers go together.
        self._names = tuple(match.group(1) for match in _NAMES.finditer(expression))
        self._zone = zone

    def finds(
        self, text: str, country: str, *, places: Places | None = None
    ) -> Iterator[tuple[int, int, tuple[Found, ...]]]:
        """Yields where it matches in a folded text, and the facts there; a piece of something longer is passed over.

        At most 150 matches are looked at. `places` know the official names of zones.
        """
        for match in islice(self._pattern.finditer(text), MAX_MATCHES):
            groups = {
                name: Group(match.group(number), *match.span(number))
                for number, name in enumerate(self._names, start=1)
                if match.start(number) >= 0
            }
            facts = tuple(self._facts(groups, text, country, places))
            if facts:
                yield *match.span(), facts

    def _facts(self, groups: Groups, text: str, country: str, places: Places | None) -> Iterator[Found]:
        for name, group in groups.items():
            if name.startswith("tel_"):
                yield from _phone(name[4:], group, text, country)
            elif name == "reference" and any(character.isdigit() for character in group.text):
                yield Found("reference", group.text.upper(), "", group.start, group.end)
            elif name == "zone":
                yield Found("place", self._official(group.text, places), "", group.start, group.end)
            elif name in ("ouverture", "fermeture"):
                yield from _hour(group, groups["fermeture"].text)
        if "quantite" in groups and "unite" in groups and groups["unite"].text in UNITS:
            quantity, unit = groups["quantite"], groups["unite"]
            yield Found("quantity", _digits(quantity.text), UNITS[unit.text], quantity.start, unit.end)
        for suffix in ("", "_2"):
            if f"entier{suffix}" in groups:
                yield from _money(groups, suffix, text, country)

    def _official(self, written: str, places: Places | None) -> str:
        known = places.find(written) if places is not None else ()
        if known:
            return known[0][0]
        return self._zone if fold(self._zone) == written else written.title()


def _money(groups: Groups, suffix: str, text: str, country: str) -> Iterator[Found]:
    whole, fraction, word = groups[f"entier{suffix}"], groups.get(f"centimes{suffix}"), groups.get("devise")
    start, end = whole.start, fraction.end if fraction else whole.end
    follows = word is not None and 0 <= word.start - end <= 1
    leads = word is not None and 0 <= start - word.end <= 1
    if not is_amount(whole.text, text, start, end, has_currency=word is not None, is_closed=follows):
        return
    implied = next((name[3:].upper() for name in groups if name.startswith("en_")), "")
    cents = (fraction.text if fraction else "").rstrip("0")
    value = _digits(whole.text) + (f".{cents}" if cents else "")
    unit = currency_code(word.text, country) if word else implied
    span = word.start if word and leads else start, word.end if word and follows else end
    yield Found("money", value, unit, *span)


def is_amount(whole: str, text: str, start: int, end: int, *, has_currency: bool, is_closed: bool) -> bool:
    """Returns whether digits at a place of `text` are an amount by themselves, and no piece of something longer.

    `is_closed` when the currency follows. Without a currency, what a unit or a percent sign follows is none, and four
    plain digits from 1900 to 2099 are a year, unless they are a round sum.
    """
    before = text[max(0, start - 2) : start]
    if len(before) == 2 and before[0].isdigit() and before[1] in ".,' " and whole[:3].isdigit() and len(whole) > 2:
        return False
    if before[-1:].isalnum() or before[-1:] == "#":
        return False
    after = text[end : end + _AFTER]
    if is_closed:
        return True
    if _GOES_ON.match(after) or _SCALED.match(after):
        return False
    if has_currency:
        return True
    is_year = len(whole) == 4 and whole[:2] in ("19", "20") and int(whole) % 50 != 0
    return not is_year and not _OTHER_UNIT.match(after)


def _phone(plan: str, group: Group, text: str, country: str) -> Iterator[Found]:
    digits = "".join(character for character in group.text if character.isdigit())
    is_international = "+" in group.text or digits.startswith("00")
    home = country or plan.upper()
    # What is a number at home is one of home, also where a pattern of another country finds it.
    is_home = not is_international and is_national(digits, home.lower())
    at_home = read_digits(digits, home, is_international=False) if is_home else None
    read = at_home or read_digits(digits.removeprefix("00"), plan.upper(), is_international=is_international)
    if read is None or text[group.end : group.end + 1].isdigit():
        return
    value, code = read
    if at_home is None and plan.upper() != home and code == PHONE_CODES[plan]:
        value = f"+{code}{value.removeprefix('0') if plan == 'fr' else value}"
    yield Found("phone", value, code, group.start, group.end)


def _hour(group: Group, closing: str) -> Iterator[Found]:
    read = _HOUR.match(group.text)
    if read is None:
        return
    half = read.group(3) or ""
    if not half and "m" in closing:
        # `9-6pm`: from the morning on.
        half = "am"
    hour = int(read.group(1))
    value = hour % 12 + (12 if half.startswith("p") else 0) if half else hour
    if value < 24:
        yield Found("time", f"{value:02d}:{read.group(2) or '00'}", "", group.start, group.end)


def _digits(written: str) -> str:
    return "".join(character for character in written if character.isdigit()).lstrip("0") or "0"
