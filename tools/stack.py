"""The stack as child processes of one command: started, watched until healthy, stopped together."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from libs.common.embedded_redis import start_embedded_redis
from libs.common.errors import PreconditionFailed
from tools.child import Child, spawn
from tools.connection import PORTS

if TYPE_CHECKING:
    from tools.fake_llm.server import FakeLlm

MODULES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "cache": ("services.cache", {}),
    "rag": ("services.rag", {}),
    "hybrid-engine": ("services.hybrid_engine", {"REPARTEE_ENGINE": "hybrid"}),
    "classic-engine": ("services.hybrid_engine", {"REPARTEE_ENGINE": "classic"}),
    "router": ("services.router", {}),
    "voice": ("services.voice", {}),
}
"""What runs, in the order it is started: `python -m MODULE` with these settings."""

_STOP_SECONDS = 10.0
# As fast as a small hosted model writes.
_FAKE_WORD_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to start and where."""

    state: Path
    port_base: int
    only: Sequence[str] = tuple(MODULES)
    redis_url: str = ""
    traces: bool = True
    hybrid: bool = True
    # Routers, at least 1: the first on the base port, the others after all services.
    replicas: int = 1
    # Words come from a double of a language model, on loopback and in this process.
    fake_llm: bool = False
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


class Stack:
    """The running children; made by `running_stack`."""

    def __init__(
        self, options: StackOptions, redis_url: str, redis_pid: int | None, *, fake_llm: "FakeLlm | None" = None
    ) -> None:
        self.options = options
        self.fake_llm = fake_llm
        self.redis_url = redis_url
        self.redis_pid = redis_pid
        self.children: list[Child] = []

    def port(self, service: str) -> int:
        """Returns the port of a service by its short name; further routers are `router-2`, `router-3`…"""
        number = service.removeprefix("router-")
        offset = len(PORTS) + int(number) - 2 if number.isdigit() else PORTS[service]
        return self.options.port_base + offset

    async def start(self) -> None:
        """Starts the children; raises PreconditionFailed (PORT_TAKEN) before the first one."""
        names = self._names()
        for name in names:
            _refuse_taken_port(name, self.port(name))
        logs = self.options.state / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        if self.options.traces:
            (self.options.state / "traces").mkdir(exist_ok=True)
        for name in names:
            (logs / f"{name}.log").unlink(missing_ok=True)
            self.children.append(await self._spawn(name))

    async def kill(self, name: str) -> None:
        """Kills a child with -9, and returns when it is gone."""
        child = next(child for child in self.children if child.name == name)
        if child.alive:
            child.process.send_signal(signal.SIGKILL)
            await child.process.wait()

    async def restart(self, name: str) -> None:
        """Kills a child with -9 if it runs, starts it anew, and returns when it serves; its log goes on.

        Raises PreconditionFailed (SERVICE_FAILED) when it does not start.
        """
        await self.kill(name)
        child = await self._spawn(name)
        self.children = [child if each.name == name else each for each in self.children]
        await child.wait_until_serving()

    async def _spawn(self, name: str) -> Child:
        module, settings = MODULES["router" if name.startswith("router-") else name]
        log = self.options.state / "logs" / f"{name}.log"
        environment = {**self._environment(name), **settings}
        return await spawn(name, module, port=self.port(name), log=log, environment=environment)

    def _names(self) -> list[str]:
        names = [name for name in MODULES if name in self.options.only]
        further = [f"router-{number}" for number in range(2, self.options.replicas + 1)]
        return names + further if "router" in names else names

    async def wait_until_healthy(self, timeout_seconds: float = 60.0) -> None:
        """Returns when every child serves; raises PreconditionFailed (SERVICE_FAILED) for the first that died."""
        async with asyncio.timeout(timeout_seconds) as limit:
            try:
                await asyncio.gather(*(child.wait_until_serving() for child in self.children))
            except TimeoutError:
                if not limit.expired():
                    raise
        if waiting := [child.name for child in self.children if child.health != "serving"]:
            raise PreconditionFailed(
                "SERVICE_SLOW",
                f"{', '.join(waiting)} did not become healthy in {timeout_seconds:.0f} s; "
                f"see {self.children[0].log.parent}.",
            )

    async def watch(self) -> None:
        """Asks every child once how it is."""
        await asyncio.gather(*(child.ask() for child in self.children))

    async def stop(self) -> None:
        """Stops the children, clients of others first; what does not stop in 10 s is killed."""
        for child in reversed(self.children):
            if child.alive:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(*(child.process.wait() for child in self.children))
        except TimeoutError:
            for child in self.children:
                if child.alive:
                    child.process.send_signal(signal.SIGKILL)
                    await child.process.wait()

    def _environment(self, name: str) -> dict[str, str]:
        state = self.options.state
        # What a router keeps on disk is its own.
        own_state = state / name if name.startswith("router-") else state
        settings = {
            "REPARTEE_PORT": str(self.port(name)),
            "REPARTEE_STATE_DIR": str(own_state),
            "REPARTEE_REDIS_URL": self.redis_url,
            "REPARTEE_CACHE_TARGET": f"127.0.0.1:{self.port('cache')}",
            "REPARTEE_RAG_TARGET": f"127.0.0.1:{self.port('rag')}",
            "REPARTEE_HYBRID_TARGET": f"127.0.0.1:{self.port('hybrid-engine')}",
            "REPARTEE_CLASSIC_TARGET": f"127.0.0.1:{self.port('classic-engine')}",
            "REPARTEE_ROUTER_TARGET": f"127.0.0.1:{self.port('router')}",
            "REPARTEE_DRAIN_SECONDS": "0",
            # Two BLAS threads on a small machine only wait for each other.
            "OPENBLAS_NUM_THREADS": "1",
        }
        if self.fake_llm is not None:
            settings |= {
                "REPARTEE_LLM_BASE_URL": self.fake_llm.base_url,
                "REPARTEE_LLM_MODEL": self.fake_llm.models[0],
                "REPARTEE_LLM_CONTINUOUS_USAGE": "true",
            }
        # Without a model the classic engine can say nothing; whoever sets the switch is obeyed.
        defaults = {"USE_HYBRID_BOTLIVE": "true" if self.options.hybrid else "false"}
        if self.options.traces:
            defaults["REPARTEE_TRACES"] = f"file:{state / 'traces' / f'{name}.jsonl'}"
        return defaults | dict(os.environ) | settings | dict(self.options.environment)


