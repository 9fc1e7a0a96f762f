"""The order in which facts are looked for, and the only door to them."""

from collections.abc import Callable, Iterator, Sequence

from libs.common.facts.amounts import find_money, find_numbers, find_percents, find_quantities
from libs.common.facts.calendar import find_dates, find_times
from libs.common.facts.fact import Fact, Found, Source
from libs.common.facts.identifiers import find_codes, find_emails, find_mixed_codes, find_urls
from libs.common.facts.phones import find_phones
from libs.common.facts.places import Places

MAX_TEXT_CHARACTERS = 64 * 1024

Finder = Callable[[Source, str], Iterator[Found]]

# The more specific first; what one found, the next do not see. Learned finders follow the addresses, places the codes.
_ADDRESSES: tuple[Finder, ...] = (find_emails, find_urls)
_NUMBERS = (
    find_phones,
    find_money,
    find_percents,
    find_dates,
    find_times,
    find_quantities,
    find_mixed_codes,
    find_numbers,
)


def extract_facts(
    text: str, *, country: str = "", places: Places | None = None, learned: Sequence[Finder] = ()
) -> tuple[Fact, ...]:
    """Returns the facts of `text` in its order, none overlapping; only the first 64 Ki characters are read.

    `country` (ISO 3166, such as `CI`) decides how phone numbers without a prefix, `F` and `12/11` are read. `learned`
    finders come before the generic ones. Takes time linear in the text, whatever it holds.
    """
    source = Source(text[:MAX_TEXT_CHARACTERS])
    facts: list[Fact] = []
    for finder in (*_ADDRESSES, *learned, find_codes):
        facts += source.take(finder(source, country))
    if places is not None:
        facts += source.take(_find_places(source, places))
    for finder in _NUMBERS:
        facts += source.take(finder(source, country))
    return tuple(sorted(facts, key=lambda fact: fact.start))


def _find_places(source: Source, places: Places) -> Iterator[Found]:
    for official, start, end in places.find_folded(source.left):
        yield Found("place", official, "", start, end)
