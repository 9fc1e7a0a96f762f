"""More calls than a stack can serve: what it still answers in time, against what it answers at its best."""

from dataclasses import dataclass

from tools.load.calls import LoadedCall
from tools.load.driver import Driver
from tools.load.outcome import Outcome
from tools.load.pace import Pace
from tools.load.target import Target

# Enough callers to keep a process busy, few enough that none waits long.
_CALLERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """A closed loop at capacity, and an open one at `factor` times that many calls a second."""

    call: LoadedCall
    driver: str
    factor: float
    capacity: Outcome
    overloaded: Outcome

    @property
    def goodput_ratio(self) -> float:
        """Successful calls a second under overload over those at capacity; 1 is perfect."""
        return self.overloaded.goodput / self.capacity.goodput


async def measure_overload(
    call: LoadedCall,
    target: Target,
    driver: Driver,
    *,
    factor: float = 2.0,
    seconds: float = 5.0,
    timeout_seconds: float = 2.0,
    connections: int = 16,
) -> Overload:
    """Finds the capacity for `call`, then sends `factor` times that; a reply after `timeout_seconds` is none."""
    closed = Pace(seconds=seconds, concurrency=_CALLERS, connections=connections, timeout_seconds=timeout_seconds)
    capacity = await driver.send(call, target, closed)
    pace = Pace(
        seconds=seconds,
        per_second=max(1.0, factor * capacity.goodput),
        connections=connections,
        concurrency=connections,
        timeout_seconds=timeout_seconds,
    )
    overloaded = await driver.send(call, target, pace)
    return Overload(call=call, driver=driver.name, factor=factor, capacity=capacity, overloaded=overloaded)
