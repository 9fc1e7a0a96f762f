"""What a load came to: how long calls took, and how they ended."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OK = "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The calls of one load. Latencies, of those that succeeded, are in seconds and sorted.

    `endings` counts calls by gRPC status, and by the service's own reason where the driver reads it. `seconds` is the
    time in which they were sent and answered. `late_seconds` is how late, at its worst hundredth, the driver itself
    sent a call; infinite where it does not say.
    """

    latencies: Sequence[float]
    endings: Mapping[str, int]
    seconds: float
    late_seconds: float = math.inf

    @property
    def calls(self) -> int:
        """All calls that were sent."""
        return sum(self.endings.values())

    @property
    def failed(self) -> int:
        """Calls that ended otherwise than OK."""
        return self.calls - self.endings.get(OK, 0)

    @property
    def goodput(self) -> float:
        """Successful calls a second."""
        return self.endings.get(OK, 0) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Returns the latency that `share` of the successful calls stay within, by nearest rank; nan without any."""
        return percentile(self.latencies, share)


@dataclass(slots=True)
class Tally:
    """An outcome in the making."""

    latencies: list[float] = field(default_factory=list[float])
    endings: Counter[str] = field(default_factory=Counter[str])
    lateness: list[float] = field(default_factory=list[float])

    def note(self, ending: str, seconds: float) -> None:
        """Notes one call that ended."""
        self.endings[ending] += 1
        if ending == OK:
            self.latencies.append(seconds)

    def outcome(self, seconds: float) -> Outcome:
        """Returns what was noted in `seconds`."""
        return Outcome(
            latencies=sorted(self.latencies),
            endings=dict(self.endings),
            seconds=seconds,
            late_seconds=percentile(sorted(self.lateness), 0.99) if self.lateness else math.inf,
        )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Returns the value at `share`, 0 to 1, of sorted values, by nearest rank; nan without any."""
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]
