"""Several replicas of each service, each on an address of its own with the port of its service, as pods have them.

They are found by name (`benchmarks.rolling_names`), and rolled as Kubernetes does: a new replica serves before an old
one leaves.
"""

import asyncio
import itertools
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rolling_names import Names
from tools.child import Child, spawn
from tools.connection import PORTS
from tools.stack import MODULES

STATE_OF_RAG = "qdrant"
# As long as Kubernetes would take to notice a process that died and take its address away.
_NOTICED_SECONDS = 0.5


@dataclass(slots=True)
class Replica:
    """One process, and when it was what; times in seconds since 1970, 0 for what has not happened."""

    service: str
    child: Child
    spans: Path
    started_at: float
    ready_at: float = 0.0
    leaving_at: float = 0.0
    gone_at: float = 0.0
    killed: bool = False

    @property
    def name(self) -> str:
        """The service's name and a number that no other replica of the fleet has."""
        return self.child.name


class Fleet:
    """All replicas that ever ran, the oldest first. `environment` holds for all of them, `own` for one service's.

    `knowledge` is the folder of an index that every replica of rag begins with.
    """

    def __init__(
        self,
        folder: Path,
        names: Names,
        *,
        port_base: int,
        environment: Mapping[str, str],
        own: Mapping[str, Mapping[str, str]] | None = None,
        knowledge: Path | None = None,
    ) -> None:
        self._folder, self._names, self._port_base = folder, names, port_base
        self._environment, self._own, self._knowledge = environment, own or {}, knowledge
        self._numbers = itertools.count(2)
        self.replicas: list[Replica] = []

    def target(self, service: str) -> str:
        """Returns how a channel reaches all replicas of a service that are ready."""
        return self._names.target(_name_of(service), self._port_base + PORTS[service])

    def serving(self, service: str) -> list[Replica]:
        """Returns the replicas of a service that have an address in its name."""
        return [each for each in self.replicas if each.service == service and each.ready_at and not each.leaving_at]

    async def add(self, service: str) -> Replica:
        """Starts a replica, waits until it serves, and gives its address to the service's name."""
        number = next(self._numbers)
        name, host = f"{service}-{number}", f"127.0.0.{number}"
        state = self._folder / name
        state.mkdir()
        if service == "rag" and self._knowledge is not None:
            # A replica would find the same on a Qdrant server; the embedded engine is one process a folder.
            shutil.copytree(self._knowledge, state / STATE_OF_RAG)
        module, settings = MODULES[service]
        port, spans = self._port_base + PORTS[service], state / "spans.jsonl"
        environment = {
            **os.environ,
            **settings,
            "REPARTEE_HOST": host,
            "REPARTEE_PORT": str(port),
            "REPARTEE_STATE_DIR": str(state),
            "REPARTEE_TRACES": f"file:{spans}",
            "REPARTEE_ROUTER_TARGET": self.target("router"),
            "REPARTEE_HYBRID_TARGET": self.target("hybrid-engine"),
            "REPARTEE_CLASSIC_TARGET": self.target("classic-engine"),
            "REPARTEE_CACHE_TARGET": self.target("cache"),
            "REPARTEE_RAG_TARGET": self.target("rag"),
            **self._environment,
            **self._own.get(service, {}),
        }
        started_at = time.time()
        child = await spawn(name, module, port=port, log=state / "log", environment=environment, host=host)
        replica = Replica(service, child, spans, started_at)
        self.replicas.append(replica)
        await child.wait_until_serving()
        replica.ready_at = time.time()
        self._publish(service)
        return replica

    async def retire(self, replica: Replica) -> None:
        """Takes a replica's address away, tells it to leave, and returns when it has left."""
        replica.leaving_at = time.time()
        self._publish(replica.service)
        replica.child.process.terminate()
        await replica.child.process.wait()
        replica.gone_at = time.time()

    async def roll(self, service: str, told: Callable[[str], None]) -> None:
        """Replaces every replica of a service, one after the other, each by one that serves before it leaves."""
        for old in self.serving(service):
            new = await self.add(service)
            await self.retire(old)
            told(
                f"  {new.name} serves after {new.ready_at - new.started_at:.1f} s, "
                f"{old.name} left in {old.gone_at - old.leaving_at:.1f} s"
            )

    async def kill(self, replica: Replica) -> None:
        """Kills a replica with -9; its address stays in the name for a moment, as with a pod that died."""
        replica.child.process.send_signal(signal.SIGKILL)
        await replica.child.process.wait()
        replica.killed, replica.gone_at = True, time.time()
        await asyncio.sleep(_NOTICED_SECONDS)
        replica.leaving_at = replica.gone_at
        self._publish(replica.service)

    async def stop(self) -> None:
        """Ends every process, callers of others first."""
        running = [each for each in self.replicas if each.child.alive]
        for each in sorted(running, key=lambda each: list(MODULES).index(each.service), reverse=True):
            each.child.process.terminate()
        await asyncio.gather(*(each.child.process.wait() for each in running))

    def _publish(self, service: str) -> None:
        self._names.addresses[_name_of(service)] = [each.child.host for each in self.serving(service)]


def _name_of(service: str) -> str:
    return f"{service}.repartee.test"
