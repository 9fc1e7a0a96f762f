"""What an inspection of a store found: facts, warnings, and what keeps a migration from beginning."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an inspection.

    `fact` is for the record; `warning` is worth mending, and fails a strict run; `refusal` fails every run before it
    changes anything. `text` says what is wrong and what to do.
    """

    kind: Literal["fact", "warning", "refusal"]
    text: str


Inspection = Callable[[bool], Awaitable[Sequence[Finding]]]
"""Looks at a store. Called with True for a dry run, when it must change nothing."""
