"""Proposes patterns for phone numbers and for numbers that money is sent to."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from libs.common.facts.phones import read_digits
from libs.common.linear_pattern import linear_pattern
from services.rag.patterns.fields import FIRST_DIGITS, PHONE_CODES, is_national
from services.rag.patterns.lexicon import PAYMENT_LEADS, PHONE_LEADS
from services.rag.patterns.proposal import Proposal, is_punctuation, run_of
from services.rag.patterns.study import Study, words_before

_RUN = linear_pattern(r"(?:\+|\(|\b)\d[\d ().\-]{5,24}\d\b")
_GROUP = linear_pattern(r"\d+")
_LEAD = linear_pattern(PHONE_LEADS)
# Groups of a national number, and how it begins, by country.
_FIRST = {**FIRST_DIGITS, "us": r"\(?[2-9]\d\d\)?"}
_LENGTHS = {"ci": (2, 2, 2, 2, 2), "fr": (2, 2, 2, 2, 2), "us": (3, 3, 4)}
_SIGNS = frozenset(" .-()/")


def propose_phones(studies: Sequence[Study], home: str) -> Iterator[Proposal]:
    """Yields one proposal a country and way of writing, and one a payment service."""
    seen: dict[tuple[str, bool], set[str]] = defaultdict(set)
    payments: set[tuple[str, str]] = set()
    for study in studies:
        for match in _RUN.finditer(study.text):
            written = match.group()
            left = study.before(match.start())
            country = phone_country(written, home=home.lower(), is_called_so=is_called_so(left))
            if not country:
                continue
            is_international = written.startswith("+") or written.startswith("00")
            signs = {character for character in written if character in _SIGNS}
            seen[country, is_international] |= signs
            for word, end in reversed(words_before(left)):
                if word in PAYMENT_LEADS and is_punctuation(left[end:].replace("money", "")):
                    payments.add((country, word))
                    break
    for (country, is_international), signs in seen.items():
        yield Proposal("telephone", number_expression(country, signs, is_international=is_international))
    for country, word in sorted(payments):
        signs = seen[country, False] | seen.get((country, True), set[str]())
        number = number_expression(country, signs, is_international=False).removeprefix(r"\b")
        prefix = rf"(?P<tel_{country}>(?:\+?{PHONE_CODES[country]} ?)?{number.partition('>')[2]}"
        yield Proposal("paiement", rf"\b{word}(?: money| mobile)?[ :=()*|-]{{1,5}}{prefix}")


def is_called_so(left: str) -> bool:
    """Returns whether a word for phones stands in the window before a number."""
    return _LEAD.search(left[-32:]) is not None


def phone_country(written: str, *, home: str, is_called_so: bool) -> str:
    """Returns the country, in small letters, whose phone number is written so; empty when it is none.

    Only at home is a number taken for a phone without a prefix or a word that says so.
    """
    digits = "".join(_group.group() for _group in _GROUP.finditer(written))
    if written.startswith("+") or digits.startswith("00"):
        national = digits.removeprefix("00")
        return next((each for each, code in PHONE_CODES.items() if _reads(national, each, code)), "")
    order = [home, *(each for each in PHONE_CODES if each != home)] if is_called_so else [home]
    return next((each for each in order if each in PHONE_CODES and _is_phone(digits, each)), "")


def number_expression(country: str, signs: set[str], *, is_international: bool) -> str:
    """Returns the expression of a number of `country` whose groups such signs part, with its group."""
    between = run_of(sorted(signs), fewest=0, most=2) if signs else ""
    groups = [_FIRST[country], *(_digits(length) for length in _LENGTHS[country][1:])]
    if is_international:
        # Abroad the French leave out the trunk 0 that they dial at home, or put it in brackets.
        lead = r"(?:\(0\) ?|0)?[1-9]" if country == "fr" else groups[0]
        prefix = rf"(?:\+|\b00) ?{PHONE_CODES[country]}[ .()-]{{0,2}}"
        return f"(?P<tel_{country}>{prefix}{between.join([lead, *groups[1:]])})"
    # An American number may begin with a bracket, which is no letter and no digit.
    start = "" if country == "us" else r"\b"
    return f"{start}(?P<tel_{country}>{between.join(groups)})"


def _digits(length: int) -> str:
    return "\\d" * length


def _is_phone(digits: str, country: str) -> bool:
    return is_national(digits, country) and read_digits(digits, country.upper(), is_international=False) is not None


def _reads(digits: str, country: str, code: str) -> bool:
    return digits.startswith(code) and read_digits(digits, country.upper(), is_international=True) is not None
