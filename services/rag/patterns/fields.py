"""The fields that a pattern can find, and the named groups through which it says what it found."""

from collections.abc import Mapping

from libs.common.linear_pattern import linear_pattern

# ISO 4217 codes that an amount without a currency may be in; the empty group `en_xof` says so.
IMPLIED_CURRENCIES = ("xof", "xaf", "eur", "usd", "gbp", "cad", "chf", "mad", "ngn", "ghs", "gnf")
# Countries whose national phone numbers a pattern may read, with their calling codes.
PHONE_CODES: Mapping[str, str] = {"ci": "225", "fr": "33", "us": "1"}

# How national numbers begin. Ivory Coast: ten digits since 31 January 2021, mobiles 01, 05 and 07, fixed lines 21, 25
# and 27. United States: area codes begin with 2 to 9.
FIRST_DIGITS: Mapping[str, str] = {"ci": r"(?:0[157]|2[157])", "fr": "0[1-9]", "us": r"[2-9]\d\d"}
_BEGINS = {country: linear_pattern(f"^{first}") for country, first in FIRST_DIGITS.items()}

# `entier` holds the digits before the decimal sign, whatever separates their groups; `centimes` those after it.
_MONEY = frozenset({"entier", "centimes", "devise", *(f"en_{code}" for code in IMPLIED_CURRENCIES)})
_PHONES = frozenset(f"tel_{country}" for country in PHONE_CODES)

GROUPS: Mapping[str, frozenset[str]] = {
    "paiement": _PHONES,
    "reference": frozenset({"reference"}),
    "telephone": _PHONES,
    "prix_quantite": _MONEY | {"quantite", "unite"},
    "prix_plage": _MONEY | {"entier_2", "centimes_2"},
    "zone": _MONEY | {"zone"},
    "prix": _MONEY,
    "horaires": frozenset({"ouverture", "fermeture"}),
}
"""Groups by field. The order is the one in which fields are looked for: what one found, the next do not see."""

_NEEDED: Mapping[str, frozenset[str]] = {
    "prix_quantite": frozenset({"entier", "quantite", "unite"}),
    "prix_plage": frozenset({"entier", "entier_2"}),
    "zone": frozenset({"zone"}),
    "prix": frozenset({"entier"}),
    "reference": frozenset({"reference"}),
    "horaires": frozenset({"ouverture", "fermeture"}),
}


def problem_with_groups(field: str, groups: frozenset[str]) -> str:
    """Returns what is wrong with the groups of a pattern for `field`, in a few words; empty when nothing is."""
    allowed = GROUPS.get(field)
    if allowed is None:
        return f"there is no field {field!r}; expected one of {', '.join(GROUPS)}"
    if groups - allowed:
        return f"the groups of {field} are {', '.join(sorted(allowed))}"
    needed = _NEEDED.get(field, frozenset[str]())
    if needed - groups:
        return f"{field} needs the groups {', '.join(sorted(needed))}"
    if allowed == _PHONES and len(groups) != 1:
        return f"{field} needs one of the groups {', '.join(sorted(allowed))}"
    has_currency = "devise" in groups or any(group.startswith("en_") for group in groups)
    if "entier" in groups and not has_currency:
        return "an amount needs a currency: the group `devise`, or an empty one such as `en_xof`"
    return ""


def is_national(digits: str, country: str) -> bool:
    """Returns whether a number begins as those of `country` do, in small letters; True where that is not known."""
    begins = _BEGINS.get(country)
    return begins is None or begins.match(digits) is not None
