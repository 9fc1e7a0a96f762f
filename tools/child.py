"""One service as a child process: started, watched until it serves, its last words told when it does not."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from libs.common.errors import PreconditionFailed
from tools.health import is_serving

# A killed command must not leave servers behind. Said by the child itself: Python that runs between fork and exec
# crashes now and then once this process has opened a gRPC channel.
_DYING_WITH_ITS_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
os.execv(sys.executable, [sys.executable, "-m", sys.argv[1]])
"""


@dataclass(slots=True)
class Child:
    """One service's process. `started` is a time of `time.monotonic`."""

    name: str
    port: int
    log: Path
    process: asyncio.subprocess.Process
    host: str = "127.0.0.1"
    health: str = "starting"
    started: float = field(default_factory=time.monotonic)
    healthy_after_seconds: float = 0.0

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self.process.returncode is None

    def resident_mib(self) -> float:
        """Returns the memory the process holds, in MiB; 0 once it is gone."""
        return resident_mib(self.process.pid)

    async def wait_until_serving(self) -> None:
        """Returns when it serves; raises PreconditionFailed (SERVICE_FAILED) with its last words when it ends."""
        ended = asyncio.ensure_future(self.process.wait())
        try:
            while self.health != "serving":
                ask = asyncio.ensure_future(is_serving(self.host, self.port))
                await asyncio.wait({ask, ended}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    ask.cancel()
                    self.health = "stopped"
                    raise PreconditionFailed("SERVICE_FAILED", self._last_words())
                if ask.result():
                    self.health = "serving"
                    self.healthy_after_seconds = time.monotonic() - self.started
                else:
                    await asyncio.wait({ended}, timeout=0.1)
        finally:
            ended.cancel()

    async def ask(self) -> None:
        """Asks it once how it is."""
        if not self.alive:
            self.health = "stopped"
            return
        self.health = "serving" if await is_serving(self.host, self.port) else "not serving"

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        said = lines[-1].strip() if lines else "it said nothing"
        return f"{self.name} stopped while starting (exit {self.process.returncode}): {said}. Its log is {self.log}."


async def spawn(
    name: str, module: str, *, port: int, log: Path, environment: Mapping[str, str], host: str = "127.0.0.1"
) -> Child:
    """Starts `python -m MODULE`, which ends with this process at the latest; what it prints is added to `log`."""
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _DYING_WITH_ITS_PARENT,
            module,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=environment,
            start_new_session=True,
        )
    return Child(name, port, log, process, host)


def resident_mib(pid: int) -> float:
    """Returns the resident memory of a process, in MiB; 0 where it is gone."""
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/status").open() as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
