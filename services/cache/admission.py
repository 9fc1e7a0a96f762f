"""What may be kept, for how long, and which questions lean on what was said before. Pure."""

import re

from libs.common.facts import Fact
from services.cache import lexicon
from services.cache.reading import Reading

STALE_EPOCH, PERSONAL, CONTEXT_BOUND, TOO_LARGE = "STALE_EPOCH", "PERSONAL", "CONTEXT_BOUND", "TOO_LARGE"
NOT_WORDED, LOW_CONFIDENCE, TRUNCATED = "NOT_WORDED", "LOW_CONFIDENCE", "TRUNCATED"
ERROR_TEXT, ASKED_ONCE = "ERROR_TEXT", "ASKED_ONCE"

MAX_ENTRY_BYTES = 8192
# An answer about today must not be given tomorrow.
MOMENT_TTL_SECONDS = 3600.0
# How long it is believed that no document answers a question.
NOTHING_FOUND_TTL_SECONDS = 60.0
# Within this time a question has to come a second time, where a tenant asks for that.
SECOND_ASK_SECONDS = 86_400.0
# Under this an answer may come from the wrong agent.
MIN_CONFIDENCE = 0.7
_KEPT_WORDINGS = frozenset(("", "model", "extract"))
# What providers and proxies say in place of an answer, with status 200.
_ERROR_TEXT = re.compile(
    r"(?is)^\s*(?:<!doctype|<html|\{\s*\"(?:error|detail|message)\"|error\b|internal server error|bad gateway"
    r"|service unavailable|too many requests|rate limit)"
    r"|\bas an ai\b|\ben tant qu['’ ]ia\b|i(?:['’]m| am) sorry,? but i (?:can|am)"
    r"|je suis désolée?,? mais je ne peux pas"
    r"|(?:an|une) (?:error occurred|erreur (?:est survenue|s['’]est produite))|try again later|réessayez plus tard"
)
_PERSONAL_IN_QUESTION = frozenset(("phone", "email", "reference"))
# As long as a phone number, an account or a card; known without the tenant's country.
_LONG_NUMBER = re.compile(r"\d(?:[ .\u00a0\u202f-]?\d){7,}")
_SELF_INTRODUCTION = re.compile(
    r"(?i)\b(je m['’ ]?appelle|mon nom est|c['’]est (?:monsieur|madame)|my name is|i am called)\b"
)


def is_elliptical(reading: Reading) -> bool:
    """Says whether the question cannot stand alone: `oui`, `le même`, `et pour 12 ?`, `c'est combien ?`."""
    words = reading.words
    if not words or all(word in lexicon.ASSENTS for word in words):
        return True
    asks_where = words[0] == "ou" and lexicon.WHERE in reading.classes
    if words[0] in lexicon.CONTINUATIONS and not asks_where:
        return True
    if lexicon.ANAPHORA & set(words) and len(reading.content) + len(reading.places) + len(reading.numbers) < 2:
        return True
    return reading.signal_count < 2


def refusal_of_answer(text: str, *, wording: str, confidence: float, is_truncated: bool) -> str:
    """Returns why an answer is not worth keeping whatever the question, or ''.

    `wording` and `confidence` are not looked at when they are empty, or 0.
    """
    if wording not in _KEPT_WORDINGS:
        return NOT_WORDED
    if is_truncated:
        return TRUNCATED
    if 0 < confidence < MIN_CONFIDENCE:
        return LOW_CONFIDENCE
    return ERROR_TEXT if _ERROR_TEXT.search(text) else ""


def refusal_to_keep(question: str, answer: str, *, reading: Reading, answer_facts: tuple[Fact, ...]) -> str:
    """Returns why an answer must not be kept, or '' when it may.

    A phone number in the answer is the tenant's own; a phone number, an address or an order in the question, or an
    order in the answer, belongs to one customer.
    """
    if len(question.encode()) + len(answer.encode()) > MAX_ENTRY_BYTES:
        return TOO_LARGE
    if not answer.strip() or is_elliptical(reading):
        return CONTEXT_BOUND
    kinds = {kind for kind, _, _ in reading.other_facts} | {number[0] for number in reading.numbers}
    if kinds & _PERSONAL_IN_QUESTION or _LONG_NUMBER.search(question) or _SELF_INTRODUCTION.search(question):
        return PERSONAL
    if any(fact.kind == "reference" for fact in answer_facts):
        return PERSONAL
    return ""


def ttl_seconds(reading: Reading, *, asked_for: float, default: float) -> float:
    """Returns how long an answer is good for: never over the tenant's default, an hour when it speaks of the moment."""
    ttl = min(asked_for, default) if asked_for > 0 else default
    return min(ttl, MOMENT_TTL_SECONDS) if lexicon.MOMENT_WORDS & set(reading.words) else ttl
