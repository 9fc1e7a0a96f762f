"""What a process takes of its machine, and how late its event loop is."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from libs.common.measures import Measures
from libs.common.metrics import Histogram, Meter

# Whatever holds up the loop for longer is seen for certain.
LOOK_SECONDS = 0.1
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def measure_process(meter: Meter, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Measures memory, processor time and `loop`, which is the running one; returns what ends that."""
    began = time.monotonic()
    meter.gauge(Measures.UPTIME, lambda: [((), time.monotonic() - began)])
    meter.total(Measures.CPU, lambda: [((), time.process_time())])
    if _STATM.exists():
        meter.gauge(Measures.MEMORY, lambda: [((), _resident_bytes())])
    return LoopDelay(loop, meter.histogram(Measures.LOOP_DELAY)).stop


class LoopDelay:
    """Asks to be called at a time, and notes how much later it was: a call that computes holds up all others."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delays: Histogram) -> None:
        self._loop = loop
        self._delays = delays
        self._due = loop.time() + LOOK_SECONDS
        self._handle = loop.call_at(self._due, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._delays.observe(max(0.0, now - self._due))
        self._due = now + LOOK_SECONDS
        self._handle = self._loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """Looks no more."""
        self._handle.cancel()


def _resident_bytes() -> float:
    return float(_STATM.read_text().split()[1]) * _PAGE_BYTES
