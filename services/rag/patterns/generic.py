"""The patterns that every tenant has beneath its own, as people are shown them; `libs.common.facts` reads with them."""

from libs.common.facts.amounts import AMOUNT, CURRENCY, UNIT_WORDS
from services.rag.patterns.pattern import LearnedPattern, Shown

_SHOWN = (
    ("prix", rf"\b({AMOUNT}) ?(?:de |d')?({CURRENCY})|({CURRENCY}) ?({AMOUNT})", "25.000 FCFA"),
    ("quantite", rf"\b({AMOUNT}) ?({UNIT_WORDS})\b", "6 paquets"),
    ("telephone", r"(?:\+|\b00)?\d(?:[\d ().\-/]*\d)?\b", "+225 07 07 01 02 03"),
    ("email", r"\b[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", "ventes@example.com"),
    ("url", r"\b(?:https?://|www\.)[^\s<>\"]+", "https://example.com/tarifs"),
    ("date", r"\b(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})\b", "12/11/2026"),
    ("horaires", r"\b(\d{1,2})(?: ?h(?:eures?)? ?|:)([0-5]\d)\b|\b(\d{1,2}) ?h\b", "18h30"),
    ("pourcentage", r"\b(\d{1,9}(?:[.,]\d{1,4})?) ?(?:%|pour ?cents?\b|per ?cent\b)", "20 %"),
    ("reference", r"#[a-z0-9][a-z0-9_-]*|\b[a-z][a-z0-9]{0,15}(?:[-_][a-z0-9]{1,20}){1,4}\b", "CMD-1234"),
)

GENERIC: tuple[LearnedPattern, ...] = tuple(
    LearnedPattern(field, expression, "active", 0, 0.0, examples=(Shown(example),))
    for field, expression, example in _SHOWN
)
"""One pattern a field. What a number is a phone of is decided by the numbering plans, not by this expression alone."""
