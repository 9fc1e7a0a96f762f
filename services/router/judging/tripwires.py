"""Signs so plain that no statistics are needed: hybrid is taken back at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.router.judging.histogram import quantile

CONSECUTIVE_FAILURES = 5
RECENT_TURNS = 20
RECENT_FAILURES = RECENT_TURNS // 2
SLOWDOWN = 3.0
SLOW_MINUTES = 2
# The 95th percentile of fewer turns is their slowest one.
MIN_TURNS_PER_MINUTE = 20
MIN_OLD_TURNS = 100
TRIPWIRES = ("consecutive_failures", "recent_failures", "slowness")


@dataclass(frozen=True, slots=True)
class Tripped:
    """Which sign was seen, and by how much: `value` has reached `limit`."""

    name: str
    value: float
    limit: float


def failures_in_a_row(recent: str) -> Tripped | None:
    """Looks at hybrid's last turns, oldest first, `1` for each that failed: five at the end, or half of twenty."""
    at_the_end = len(recent) - len(recent.rstrip("1"))
    if at_the_end >= CONSECUTIVE_FAILURES:
        return Tripped("consecutive_failures", at_the_end, CONSECUTIVE_FAILURES)
    failures = recent[-RECENT_TURNS:].count("1")
    if len(recent) >= RECENT_TURNS and failures >= RECENT_FAILURES:
        return Tripped("recent_failures", failures, RECENT_FAILURES)
    return None


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations of one minute's turns, as buckets of the histogram."""

    old: Mapping[int, int]
    hybrid: Mapping[int, int]


def slowness(minutes: Sequence[Durations], old_day: Mapping[int, int]) -> Tripped | None:
    """Looks whether hybrid's p95 was over three times classic's in each of two whole minutes.

    Classic's is that of the trailing day (100 turns at least), or of the same minute where that is higher: what slows
    both systems is not hybrid's doing. A minute with under 20 turns of hybrid says nothing.
    """
    if len(minutes) < SLOW_MINUTES or sum(old_day.values()) < MIN_OLD_TURNS:
        return None
    ratios: list[float] = []
    for minute in minutes[-SLOW_MINUTES:]:
        if sum(minute.hybrid.values()) < MIN_TURNS_PER_MINUTE:
            return None
        old = quantile(old_day, 0.95)
        if sum(minute.old.values()) >= MIN_TURNS_PER_MINUTE:
            old = max(old, quantile(minute.old, 0.95))
        ratios.append(quantile(minute.hybrid, 0.95) / old)
    return Tripped("slowness", min(ratios), SLOWDOWN) if min(ratios) > SLOWDOWN else None
