"""Prints the figures that a suite promises, measured now, and fails if one falls short."""

import asyncio
import importlib
import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}
SUITES = ("skeleton",)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and the goal it is held against."""

    name: str
    value: float
    unit: str
    goal: tuple[str, float]

    @property
    def met(self) -> bool:
        """True when the value satisfies the goal."""
        return _OPERATORS[self.goal[0]](self.value, self.goal[1])

    def __str__(self) -> str:
        """`figure NAME VALUE UNIT goal OP NUMBER met|short`."""
        sign, number = self.goal
        return (
            f"figure {self.name} {self.value:.3f} {self.unit} goal {sign} {number:g} {'met' if self.met else 'short'}"
        )


def main() -> int:
    """Measures the suite named on the command line."""
    suite = sys.argv[1] if len(sys.argv) > 1 else "skeleton"
    if suite not in SUITES:
        print(f"proof: no suite is called {suite!r}; there are {', '.join(SUITES)}.", file=sys.stderr)
        return 2
    figures: list[Figure] = asyncio.run(importlib.import_module(f"benchmarks.{suite}").measure())
    for figure in figures:
        print(figure)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
