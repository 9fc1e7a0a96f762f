"""How time is cut: buckets that counters are kept in, and the windows that operators ask for."""

from dataclasses import dataclass
from enum import Enum

from libs.common.errors import FieldViolation, InvalidRequest


class Grain(Enum):
    """How long a bucket is; the value is its name in keys."""

    MINUTE = "m"
    HOUR = "h"
    # From one step of the rollout to the next, however long.
    STEP = "s"


# A step is kept this long after its last turn.
_TTL_SECONDS = {Grain.MINUTE: 2 * 3600, Grain.HOUR: 8 * 86_400, Grain.STEP: 90 * 86_400}
_SECONDS = {Grain.MINUTE: 60, Grain.HOUR: 3600}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A piece of time; `start` is in seconds since 1970."""

    grain: Grain
    start: int

    @property
    def ttl_seconds(self) -> int:
        """How long the bucket is kept after its last change."""
        return _TTL_SECONDS[self.grain]


def buckets_of(at: float, step_at: float) -> tuple[Bucket, Bucket, Bucket]:
    """Returns the minute, the hour and the step that a turn at `at` counts in."""
    return (
        Bucket(Grain.MINUTE, int(at // 60) * 60),
        Bucket(Grain.HOUR, int(at // 3600) * 3600),
        Bucket(Grain.STEP, int(step_at)),
    )


def trailing(grain: Grain, number: int, now: float) -> tuple[Bucket, ...]:
    """Returns the last `number` minutes or hours, oldest first; the newest is the one that `now` is in."""
    length = _SECONDS[grain]
    newest = int(now // length) * length
    return tuple(Bucket(grain, newest - length * back) for back in range(number - 1, -1, -1))


class Window(Enum):
    """A stretch of time to look at; exact to a minute for `1h`, to an hour for `24h` and `7d`."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    STEP = "step"

    def buckets(self, now: float, step_at: float) -> tuple[Bucket, ...]:
        """Returns the buckets that make the window up, oldest first."""
        if self is Window.HOUR:
            return trailing(Grain.MINUTE, 60, now)
        if self is Window.DAY:
            return trailing(Grain.HOUR, 24, now)
        if self is Window.WEEK:
            return trailing(Grain.HOUR, 7 * 24, now)
        return (Bucket(Grain.STEP, int(step_at)),)


def parse_window(text: str) -> Window:
    """Returns the window of that name, 24 hours for an empty one; raises InvalidRequest (INVALID_FIELD)."""
    try:
        return Window(text or Window.DAY.value)
    except ValueError:
        raise InvalidRequest(
            "INVALID_FIELD",
            "There is no such window; ask for 1h, 24h, 7d or step.",
            violations=[FieldViolation("window", "expected 1h, 24h, 7d or step")],
        ) from None
