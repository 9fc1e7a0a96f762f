"""A problem of a bundle: its place and what was expected there; and two ways in which names go wrong everywhere."""

import difflib
from collections.abc import Iterable, Iterator

from libs.common.tenants.yaml_tree import Path

Problem = tuple[Path, str]


def twice(path: Path, values: Iterable[str], *, key: str = "") -> Iterator[Problem]:
    """Yields the place of every value that stands in a list already; `key` is where each item has it."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield (*path, index, key) if key else (*path, index), f"{value!r} is there twice"
        seen.add(value)


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Returns the sentence for a name that nothing has: with the nearest that something has, else with all of them."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"there is no {what} {name!r}; did you mean {close[0]!r}?"
    return (
        f"there is no {what} {name!r}; expected one of: {', '.join(names)}" if names else f"there is no {what} {name!r}"
    )
