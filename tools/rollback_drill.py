"""The rollback drill itself: hybrid for everybody, taken away in three ways, and how long each router went on."""

import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from libs.common.client import get_router
from libs.common.errors import PreconditionFailed
from repartee.v1 import rollout_pb2

FILE_SECONDS = 3.0
CALL_SECONDS = 1.0
_REASON = "rollback drill"
_PROBE_EVERY_SECONDS = 0.02

Probe = Callable[[], Awaitable[bool]]
"""Asks a router for one turn; returns whether hybrid got it."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One router: its name for people, `host:port`, its RolloutService stub, and what shows whom it serves."""

    name: str
    target: str
    rollout: Any
    probe: Probe


@dataclass(frozen=True, slots=True)
class Scene:
    """What the drill plays on; `tenant` is whom the calls switch, empty for all. Without a file, that way is left out.

    A way is given up after `give_up_seconds`; for `settled_seconds` every router must then stay on classic to be
    believed.
    """

    replicas: Sequence[Replica]
    tenant: str = ""
    switch_file: Path | None = None
    give_up_seconds: float = 15.0
    settled_seconds: float = 0.25


@dataclass(frozen=True, slots=True)
class Measured:
    """One way: seconds from the switch to the first reply after which no turn was hybrid's, by router."""

    way: str
    promise_seconds: float
    seconds: Mapping[str, float]
    turns: int = 0

    @property
    def slowest(self) -> float:
        """The router that took longest; infinite for one that never followed."""
        return max(self.seconds.values(), default=math.inf)

    @property
    def holds(self) -> bool:
        """Whether every router followed within the promise."""
        return self.slowest <= self.promise_seconds


@dataclass(slots=True)
class Watched:
    """What one router's replies say. `classic_since` is when the unbroken row of classic ones began."""

    classic_since: float | None = None
    is_hybrid: bool = False
    turns: int = 0

    def note(self, *, hybrid: bool, at: float) -> None:
        """Notes a reply that came at `at`."""
        self.turns += 1
        self.is_hybrid = hybrid
        if hybrid:
            self.classic_since = None
        elif self.classic_since is None:
            self.classic_since = at


@dataclass(slots=True)
class _Traffic:
    """Turns to every router, one after another, for as long as the drill lasts."""

    replicas: Sequence[Replica]
    watched: dict[str, Watched] = field(default_factory=dict[str, Watched])
    replied: asyncio.Event = field(default_factory=asyncio.Event)

    async def flow(self, replica: Replica) -> None:
        watched = self.watched.setdefault(replica.name, Watched())
        while True:
            try:
                watched.note(hybrid=await replica.probe(), at=time.monotonic())
                self.replied.set()
            except grpc.aio.AioRpcError:
                # A router that does not answer gives nobody hybrid, and shows nothing either.
                await asyncio.sleep(_PROBE_EVERY_SECONDS)
            await asyncio.sleep(_PROBE_EVERY_SECONDS)

    async def until(self, done: Callable[[Watched], bool], *, seconds: float) -> bool:
        """Returns True once every router's replies are `done`, False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not all(done(self.watched[each.name]) for each in self.replicas):
                    self.replied.clear()
                    await self.replied.wait()
        except TimeoutError:
            return False
        return True

    @property
    def turns(self) -> int:
        """Replies so far."""
        return sum(each.turns for each in self.watched.values())


async def play(scene: Scene) -> list[Measured]:
    """Returns what each way took. Leaves the scene on classic.

    Raises PreconditionFailed (DRILL_UNPREPARED) when hybrid cannot be given to everybody first, as when an operator's
    call overrules the file.
    """
    async with _traffic(scene.replicas) as traffic:
        measured: list[Measured] = []
        first = scene.replicas[0]
        if (file := scene.switch_file) is not None:
            # The file comes first: whatever an operator called since stands above it.
            write_switch(file, hybrid=True)
            await _everybody_on_hybrid(scene, traffic, "the file")
            measured.append(await _time(scene, traffic, "file", FILE_SECONDS, _by_file(file)))
        for way, switch in (("RPC", _by_rpc(first, scene.tenant)), ("Python", _by_python(first, scene.tenant))):
            await first.rollout.EnableHybrid(
                rollout_pb2.EnableHybridRequest(tenant_id=scene.tenant, reason=_REASON, acknowledge=True)
            )
            await _everybody_on_hybrid(scene, traffic, "EnableHybrid")
            measured.append(await _time(scene, traffic, way, CALL_SECONDS, switch))
        return measured


def write_switch(file: Path, *, hybrid: bool) -> None:
    """Puts the switch into `file` in one step, as an editor or a ConfigMap would."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"USE_HYBRID_BOTLIVE={'true' if hybrid else 'false'}\n", encoding="utf-8")
    os.replace(fresh, file)


async def _time(
    scene: Scene, traffic: _Traffic, way: str, promise: float, switch: Callable[[], Awaitable[None]]
) -> Measured:
    before, began = traffic.turns, time.monotonic()
    await switch()
    await traffic.until(lambda each: each.classic_since is not None, seconds=scene.give_up_seconds)
    await asyncio.sleep(scene.settled_seconds)
    seconds = {
        each.name: math.inf if (since := traffic.watched[each.name].classic_since) is None else max(0.0, since - began)
        for each in traffic.replicas
    }
    return Measured(way, promise, seconds, traffic.turns - before)


async def _everybody_on_hybrid(scene: Scene, traffic: _Traffic, how: str) -> None:
    if not await traffic.until(lambda each: each.is_hybrid, seconds=scene.give_up_seconds):
        raise PreconditionFailed(
            "DRILL_UNPREPARED",
            f"Not every router gives hybrid after {how} said so; see repartee ops status for what overrules it.",
        )


def _by_file(file: Path) -> Callable[[], Awaitable[None]]:
    async def switch() -> None:
        write_switch(file, hybrid=False)

    return switch


def _by_rpc(replica: Replica, tenant: str) -> Callable[[], Awaitable[None]]:
    async def switch() -> None:
        request = rollout_pb2.DisableHybridRequest(tenant_id=tenant, reason=_REASON, emergency=True)
        await replica.rollout.DisableHybrid(request)

    return switch


def _by_python(replica: Replica, tenant: str) -> Callable[[], Awaitable[None]]:
    def blocking() -> None:
        with get_router(replica.target, tenant=tenant) as router:
            router.disable_hybrid(reason=_REASON, emergency=True)

    async def switch() -> None:
        await asyncio.to_thread(blocking)

    return switch


@asynccontextmanager
async def _traffic(replicas: Sequence[Replica]) -> AsyncGenerator[_Traffic]:
    traffic = _Traffic(replicas)
    flows = [asyncio.create_task(traffic.flow(each), name=f"traffic-{each.name}") for each in replicas]
    try:
        # Each flow makes its record when it first runs.
        await asyncio.sleep(0)
        yield traffic
    finally:
        for flow in flows:
            flow.cancel()
        await asyncio.gather(*flows, return_exceptions=True)
