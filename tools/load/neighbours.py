"""Whether one company's rush is felt by another: its latency beside a neighbour far above its limit, and without."""

import asyncio
import statistics
from dataclasses import dataclass

from tools.load.calls import LoadedCall
from tools.load.driver import Driver
from tools.load.outcome import Outcome
from tools.load.own_driver import OwnDriver
from tools.load.pace import Pace
from tools.load.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Rounds that took turns: the quiet company alone, and beside the loud one."""

    alone: list[Outcome]
    beside: list[Outcome]
    loud: list[Outcome]

    def ratio(self, share: float) -> float:
        """Returns the median over the rounds of the latency beside the neighbour over that alone."""
        pairs = zip(self.alone, self.beside, strict=True)
        return statistics.median(beside.percentile(share) / alone.percentile(share) for alone, beside in pairs)

    @property
    def failed(self) -> int:
        """Calls of the quiet company that failed."""
        return sum(each.failed for each in (*self.alone, *self.beside))

    @property
    def refused_share(self) -> float:
        """The share of the loud company's calls that was refused."""
        calls = sum(each.calls for each in self.loud)
        return sum(each.failed for each in self.loud) / calls if calls else 0.0


async def measure_neighbours(
    call: LoadedCall,
    *,
    quiet: Target,
    loud: Target,
    driver: Driver,
    loud_per_second: float,
    quiet_per_second: float = 25.0,
    rounds: int = 3,
    seconds: float = 4.0,
) -> Neighbours:
    """Sends `call` as the quiet company by our own driver, and as the loud one by `driver`, in turns of `seconds`."""
    gentle = Pace(seconds=seconds, per_second=quiet_per_second, connections=2)
    # The loud one begins earlier and ends later, so that every call of the quiet one meets it.
    rush = Pace(seconds=seconds + 1.0, per_second=loud_per_second, connections=4)
    found = Neighbours(alone=[], beside=[], loud=[])
    own = OwnDriver()
    for _ in range(rounds):
        found.alone.append(await own.send(call, quiet, gentle))
        noise = asyncio.create_task(driver.send(call, loud, rush))
        try:
            await asyncio.sleep(0.5)
            found.beside.append(await own.send(call, quiet, gentle))
        finally:
            found.loud.append(await noise)
    return found
