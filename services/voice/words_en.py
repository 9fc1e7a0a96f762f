"""What stands for English words: units, currencies, months, abbreviations, numerals of kings and chapters."""

import re

from services.voice.roman_numerals import ROMAN, roman_value

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = {
    **{"mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday"},
    **{"thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday"},
}
# Singular and plural.
UNITS = {
    **{"km/h": ("kilometre per hour", "kilometres per hour"), "km": ("kilometre", "kilometres")},
    **{"kg": ("kilo", "kilos"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams")},
    **{"cm": ("centimetre", "centimetres"), "mm": ("millimetre", "millimetres")},
    **{"m²": ("square metre", "square metres"), "m2": ("square metre", "square metres")},
    **{"m³": ("cubic metre", "cubic metres"), "m3": ("cubic metre", "cubic metres"), "m": ("metre", "metres")},
    **{"cl": ("centilitre", "centilitres"), "ml": ("millilitre", "millilitres"), "L": ("litre", "litres")},
    **{"TB": ("terabyte", "terabytes"), "GB": ("gigabyte", "gigabytes"), "MB": ("megabyte", "megabytes")},
    **{"KB": ("kilobyte", "kilobytes"), "kB": ("kilobyte", "kilobytes")},
    **{"Mb/s": ("megabit per second", "megabits per second"), "Mbps": ("megabit per second", "megabits per second")},
    **{"Gb/s": ("gigabit per second", "gigabits per second"), "Gbps": ("gigabit per second", "gigabits per second")},
    **{"GHz": ("gigahertz", "gigahertz"), "MHz": ("megahertz", "megahertz"), "Hz": ("hertz", "hertz")},
    **{"mph": ("mile per hour", "miles per hour"), "mi": ("mile", "miles"), "ft": ("foot", "feet")},
    **{"yd": ("yard", "yards"), "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"), "oz": ("ounce", "ounces")},
    **{"°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit")},
    **{"°": ("degree", "degrees"), "W": ("watt", "watts"), "kW": ("kilowatt", "kilowatts"), "V": ("volt", "volts")},
    **{"hrs": ("hour", "hours"), "hr": ("hour", "hours"), "h": ("hour", "hours"), "mins": ("minute", "minutes")},
    **{"min": ("minute", "minutes"), "sec": ("second", "seconds"), "s": ("second", "seconds")},
    **{"ms": ("millisecond", "milliseconds")},
}
# Singular, plural, and the name of a hundredth in both.
CURRENCIES = {
    **{"f": ("franc", "francs", "", ""), "fcfa": ("CFA franc", "CFA francs", "", "")},
    **{"xof": ("CFA franc", "CFA francs", "", ""), "xaf": ("CFA franc", "CFA francs", "", "")},
    **{"€": ("euro", "euros", "cent", "cents"), "eur": ("euro", "euros", "cent", "cents")},
    **{"$": ("dollar", "dollars", "cent", "cents"), "usd": ("dollar", "dollars", "cent", "cents")},
    **{"£": ("pound", "pounds", "penny", "pence"), "gbp": ("pound", "pounds", "penny", "pence")},
}

_TITLES = {
    **{"Mr": "mister", "Mrs": "missus", "Ms": "miz", "Dr": "doctor", "Prof": "professor", "Capt": "captain"},
}
_WITH_STOP = {
    **{"approx": "approximately", "apt": "apartment", "tel": "telephone", "max": "maximum", "min": "minimum"},
    **{"dept": "department", "est": "estimated", "etc": "et cetera", "ref": "reference", "vol": "volume"},
    **{"ext": "extension", "inc": "incorporated", "ltd": "limited", "qty": "quantity", "vs": "versus", "fig": "figure"},
}
_STREETS = {"St": "Street", "Ave": "Avenue", "Rd": "Road", "Blvd": "Boulevard", "Ln": "Lane", "Sq": "Square"}

_TITLE = re.compile(rf"(?<!\w)({'|'.join(_TITLES)})\.?(?=\s[A-Z])")
_SAINT = re.compile(r"(?<!\w)St\.?(?=\s[A-Z])")
_STREET = re.compile(rf"(?<=\w )({'|'.join(_STREETS)})(?:\.|(?=[\s,]|$))(?!\s[A-Z][a-z])")
_NUMBER_WORD = re.compile(r"(?<!\w)(?:No|Nr)\.\s?(?=\d)")
_PHRASES = (
    (re.compile(r"(?<!\w)e\.g\.", re.IGNORECASE), "for example"),
    (re.compile(r"(?<!\w)i\.e\.", re.IGNORECASE), "that is"),
    (re.compile(r"(?<!\w)a\.k\.a\.", re.IGNORECASE), "also known as"),
    (re.compile(r"(?<!\w)asap(?!\w)", re.IGNORECASE), "as soon as possible"),
    (re.compile(r"\s&\s"), " and "),
    (re.compile(r"(?<=\w) \+ (?=\w)"), " plus "),
    (re.compile(r"(?<=\w) = (?=\w)"), " equals "),
    (re.compile(r"~\s?(?=\w)"), "about "),
)
_STOPPED = re.compile(rf"(?<![\w.])({'|'.join(_WITH_STOP)})\.(?=\s\S|$|[,)])", re.IGNORECASE)
_DAY_RANGE = re.compile(rf"(?<!\w)({'|'.join(_DAYS)})\.?\s?[-–]\s?({'|'.join(_DAYS)})\.?(?!\w)", re.IGNORECASE)

_KING = re.compile(
    rf"(?<!\w)(Henry|Louis|Charles|George|Edward|Elizabeth|James|William|Richard|Philip|Napoleon|Pius) ({ROMAN})(?!\w)"
)
_PART = re.compile(
    r"(?<!\w)(?i:(chapter|volume|article|appendix|level|phase|zone|act|part|section|type|class|lot|world war))"
    rf" ({ROMAN})(?!\w)"
)


def roman_to_figures(text: str) -> str:
    """Returns `text` with the numerals that are surely such in figures: `Henry VIII` becomes `Henry the 8th`."""
    text = _PART.sub(lambda match: f"{match[1]} {roman_value(match[2])}", text)
    return _KING.sub(lambda match: f"{match[1]} the {roman_value(match[2])}th", text)


def day_ranges(text: str) -> str:
    """Returns `text` with `Mon-Fri` as `Monday to Friday`."""
    return _DAY_RANGE.sub(lambda match: f"{_DAYS[match[1].lower()]} to {_DAYS[match[2].lower()]}", text)


def number_signs(text: str) -> str:
    """Returns `text` with `No. 5` as `number 5`."""
    return _NUMBER_WORD.sub("number ", text)


def english_words(text: str) -> str:
    """Returns `text` with its abbreviations written out."""
    for pattern, words in _PHRASES:
        text = pattern.sub(words, text)
    text = _TITLE.sub(lambda match: _TITLES[match[1]], text)
    text = _STREET.sub(lambda match: _STREETS[match[1]], text)
    text = _SAINT.sub("Saint", text)
    return _STOPPED.sub(lambda match: _WITH_STOP[match[1].lower()], text)
