"""A measured value and the goal it is held against."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and the goal it is held against."""

    name: str
    value: float
    unit: str
    goal: tuple[str, float]

    def __post_init__(self) -> None:
        """Raises ValueError for a name or unit with a blank: lines are read by programs, word by word."""
        if len(self.name.split()) != 1 or len(self.unit.split()) != 1:
            raise ValueError(f"name and unit of a figure are one word each, not {self.name!r} and {self.unit!r}")

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
