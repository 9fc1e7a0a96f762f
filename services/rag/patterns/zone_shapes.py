"""Learns the names of zones: capitalised words after `livraison à`, in lists and rows of fees, and known cities."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from libs.common.facts import Places
from libs.common.linear_pattern import linear_pattern
from libs.common.text_fold import fold
from services.rag.patterns.lexicon import DELIVERY, GAZETTEER, HEADS_OF_PLACES, NOT_PLACES
from services.rag.patterns.study import Study

_NAME = linear_pattern(
    r"\p{Lu}[\pL'’]+(?:(?:-| |-(?:de|du|la|le|les|sur|en|d')-| (?:de|du|la|sur|of) )\p{Lu}[\pL'’]+){0,3}"
)
_BEFORE_NAME = linear_pattern(
    r"(?:^|[:,;/(|•*=>–-]|\b(?:a|au|aux|sur|vers|pour|de|dans|to|in|for|within|around|near|at|from|et|and|ou|or|la|le"
    r"|the))[ *]*$"
)
_PREPOSITION = linear_pattern(r"\b(?:a|au|aux|sur|vers|dans|to|in|near|at|around|de|from)[ *]*$")
_FEE = linear_pattern(
    r"^[ *|]*(?:\([^)\n]{0,30}\))?[ *:|=>→.…-]{1,8}(?:[\pL ]{0,12} )?(?:\d|\$|gratuit|free|offert|inclus)"
)
_BARE_FEE = linear_pattern(r"^([ :|=-]{1,5})\d{3,6}[ |]{0,3}(?:\n|$)")
_ROW_START = linear_pattern(r"^[ \t>*•|+-]{0,6}$")
_GOES_ON = linear_pattern(r"^ \pL{3,}")
_OTHER_HEAD = linear_pattern(r"(\pL{3,}) (?:de|d'|of) ?$")
_CITIES = Places({city: () for cities in GAZETTEER.values() for city in cities})
_POSTAL = linear_pattern(r"\b\d{5} $")
_STATE = linear_pattern(r"^, ?[a-z]{2} \d{5}\b")
_MAX_HEADING = 60
_MIN_LETTERS = 3


@dataclass(slots=True)
class Zone:
    """A name, how it is written, and the documents that use it as a place and as something else."""

    spellings: Counter[str] = field(default_factory=Counter[str])
    # Documents that present it as a place; the others only use it.
    named: set[int] = field(default_factory=set[int])
    places: Counter[int] = field(default_factory=Counter[int])
    others: Counter[int] = field(default_factory=Counter[int])


def find_zones(studies: Sequence[Study]) -> Iterator[tuple[str, Zone]]:
    """Yields names of places, folded, with their evidence over all of `studies`."""
    names: set[str] = set()
    for study in studies:
        if not study.is_held_out:
            names |= {name for name, _ in _named(study)}
    if not names:
        return
    zones: dict[str, Zone] = defaultdict(Zone)
    everywhere = Places(dict.fromkeys(sorted(names), ()))
    for study in studies:
        for name, _ in _named(study):
            if name in names:
                zones[name].named.add(study.place)
        for name, start, end in everywhere.find_folded(study.text):
            zones[name].spellings[" ".join(study.written_at(start, end).split())] += 1
            if _is_other(study, start, end):
                zones[name].others[study.place] += 1
            else:
                zones[name].places[study.place] += 1
    yield from sorted(zones.items())


def _named(study: Study) -> Iterator[tuple[str, int]]:
    """Yields names that a document presents as places, folded, with where they begin."""
    heading_delivers, at = False, 0
    for line in study.written.split("\n"):
        folded = fold(line)
        delivery = DELIVERY.search(folded)
        is_heading = _is_heading(line, delivers=delivery is not None)
        if is_heading:
            heading_delivers = delivery is not None
        for match in _NAME.finditer(line):
            name = _without_noise(match.group())
            if not name:
                continue
            left, right = fold(line[: match.start()]), fold(line[match.end() :])
            if _GOES_ON.match(right) and not _FEE.match(right) and not _PREPOSITION.search(left):
                continue
            in_row = _ROW_START.match(left) is not None and _FEE.match(right) is not None
            is_led = _BEFORE_NAME.search(left) is not None or DELIVERY.search(left[-16:].strip()) is not None
            told = delivery is not None and delivery.end() <= match.start() and is_led
            known = _POSTAL.search(left) is not None or _STATE.match(right) is not None
            known = known or (bool(_CITIES.find(name)) and _PREPOSITION.search(left) is not None)
            if told or known or (heading_delivers and not is_heading and (in_row or is_led)):
                yield fold(name), at + match.start()
        at += len(line) + 1


def _is_heading(line: str, *, delivers: bool) -> bool:
    if len(line) > _MAX_HEADING or not line.strip():
        return False
    is_marked = line.lstrip().startswith("#") or line.rstrip(" *").endswith(":")
    return is_marked or (delivers and not any(character.isdigit() for character in line) and "," not in line)


def _without_noise(name: str) -> str:
    """Returns the name without words that are no place at its ends; empty when nothing is left."""
    words = name.split(" ")
    while words and fold(words[0]).strip("'’") in NOT_PLACES:
        words = words[1:]
    while words and fold(words[-1]).strip("'’") in NOT_PLACES:
        words = words[:-1]
    left = " ".join(words)
    return left if len(left) >= _MIN_LETTERS and fold(left) not in NOT_PLACES else ""


def _is_other(study: Study, start: int, end: int) -> bool:
    """Returns whether a name stands for something else there: `savon de Marseille`, `New York cheesecake`."""
    left, right = study.before(start), study.after(end)
    head = _OTHER_HEAD.search(left)
    if head and not DELIVERY.search(head.group(1)) and head.group(1) not in HEADS_OF_PLACES:
        return True
    if study.written_at(start, end).islower() and not _PREPOSITION.search(left):
        return True
    is_product = _ROW_START.match(left) is not None and _GOES_ON.match(right) is not None
    return is_product and DELIVERY.search(study.text) is None


def has_bare_fees(studies: Sequence[Study], zones: Sequence[str]) -> bool:
    """Returns whether rows such as `Cocody : 1500`, without a currency, stand in two documents or more."""
    if not zones:
        return False
    places = Places(dict.fromkeys(zones, ()))
    documents = {
        study.place
        for study in studies
        for _, _, end in places.find_folded(study.text)
        if _BARE_FEE.match(study.text[end : end + 16])
    }
    return len(documents) > 1
