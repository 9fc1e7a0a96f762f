"""What stands for French words: units, currencies, months, days, abbreviations, numerals of kings and chapters."""

import re

from services.voice.roman_numerals import ROMAN, roman_value

MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_MONTH_ABBREVIATIONS = {
    **{"janv": 0, "févr": 1, "fév": 1, "avr": 3, "juil": 6},
    **{"sept": 8, "oct": 9, "nov": 10, "déc": 11},
}
_DAYS = {
    **{"lun": "lundi", "mar": "mardi", "mer": "mercredi", "jeu": "jeudi"},
    **{"ven": "vendredi", "sam": "samedi", "dim": "dimanche"},
}
# Singular and plural; a number below two takes the singular.
UNITS = {
    **{"km/h": ("kilomètre à l'heure", "kilomètres à l'heure"), "km": ("kilomètre", "kilomètres")},
    **{"kg": ("kilo", "kilos"), "mg": ("milligramme", "milligrammes"), "g": ("gramme", "grammes")},
    **{"cm": ("centimètre", "centimètres"), "mm": ("millimètre", "millimètres")},
    **{"m²": ("mètre carré", "mètres carrés"), "m2": ("mètre carré", "mètres carrés")},
    **{"m³": ("mètre cube", "mètres cubes"), "m3": ("mètre cube", "mètres cubes"), "m": ("mètre", "mètres")},
    **{"cl": ("centilitre", "centilitres"), "ml": ("millilitre", "millilitres")},
    **{"l": ("litre", "litres"), "L": ("litre", "litres"), "ha": ("hectare", "hectares")},
    **{"To": ("téraoctet", "téraoctets"), "Go": ("gigaoctet", "gigaoctets")},
    **{"Mo": ("mégaoctet", "mégaoctets"), "Ko": ("kilooctet", "kilooctets"), "ko": ("kilooctet", "kilooctets")},
    **{
        "Mb/s": ("mégabit par seconde", "mégabits par seconde"),
        "Mbps": ("mégabit par seconde", "mégabits par seconde"),
    },
    **{"Mbit/s": ("mégabit par seconde", "mégabits par seconde")},
    **{
        "Gb/s": ("gigabit par seconde", "gigabits par seconde"),
        "Gbps": ("gigabit par seconde", "gigabits par seconde"),
    },
    **{"GHz": ("gigahertz", "gigahertz"), "MHz": ("mégahertz", "mégahertz"), "Hz": ("hertz", "hertz")},
    **{"kWh": ("kilowattheure", "kilowattheures"), "kW": ("kilowatt", "kilowatts"), "W": ("watt", "watts")},
    **{"V": ("volt", "volts"), "dB": ("décibel", "décibels")},
    **{"°C": ("degré Celsius", "degrés Celsius"), "°": ("degré", "degrés")},
    **{"min": ("minute", "minutes"), "mn": ("minute", "minutes"), "s": ("seconde", "secondes")},
    **{"sec": ("seconde", "secondes"), "ms": ("milliseconde", "millisecondes"), "j": ("jour", "jours")},
}
CURRENCIES = {
    **{"f": ("franc", "francs"), "fcfa": ("franc CFA", "francs CFA")},
    **{"xof": ("franc CFA", "francs CFA"), "xaf": ("franc CFA", "francs CFA")},
    **{"€": ("euro", "euros"), "eur": ("euro", "euros"), "$": ("dollar", "dollars"), "£": ("livre", "livres")},
}
# Nouns before which `un` becomes `une`, as far as orders, deliveries and faults are talked about.
FEMININE = (
    "adresse|année|annonce|boisson|boîte|bouteille|box|caisse|carte|chose|cliente|commande|couche|demande|demi-heure|"
    "erreur|étape|facture|fois|heure|journée|ligne|livraison|livre|marque|minute|nuit|option|paire|panne|part|personne|"
    "pièce|place|porte|question|remise|robe|seconde|semaine|taille|tonne|unité|variante|ville|voiture|zone"
)
# What a price is counted by.
PER = {
    **{"mois": "mois", "jour": "jour", "j": "jour", "an": "an", "semaine": "semaine", "heure": "heure", "h": "heure"},
    **{"kg": "kilo", "km": "kilomètre", "pièce": "pièce", "unité": "unité", "personne": "personne", "pers": "personne"},
    **{"nuit": "nuit", "paquet": "paquet", "carton": "carton", "litre": "litre", "L": "litre", "m²": "mètre carré"},
}