@contextlib.asynccontextmanager
async def running_stack(options: StackOptions) -> AsyncGenerator[Stack]:
    """Runs the stack within the block: Valkey, unless a Redis URL is given, and the services, all healthy.

    Raises PreconditionFailed: STATE_UNUSABLE, STATE_IN_USE, STATE_CORRUPT, PORT_TAKEN, SERVICE_FAILED, SERVICE_SLOW.
    """
    try:
        options.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PreconditionFailed(
            "STATE_UNUSABLE",
            f"The state folder {options.state} cannot be made ({error.strerror}); name another with --state.",
        ) from error
    async with contextlib.AsyncExitStack() as exits:
        redis_url, redis_pid = options.redis_url, None
        if not redis_url:
            is_new = not (options.state / "redis").exists()
            redis = await start_embedded_redis(options.state / "redis", port=None)
            exits.push_async_callback(redis.stop)
            redis_url, redis_pid = redis.url, redis.pid
            if not is_new:
                await _bring_up(redis.url)
        double = await exits.enter_async_context(_fake_llm()) if options.fake_llm else None
        stack = Stack(options, redis_url, redis_pid, fake_llm=double)
        exits.push_async_callback(stack.stop)
        await stack.start()
        await stack.wait_until_healthy()
        yield stack


async def _bring_up(redis_url: str) -> None:
    """Migrates what an earlier release left in the folder; a new folder gets its stamps from the services."""
    # The services' code takes a third of a second to import, which no other command has to wait for.
    from libs.common.migrations.command import runner_name  # noqa: PLC0415  # see above
    from libs.common.migrations.runner import Wish  # noqa: PLC0415  # see above
    from tools.migrating import IN_REDIS, Places, run_all  # noqa: PLC0415  # see above

    # Passages are brought up by the rag service when it opens them.
    await run_all(Places(redis_url), Wish(runner_name()), only=IN_REDIS)


def _fake_llm() -> "FakeLlm":
    # An HTTP server takes a quarter of a second to import, which no other command has to wait for.
    from tools.fake_llm.server import FakeLlm  # noqa: PLC0415  # see above
    from tools.fake_llm.wording import plausible  # noqa: PLC0415  # see above

    return FakeLlm(responder=plausible, word_seconds=_FAKE_WORD_SECONDS)


def free_port_base() -> int:
    """Returns a base under which the ports of all services are free right now.

    Below the range that systems give to outgoing connections, and elsewhere for each process, so that stacks which
    start at the same time do not race for the same ports.
    """
    for step in range(200):
        base = 20_051 + (os.getpid() + step) % 200 * 50
        try:
            for name, offset in PORTS.items():
                _refuse_taken_port(name, base + offset)
        except PreconditionFailed:
            continue
        return base
    raise PreconditionFailed("PORT_TAKEN", "No free ports from 20051 to 30051; stop another stack first.")


def _refuse_taken_port(name: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise PreconditionFailed(
                "PORT_TAKEN",
                f"Port {port}, for {name}, is taken; stop what listens there or choose another --port-base.",
            ) from error
