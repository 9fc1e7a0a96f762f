"""Each RPC at a gentle pace, against the floor of its service in the same run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tools.load.calls import CALLS, FLOORS, LoadedCall
from tools.load.driver import Driver
from tools.load.outcome import OK, Outcome
from tools.load.own_driver import OwnDriver
from tools.load.pace import Pace
from tools.load.target import Target

WARM_UP = Pace(seconds=20, calls=25, concurrency=1, connections=1, timeout_seconds=10)
"""Before each row, one call after another: what is filled by the first call is not what is measured."""

ONCE = Pace(seconds=20, calls=1, concurrency=1, connections=1, timeout_seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An RPC's outcome, and that of the health check of the same service that was sent just before its service's rows.

    `driver` sent both.
    """

    call: LoadedCall
    driver: str
    outcome: Outcome
    floor: Outcome

    @property
    def times_floor(self) -> float:
        """The call's median over the floor's."""
        return self.outcome.percentile(0.5) / self.floor.percentile(0.5)

    @property
    def tail_times_floor(self) -> float:
        """The call's 99th percentile over the floor's median: a tail of the floor would be noise under noise."""
        return self.outcome.percentile(0.99) / self.floor.percentile(0.5)

    @property
    def holds(self) -> bool:
        """Whether no call failed and the median stayed within its limit."""
        return self.outcome.failed == 0 and self.times_floor <= self.call.most_times_floor


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """An RPC that was not loaded, and why, in words."""

    call: LoadedCall
    reason: str


async def measure_rpcs(
    target: Target,
    driver: Driver,
    pace: Pace,
    *,
    only: Sequence[str] = (),
    before: Callable[[LoadedCall], object] = id,
) -> tuple[list[Measured], list[NotLoaded]]:
    """Loads every RPC that the target serves, or those named in `only`, one after another; `before` is told which.

    A call that `driver` cannot send is sent by our own one, with a floor of its own.
    """
    measured: list[Measured] = []
    left: list[NotLoaded] = []
    own = OwnDriver()
    for service, rows in groupby(chosen(only), key=lambda call: call.service):
        floors: dict[str, Outcome] = {}
        for call in rows:
            before(call)
            if not target.serves(call):
                left.append(NotLoaded(call, f"no address or no credential for the {service}"))
                continue
            sender = own if driver.cannot(call, target) else driver
            if call.after is not None:
                await own.send(call.after, target, ONCE)
            trial = await own.send(call, target, WARM_UP)
            if trial.failed:
                left.append(
                    NotLoaded(call, f"it is refused: {', '.join(each for each in trial.endings if each != OK)}")
                )
                continue
            if sender.name not in floors:
                await own.send(FLOORS[service], target, WARM_UP)
                floors[sender.name] = await sender.send(FLOORS[service], target, pace)
            outcome = await sender.send(call, target, pace)
            measured.append(Measured(call=call, driver=sender.name, outcome=outcome, floor=floors[sender.name]))
    return measured, left


def chosen(only: Sequence[str]) -> list[LoadedCall]:
    """Returns the rows of the table whose method is named, such as `Chat`; all without names."""
    return [call for call in CALLS if not only or call.method.partition("/")[2] in only]
