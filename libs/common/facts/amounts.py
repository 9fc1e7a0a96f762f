"""Amounts: numbers with their separators, alone or with a currency, a unit or a percent sign."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from libs.common.facts.fact import Found, Source
from libs.common.linear_pattern import linear_pattern

# Groups of exactly three are thousands, one sort of separator a number; or digits with a fraction.
AMOUNT = r"(?:\d{1,3}(?:(?: \d{3})+|(?:\.\d{3})+|(?:,\d{3})+|(?:'\d{3})+)(?:[.,]\d{1,2})?|\d{1,15}(?:[.,]\d{1,3})?)"
_TIMES = r"(?: ?(k|mille|thousand|millions?))?"
_MULTIPLIERS = {"k": 1_000, "mille": 1_000, "thousand": 1_000, "million": 1_000_000, "millions": 1_000_000}

_WEST_AFRICA = frozenset({"BF", "BJ", "CI", "GW", "ML", "NE", "SN", "TG"})
_CENTRAL_AFRICA = frozenset({"CF", "CG", "CM", "GA", "GQ", "TD"})
_FRANC_WORDS = r"f\.? ?cfa|francs? cfa|francs?|frs?|cfa|f"
_CODES: Mapping[str, str] = {
    "xof": "XOF",
    "xaf": "XAF",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "€": "EUR",
    "usd": "USD",
    "us$": "USD",
    "gbp": "GBP",
    "£": "GBP",
    "pounds": "GBP",
    "pound": "GBP",
    "chf": "CHF",
    "cad": "CAD",
    "ca$": "CAD",
    "mad": "MAD",
    "ngn": "NGN",
    "naira": "NGN",
    "₦": "NGN",
    "ghs": "GHS",
    "cedis": "GHS",
}
CURRENCY = (
    rf"(?:(?:{_FRANC_WORDS}|dollars?|euros?|pounds?|naira|cedis|xof|xaf|eur|usd|gbp|chf|cad|mad|ngn|ghs)\b|[€$£₦])"
)

_MONEY_AFTER = linear_pattern(rf"\b({AMOUNT}){_TIMES} ?(?:de |d')?({CURRENCY})")
_MONEY_SPLIT = linear_pattern(r"\b(\d{1,10}) ?(€)(\d{2})\b")
_MONEY_BEFORE = linear_pattern(
    rf"(us\$|ca\$|[€$£₦]|\b(?:usd|eur|gbp|xof|xaf|fcfa|cad|chf)) ?({AMOUNT})(?: ?(k|thousand|millions?))?\b"
)
_PERCENT = linear_pattern(r"\b(\d{1,9}(?:[.,]\d{1,4})?) ?(?:%|pour ?cents?\b|per ?cent\b|pct\b)")

UNITS: Mapping[str, str] = {
    word: unit
    for unit, words in {
        "paquet": "paquet paquets pack packs packet packets",
        "colis": "colis parcel parcels package packages",
        "carton": "carton cartons box boxes",
        "boite": "boite boites",
        "sac": "sac sacs bag bags",
        "sachet": "sachet sachets",
        "piece": "piece pieces pcs pc",
        "unite": "unite unites unit units",
        "article": "article articles item items",
        "produit": "produit produits product products",
        "bouteille": "bouteille bouteilles bottle bottles",
        "lot": "lot lots",
        "palette": "palette palettes pallet pallets",
        "kg": "kg kgs kilo kilos kilogramme kilogrammes",
        "g": "g gr gramme grammes gram grams",
        "mg": "mg",
        "tonne": "tonne tonnes ton tons",
        "l": "l litre litres liter liters",
        "cl": "cl",
        "ml": "ml",
        "km": "km kilometre kilometres kilometers",
        "m": "m metre metres meter meters",
        "m²": "m² m2",
        "cm": "cm",
        "mm": "mm",
        "pouce": "pouce pouces inch inches",
        "seconde": "seconde secondes second seconds",
        "minute": "minute minutes min mins mn",
        "heure": "heure heures hour hours h hrs",
        "jour": "jour jours day days",
        "semaine": "semaine semaines week weeks",
        "mois": "mois month months",
        "an": "an ans annee annees year years",
        "fois": "fois times",
        "personne": "personne personnes person people",
        "module": "module modules",
        "seance": "seance seances session sessions",
        "taille": "taille tailles",
        "go": "go gb",
        "mo": "mo mb",
    }.items()
    for word in words.split()
}
UNIT_WORDS = "|".join(sorted(UNITS, key=len, reverse=True))
_QUANTITY = linear_pattern(rf"\b({AMOUNT})(?: ?(mille|thousand|millions?) (?:de |d')?)? ?({UNIT_WORDS})(?:\b|$|[^²\w])")
_NUMBER = linear_pattern(rf"\b({AMOUNT})(?: ?(k|mille|thousand|millions?))?\b")


def plain_amount(written: str, multiplier: str = "") -> str:
    """Returns `25.000`, `25 000,50` or `25,000.00` as digits with a point, without needless zeros."""
    digits = written.replace(" ", "").replace("'", "")
    at = max(digits.rfind("."), digits.rfind(","))
    whole, fraction = (digits[:at], digits[at + 1 :]) if at >= 0 else (digits, "")
    # Three digits are thousands, unless nothing but a zero stands before them (0,500 kg).
    if len(fraction) == 3 and whole != "0":
        whole, fraction = whole + fraction, ""
    whole = whole.replace(".", "").replace(",", "").lstrip("0") or "0"
    value = f"{whole}.{fraction.rstrip('0')}".rstrip(".")
    if multiplier:
        value = format((Decimal(value) * _MULTIPLIERS[multiplier]).normalize(), "f")
    return value


def find_money(source: Source, country: str) -> Iterator[Found]:
    """Yields money: `2000F`, `25.000 FCFA`, `12€50`, `$25,000.00`, `25 mille francs`."""
    for match in _MONEY_SPLIT.finditer(source.left):
        value = plain_amount(f"{match.group(1)},{match.group(3)}")
        yield Found("money", value, "EUR", *match.span())
    for match in _MONEY_AFTER.finditer(source.left):
        value = plain_amount(match.group(1), match.group(2) or "")
        yield Found("money", value, currency_code(match.group(3), country), *match.span())
    for match in _MONEY_BEFORE.finditer(source.left):
        value = plain_amount(match.group(2), match.group(3) or "")
        yield Found("money", value, currency_code(match.group(1), country), *match.span())


def find_percents(source: Source, _country: str) -> Iterator[Found]:
    """Yields shares: `20 %`, `3,5 pour cent`."""
    for match in _PERCENT.finditer(source.left):
        yield Found("percent", plain_amount(match.group(1)), "%", *match.span())


def find_quantities(source: Source, _country: str) -> Iterator[Found]:
    """Yields numbers with a unit: `6 paquets`, `12 kg`, `48h`."""
    for match in _QUANTITY.finditer(source.left):
        start, end = match.start(1), match.end(3)
        if source.left[end : end + 1] != "'":
            value = plain_amount(match.group(1), match.group(2) or "")
            yield Found("quantity", value, UNITS[match.group(3)], start, end)


def find_numbers(source: Source, _country: str) -> Iterator[Found]:
    """Yields the numbers that are left: `25 000`, `10k`."""
    for match in _NUMBER.finditer(source.left):
        yield Found("number", plain_amount(match.group(1), match.group(2) or ""), "", *match.span())


def currency_code(word: str, country: str) -> str:
    """Returns the currency (ISO 4217) that a folded word or sign of CURRENCY means in `country`."""
    known = _CODES.get(word)
    if known:
        return known
    if word == "$" or word.startswith("dollar"):
        return {"CA": "CAD", "AU": "AUD"}.get(country, "USD")
    if country in _CENTRAL_AFRICA:
        return "XAF"
    if country == "CH" and "cfa" not in word:
        return "CHF"
    return "GNF" if country == "GN" and "cfa" not in word else "XOF"
