"""Delivery zones in a message: which one is meant, and which are near to one that nobody knows."""

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from libs.common.facts import Places
from libs.common.text_fold import fold, tokens
from services.hybrid_engine.flow.lexicon import FUNCTION_WORDS, NOT_THERE, NOT_THERE_PHRASES, ends_with, word_set

# A spelling this near to a known zone is that zone; the recap shows it before anything is ordered.
_SAME_SPELLING = 0.85
# When not even the nearest name is this like, suggestions would only surprise.
_SIMILAR_SPELLING = 0.5
# Letters that are written for one another.
_SAME_SOUND = str.maketrans("yk", "ic")
# Characters before a place in which it may be negated.
_LOOK_BACK = 40
_LEAVES = re.compile(r"(?i)\b(?:de |d['’])$")
_NAMED = (["commune"], ["quartier"], ["zone"], ["cote"], ["pres"], ["marche"], ["centre"])
_LEAD_WORDS = FUNCTION_WORDS | word_set("zone quartier commune livraison livrer livrez habite adresse vers cote plutot")


def read_zone(text: str, places: Places) -> str:
    """Returns the official name of the zone that `text` asks for, or an empty string.

    «Yopougon pas Cocody» is Yopougon, «de Cocody à Yopougon» too: a place that is negated, or left, does not count, and
    of the others the last one does.
    """
    found = [
        official for official, start, _ in places.find(text) if not _set_aside(text[max(0, start - _LOOK_BACK) : start])
    ]
    return found[-1] if found else ""


def _set_aside(before: str) -> bool:
    said = tokens(before)
    if not said:
        return False
    if said[-1] in NOT_THERE or (said[-1] in FUNCTION_WORDS and said[-2:-1] and said[-2] in NOT_THERE):
        return True
    if any(ends_with(said, phrase) for phrase in NOT_THERE_PHRASES):
        return True
    # «de Cocody à …» leaves Cocody; «la commune de Cocody» names it.
    named = said[-2:-1] if said[-1] == "de" else said[-1:]
    return bool(_LEAVES.search(before)) and named not in _NAMED


def with_official_names(text: str, places: Places) -> str:
    """Returns `text` with every zone by its official name, as documents call it."""
    parts: list[str] = []
    end = 0
    for official, start, stop in places.find(text):
        parts += [text[end:start], official]
        end = stop
    return "".join(parts) + text[end:]


def guess_zone(text: str, zones: Mapping[str, Sequence[str]]) -> str:
    """Returns the zone that `text`, a bare place name, misspells by little; else an empty string."""
    candidate = place_words(text)
    if not candidate:
        return ""
    ranked = _ranked(candidate, zones, floor=_SAME_SPELLING)
    return ranked[0][1] if ranked and ranked[0][0] >= _SAME_SPELLING else ""


def nearest_zones(text: str, zones: Mapping[str, Sequence[str]], *, count: int = 3) -> tuple[str, ...]:
    """Returns the `count` zones whose names look most like what `text` names, best first; none if not even one does."""
    candidate = place_words(text) or fold(text)
    ranked = _ranked(candidate, zones)
    if not ranked or ranked[0][0] < _SIMILAR_SPELLING:
        return ()
    return tuple(name for _, name in ranked[:count])


def place_words(text: str) -> str:
    """Returns `text` folded, without the words that only lead to a place's name."""
    return " ".join(token for token in tokens(text) if token not in _LEAD_WORDS and not token.isdigit())


def _ranked(candidate: str, zones: Mapping[str, Sequence[str]], *, floor: float = 0.0) -> list[tuple[float, str]]:
    """Returns zones by likeness, best first; below `floor` it may be given as 0, which is much sooner known."""
    # Kept for all spellings, because it is the second of two texts that a matcher prepares itself for.
    matcher = difflib.SequenceMatcher(b=candidate, autojunk=False)
    scores = [
        (max(_likeness(matcher, candidate, _folded(spelling), floor) for spelling in (name, *aliases)), name)
        for name, aliases in zones.items()
    ]
    return sorted(scores, key=lambda scored: (-scored[0], scored[1]))


@lru_cache(maxsize=4096)
def _folded(spelling: str) -> str:
    return fold(spelling)


def _likeness(matcher: difflib.SequenceMatcher[str], candidate: str, spelling: str, floor: float) -> float:
    if candidate.translate(_SAME_SOUND) == spelling.translate(_SAME_SOUND):
        return 1.0
    matcher.set_seq1(spelling)
    # Neither is ever below the ratio itself.
    if matcher.real_quick_ratio() < floor or (floor and matcher.quick_ratio() < floor):
        return 0.0
    return matcher.ratio()