_ANY_CASE = {
    **{"n°": "numéro", "rdv": "rendez-vous", "svp": "s'il vous plaît", "stp": "s'il te plaît", "mme": "madame"},
    **{"mmes": "mesdames", "mlle": "mademoiselle", "appt": "appartement", "tél": "téléphone", "qté": "quantité"},
    **{"bld": "boulevard", "bd": "boulevard", "blvd": "boulevard", "rte": "route", "ttc": "toutes taxes comprises"},
    **{"pb": "problème"},
}
# Words without their full stop: only with it are they abbreviations.
_WITH_STOP = {
    **{"av": "avenue", "bât": "bâtiment", "bat": "bâtiment", "réf": "référence", "ref": "référence"},
    **{"env": "environ", "max": "maximum", "min": "minimum", "pl": "place", "app": "appartement", "etc": "et cetera"},
    **{"cf": "voir", "resp": "respectivement", "chap": "chapitre", "art": "article", "vol": "volume", "fig": "figure"},
    **{"tél": "téléphone", "tel": "téléphone", "qté": "quantité", "bd": "boulevard", "rte": "route", "ex": "exemple"},
}
_TITLES = {
    **{"M.": "monsieur", "MM.": "messieurs", "Dr": "docteur", "Dr.": "docteur", "Pr": "professeur"},
    **{"Pr.": "professeur", "Me": "maître", "Cie": "compagnie", "Sté": "société", "Mgr": "monseigneur"},
}

_UPPER = r"(?=\s[A-ZÀÂÉÈÊÎÔÛÇ])"
_TITLE = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, sorted(_TITLES, key=len, reverse=True)))}){_UPPER}")
_SAINT = re.compile(r"(?<!\w)(St|Ste)(?:\.\s?|-|\s)(?=[A-ZÉÈ])")
_PHRASES = (
    (re.compile(r"(?<!\w)p\.\s?ex\.", re.IGNORECASE), "par exemple"),
    (re.compile(r"(?<!\w)c\.-?à-?d\.", re.IGNORECASE), "c'est-à-dire"),
    (re.compile(r"(?<=\s)HT(?!\w)"), "hors taxes"),
    (re.compile(r"\s&\s"), " et "),
    (re.compile(r"(?<=\w) \+ (?=\w)"), " plus "),
    (re.compile(r"(?<=\w) = (?=\w)"), " égale "),
    (re.compile(r"~\s?(?=\w)"), "environ "),
)
_MONTH = re.compile(rf"(?<=\d )({'|'.join(_MONTH_ABBREVIATIONS)})\.?(?=\s\w|$)")
_DAY_RANGE = re.compile(rf"(?<!\w)({'|'.join(_DAYS)})\.?\s?[-–]\s?({'|'.join(_DAYS)})\.?(?!\w)", re.IGNORECASE)
_STOPPED = re.compile(rf"(?<![\w.])({'|'.join(_WITH_STOP)})\.(?=\s\S|$|[,)])", re.IGNORECASE)
_FREE = re.compile(rf"(?<!\w)({'|'.join(_ANY_CASE)})(?!\w)", re.IGNORECASE)

_KINGS = (
    r"(Louis|Henri|Charles|Philippe|Napoléon|Jean|Jean-Paul|Benoît|Pie|Hassan|Mohammed|François|Élisabeth|Elizabeth)"
)
_KING = re.compile(rf"(?<!\w){_KINGS} ({ROMAN})(er)?(?!\w)")
_PART = re.compile(
    r"(?<!\w)(?i:(chapitre|tome|article|annexe|niveau|phase|zone|acte|partie|volume|section|type|catégorie|classe|lot))"
    rf" ({ROMAN})(?!\w)"
)
_CENTURY = re.compile(rf"(?<!\w)({ROMAN})(e|ème|er|re)(?= (?:siècle|arrondissement|république|République|régiment))")


def roman_to_figures(text: str) -> str:
    """Returns `text` with the numerals that are surely such in figures: `XXIe siècle` becomes `21e siècle`."""
    text = _CENTURY.sub(lambda match: f"{roman_value(match[1])}{match[2]}", text)
    text = _PART.sub(lambda match: f"{match[1]} {roman_value(match[2])}", text)
    return _KING.sub(lambda match: f"{match[1]} {_of_king(roman_value(match[2]))}", text)


def calendar_words(text: str) -> str:
    """Returns `text` with `lun-ven` as `lundi à vendredi`, and `21 nov.` as `21 novembre`."""
    text = _MONTH.sub(lambda match: MONTHS[_MONTH_ABBREVIATIONS[match[1]]], text)
    return _DAY_RANGE.sub(lambda match: f"{_DAYS[match[1].lower()]} à {_DAYS[match[2].lower()]}", text)


def french_words(text: str) -> str:
    """Returns `text` with its abbreviations written out."""
    for pattern, words in _PHRASES:
        text = pattern.sub(words, text)
    text = _TITLE.sub(lambda match: _TITLES[match[1]], text)
    text = _SAINT.sub(lambda match: "Saint-" if match[1] == "St" else "Sainte-", text)
    text = _STOPPED.sub(lambda match: _WITH_STOP[match[1].lower()], text)
    return _FREE.sub(lambda match: _ANY_CASE[match[1].lower()], text)


def _of_king(number: int) -> str:
    return "premier" if number == 1 else str(number)
