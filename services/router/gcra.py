"""GCRA, the generic cell rate algorithm: one moment a caller says how many turns may come now, and when the next may.

A limit of n a minute lets n come at once, and then one each 60/n seconds; over t seconds at most n + n·t/60 pass. The
source is ITU-T I.371, annex A, in its virtual scheduling form. All times are whole microseconds, so that the script in
Redis, whose numbers are doubles, computes the very same.
"""

from dataclasses import dataclass

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """The turn passes; `arrival_us` is the theoretical arrival time to keep."""

    arrival_us: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The turn is too early by `wait_us`, above 0. Nothing is consumed."""

    wait_us: int


def interval_us(per_minute: int) -> int:
    """Returns the microseconds between turns at `per_minute` (1 or more), rounded up, so that never more pass."""
    return -(-MINUTE_US // per_minute)


def take(arrival_us: int, *, per_minute: int, now_us: int) -> Taken | Refused:
    """Decides on one turn at `now_us`; `arrival_us` is the last theoretical arrival time, 0 for a new caller."""
    interval = interval_us(per_minute)
    arrival = max(arrival_us, now_us) + interval
    wait = arrival - interval * per_minute - now_us
    return Refused(wait) if wait > 0 else Taken(arrival)
