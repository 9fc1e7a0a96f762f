"""One migration: a numbered step that walks through records and brings each to the form that this version writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Piece:
    """What one piece of a walk found or changed.

    `after` is where the next piece begins, empty at the end of the walk. `walked` counts records looked at, for a
    progress bar; `changes` counts by kind what was changed, or would be.
    """

    after: str = ""
    walked: int = 0
    changes: Mapping[str, int] = field(default_factory=dict[str, int])


class Migration(Protocol):
    """A step. What it leaves must be readable by the version before, because that one runs beside it.

    Each record is changed by one atomic step of its store, and only from the old form: a step that is repeated, or
    that a second runner takes at the same time, changes nothing twice.
    """

    @property
    def number(self) -> int:
        """Its place in the order, from 1; a store whose stamp has at least this version has it behind it."""
        ...

    @property
    def name(self) -> str:
        """A word or two, in kebab-case."""
        ...

    @property
    def does(self) -> str:
        """One sentence for people."""
        ...

    async def size(self) -> int:
        """Returns about how many records there are to walk through, 0 when nobody knows."""
        ...

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """Brings the records behind `after` up, a second's worth at most; counts them only when `is_dry`.

        Raises Unavailable when the store does not answer; then the same piece may be asked for again.
        """
        ...
