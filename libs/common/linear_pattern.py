"""Regular expressions that take linear time whatever the text: RE2, with types."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2

_REFUSED = cast("type[Exception]", re2.error)  # pyright: ignore[reportUnknownMemberType]  # re2 has no types


class Match(Protocol):
    """Where a pattern was found. A group that took no part is None, which the types leave out as `re`'s stubs do."""

    def group(self, group: int | str = 0, /) -> str:
        """Returns the text of a group."""
        ...

    def start(self, group: int | str = 0, /) -> int:
        """Returns the index of a group's first character."""
        ...

    def end(self, group: int | str = 0, /) -> int:
        """Returns the index after a group's last character."""
        ...

    def span(self, group: int | str = 0, /) -> tuple[int, int]:
        """Returns start and end of a group; -1 and -1 when it took no part."""
        ...


class Pattern(Protocol):
    """A compiled expression; the part of `re.Pattern` that is used here.

    Each call copies the whole text, so a loop must go over `finditer` or slices, never over positions.
    """

    def search(self, text: str, /) -> Match | None:
        """Returns the first match."""
        ...

    def match(self, text: str, /) -> Match | None:
        """Returns the match at the beginning of the text."""
        ...

    def fullmatch(self, text: str, /) -> Match | None:
        """Returns the match that is the whole text."""
        ...

    def finditer(self, text: str, /) -> Iterator[Match]:
        """Yields matches that do not overlap, in order."""
        ...

    def sub(self, repl: str | Callable[[Match], str], text: str, /) -> str:
        """Returns `text` with every match replaced."""
        ...


@lru_cache(maxsize=512)
def linear_pattern(source: str, *, max_mem_bytes: int = 8 << 20) -> Pattern:
    """Returns `source`, in RE2's syntax, compiled. Raises ValueError for an expression that RE2 refuses."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_mem_bytes
    try:
        return cast("Pattern", re2.compile(source, options))  # pyright: ignore[reportUnknownMemberType]  # untyped
    except _REFUSED as error:
        raise ValueError(f"not an expression that RE2 accepts: {source!r}") from error
