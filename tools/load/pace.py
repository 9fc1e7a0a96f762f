"""How calls are sent: at a pace of their own, or one after another."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from libs.common.errors import FieldViolation, InvalidRequest

MAX_SECONDS = 600.0
MAX_PER_SECOND = 20_000.0
MAX_CALLS = 1_000_000
MAX_CONCURRENCY = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """At most `calls` calls within `seconds`.

    With `per_second` the loop is open: calls arrive at that pace, as customers do, whether earlier ones are answered or
    not. With 0 it is closed: each of `concurrency` callers waits for its reply before it calls again, which finds what
    a stack can do at most, but hides how long calls would have waited. Each call may take `timeout_seconds`; they are
    spread over `connections`, because one connection reaches one replica.
    """

    seconds: float
    calls: int = MAX_CALLS
    per_second: float = 0.0
    concurrency: int = 8
    connections: int = 4
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Raises InvalidRequest (LOAD_UNBOUNDED) for a load without an end, or beyond what one machine can send."""
        bounds = {
            "seconds": (self.seconds, 0.1, MAX_SECONDS),
            "calls": (self.calls, 1, MAX_CALLS),
            "per_second": (self.per_second, 0, MAX_PER_SECOND),
            "concurrency": (self.concurrency, 1, MAX_CONCURRENCY),
            "connections": (self.connections, 1, self.concurrency if self.is_closed else MAX_CONCURRENCY),
            "timeout_seconds": (self.timeout_seconds, 0.01, MAX_SECONDS),
        }
        wrong = [
            FieldViolation(name, f"expected {low:g} to {high:g}, not {value:g}")
            for name, (value, low, high) in bounds.items()
            if not (math.isfinite(value) and low <= value <= high)
        ]
        if wrong:
            raise InvalidRequest("LOAD_UNBOUNDED", "A load test needs sensible bounds.", violations=wrong)

    @property
    def is_closed(self) -> bool:
        """Whether callers wait for their replies."""
        return self.per_second == 0

    @property
    def total(self) -> int:
        """Calls that will be sent at most."""
        if self.is_closed:
            return self.calls
        return max(1, min(self.calls, round(self.per_second * self.seconds)))

    def arrivals(self) -> Iterator[float]:
        """Yields when each call of an open loop is due, in seconds from the start."""
        for number in range(self.total):
            yield number / self.per_second
