"""The stack as child processes of one command: started, watched until healthy, stopped together."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from libs.common.embedded_redis import start_embedded_redis
from libs.common.errors import PreconditionFailed
from tools.connection import PORTS
from tools.health import is_serving

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
# A killed command must not leave servers behind. Said by the child itself: Python that runs between fork and exec
# crashes now and then once this process has opened a gRPC channel.
_DYING_WITH_ITS_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
os.execv(sys.executable, [sys.executable, "-m", sys.argv[1]])
"""


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


@dataclass(slots=True)
class Child:
    """One service's process."""

    name: str
    port: int
    log: Path
    process: asyncio.subprocess.Process
    health: str = "starting"
    healthy_after_seconds: float = 0.0

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self.process.returncode is None

    def resident_mib(self) -> float:
        """Returns the memory the process holds, in MiB; 0 once it is gone."""
        return resident_mib(self.process.pid)


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
        self.started = time.monotonic()

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
        await self._wait_for(child)

    async def _spawn(self, name: str) -> Child:
        module, settings = MODULES["router" if name.startswith("router-") else name]
        log = self.options.state / "logs" / f"{name}.log"
        with log.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _DYING_WITH_ITS_PARENT,
                module,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**self._environment(name), **settings},
                start_new_session=True,
            )
        return Child(name, self.port(name), log, process)

    def _names(self) -> list[str]:
        names = [name for name in MODULES if name in self.options.only]
        further = [f"router-{number}" for number in range(2, self.options.replicas + 1)]
        return names + further if "router" in names else names

    async def wait_until_healthy(self, timeout_seconds: float = 60.0) -> None:
        """Returns when every child serves; raises PreconditionFailed (SERVICE_FAILED) for the first that died."""
        async with asyncio.timeout(timeout_seconds) as limit:
            try:
                await asyncio.gather(*(self._wait_for(child) for child in self.children))
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
        await asyncio.gather(*(self._ask(child) for child in self.children))

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

    async def _wait_for(self, child: Child) -> None:
        ended = asyncio.ensure_future(child.process.wait())
        try:
            while child.health != "serving":
                ask = asyncio.ensure_future(is_serving("127.0.0.1", child.port))
                await asyncio.wait({ask, ended}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    ask.cancel()
                    child.health = "stopped"
                    raise PreconditionFailed("SERVICE_FAILED", _last_words(child))
                if ask.result():
                    child.health = "serving"
                    child.healthy_after_seconds = time.monotonic() - self.started
                else:
                    await asyncio.wait({ended}, timeout=0.1)
        finally:
            ended.cancel()

    async def _ask(self, child: Child) -> None:
        if not child.alive:
            child.health = "stopped"
            return
        child.health = "serving" if await is_serving("127.0.0.1", child.port) else "not serving"

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
            redis = await start_embedded_redis(options.state / "redis", port=None)
            exits.push_async_callback(redis.stop)
            redis_url, redis_pid = redis.url, redis.pid
        double = await exits.enter_async_context(_fake_llm()) if options.fake_llm else None
        stack = Stack(options, redis_url, redis_pid, fake_llm=double)
        exits.push_async_callback(stack.stop)
        await stack.start()
        await stack.wait_until_healthy()
        yield stack


def _fake_llm() -> "FakeLlm":
    # An HTTP server takes a quarter of a second to import, which no other command has to wait for.
    from tools.fake_llm.server import FakeLlm  # noqa: PLC0415  # see above
    from tools.fake_llm.wording import plausible  # noqa: PLC0415  # see above

    return FakeLlm(responder=plausible, word_seconds=_FAKE_WORD_SECONDS)


def resident_mib(pid: int) -> float:
    """Returns the resident memory of a process, in MiB; 0 where it is gone."""
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/status").open() as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


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


def _last_words(child: Child) -> str:
    lines = [line for line in child.log.read_text(errors="replace").splitlines() if line.strip()]
    said = lines[-1].strip() if lines else "it said nothing"
    return f"{child.name} stopped while starting (exit {child.process.returncode}): {said}. Its log is {child.log}."
