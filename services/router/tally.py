"""Counts of this process's turns for each system, each charged to the system it was assigned to."""

from dataclasses import dataclass, field

from services.router.turn import Rung, Variant


@dataclass(slots=True)
class SystemCounts:
    """One system's turns. `rescued` are its failures that the other system answered."""

    count: int = 0
    errors: int = 0
    rescued: int = 0
    templates: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts by assignment: a rescue never touches the counts of the rescuer, whose figures are the baseline.

    Turns that the cache answered were served by neither system, and are counted apart.
    """

    systems: dict[Variant, SystemCounts] = field(
        default_factory=lambda: {variant: SystemCounts() for variant in Variant}
    )
    cache_hits: int = 0

    def record(self, assigned: Variant, rung: Rung, seconds: float) -> None:
        """Counts a turn that an engine, or the emergency text, answered after `seconds`."""
        counts = self.systems[assigned]
        counts.count += 1
        counts.seconds += seconds
        counts.templates += rung is Rung.TEMPLATE
        counts.rescued += rung is Rung.OTHER_ENGINE
        counts.errors += rung in (Rung.OTHER_ENGINE, Rung.EMERGENCY)

    def record_failure(self, assigned: Variant, seconds: float) -> None:
        """Counts a turn that ended in an error for the caller."""
        self.record(assigned, Rung.EMERGENCY, seconds)
