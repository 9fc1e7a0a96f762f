"""Who sends the calls: the port that every driver is, and which one is taken."""

import shutil
from collections.abc import Sequence
from typing import Protocol

from libs.common.errors import InvalidRequest, PreconditionFailed
from tools.load.calls import LoadedCall
from tools.load.outcome import Outcome
from tools.load.pace import Pace
from tools.load.target import Target


class Driver(Protocol):
    """Sends calls and tells how they ended."""

    name: str

    async def version(self) -> str:
        """Returns the program and its version, for whoever reads the results."""
        ...

    def cannot(self, call: LoadedCall, target: Target) -> str:
        """Returns why this driver cannot send that call, or nothing when it can."""
        ...

    async def send(self, call: LoadedCall, target: Target, pace: Pace) -> Outcome:
        """Sends the call at that pace. Raises PreconditionFailed (DRIVER_FAILED) when the driver itself breaks."""
        ...


def choose(name: str, drivers: Sequence[Driver]) -> Driver:
    """Returns the driver of that name; with `auto` the first whose program is installed.

    Raises InvalidRequest (DRIVER_UNKNOWN), PreconditionFailed (DRIVER_MISSING).
    """
    by_name = {each.name: each for each in drivers}
    if name == "auto":
        return next(each for each in drivers if is_installed(each.name))
    if name not in by_name:
        raise InvalidRequest("DRIVER_UNKNOWN", f"There is no driver {name!r}; take auto, {', '.join(by_name)}.")
    if not is_installed(name):
        raise PreconditionFailed(
            "DRIVER_MISSING",
            f"{name} is not installed; run `make tools` for ghz, install nghttp2-client for h2load, or take `own`.",
        )
    return by_name[name]


def is_installed(name: str) -> bool:
    """Says whether a driver's program is found; `own` needs none."""
    return name == "own" or shutil.which(name) is not None
