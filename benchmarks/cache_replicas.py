"""How soon another replica serves what one kept, and forgets what one forgot; and what a fault of Redis costs a lookup.

`python -m benchmarks.cache_replicas`
"""

import asyncio
import contextlib
import logging
import os
import signal
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.cache_stand import KEPT, REWORDED, KnownVectors, Replica, Stand, owner_of, running_stand, unseen
from benchmarks.figure import Figure
from libs.common.redis_store import RedisStore
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.lookup import EXACT, SEMANTIC, STORE_UNAVAILABLE
from services.cache.offers import Offer

CHANGES = 150
FAULTY_LOOKUPS = 20
AGREE_MS, FAULT_MS = 100.0, 150.0


async def figures() -> list[Figure]:
    """Prints the tables; returns the worst of each."""
    # A warning for each fault would hide the tables.
    logging.getLogger("services.cache").setLevel(logging.ERROR)
    async with running_stand() as stand:
        agreed = await _agreement(stand)
        faults = await _faults(stand)
    print("\nanother replica agrees after, in ms" + " " * 9 + "p50      max")
    for name, took in agreed.items():
        print(f"  {name:38} {statistics.median(took) * 1e3:6.2f} {max(took) * 1e3:8.2f}")
    print("\na lookup during a fault is a miss after, in ms  p50      max")
    for name, took in faults.items():
        print(f"  {name:38} {statistics.median(took) * 1e3:10.2f} {max(took) * 1e3:8.2f}")
    return [
        Figure("cache_replicas_agree_worst", max(map(max, agreed.values())) * 1e3, "ms", ("<=", AGREE_MS)),
        Figure("cache_redis_fault_is_a_miss_worst", max(map(max, faults.values())) * 1e3, "ms", ("<=", FAULT_MS)),
    ]


async def _agreement(stand: Stand) -> dict[str, list[float]]:
    """Changes on one replica, asks the other until it agrees; the other had its index loaded before."""
    took: dict[str, list[float]] = {"kept, stored words": [], "kept, other words": [], "forgotten": []}
    async with _replica(stand.server.url, timeout_seconds=5.0) as other:
        owner = owner_of("agreeing")
        await stand.keep("agreeing", KEPT[1])
        await other.look_up("agreeing", REWORDED[1])
        for number in range(CHANGES):
            offer = Offer(KEPT[0], f"Elle coûte 1.500 FCFA, version {number}.", locale="fr")
            kept = await stand.replica.keeping.keep(owner, offer)
            if not kept.entry_id:
                raise RuntimeError(f"the answer was not kept: {kept.refused_reason}")
            kind, text, outcome = (
                ("kept, stored words", KEPT[0], EXACT) if number % 2 else ("kept, other words", REWORDED[0], SEMANTIC)
            )
            took[kind].append(await _until(lambda text=text: other.look_up("agreeing", text), outcome, offer.text))
            await stand.replica.keeping.forget(owner, document_id="", question=KEPT[0], everything=False)
            took["forgotten"].append(await _until(lambda text=text: other.look_up("agreeing", text), "", ""))
    return took


async def _until(ask: Callable[[], Awaitable[object]], outcome: str, text: str) -> float:
    begun = time.perf_counter()
    while True:
        found = await ask()
        hit = found.hit  # type: ignore[attr-defined]
        if (hit is None and not outcome) or (hit is not None and (hit.type, hit.entry.text) == (outcome, text)):
            return time.perf_counter() - begun


async def _faults(stand: Stand) -> dict[str, list[float]]:
    """Asks through replicas with the service's own time-outs, each new, so that none rests from an earlier fault."""
    await stand.keep("faulty", KEPT[0])
    took: dict[str, list[float]] = {}
    async with _silent_port() as port:
        took["a port that accepts and says nothing"] = await _misses([f"redis://127.0.0.1:{port}"] * FAULTY_LOOKUPS)
    took["a port that refuses"] = await _misses([f"redis://127.0.0.1:{port}"] * FAULTY_LOOKUPS)
    frozen: list[float] = []
    for _ in range(FAULTY_LOOKUPS):
        async with _replica(stand.server.url) as replica:
            await replica.look_up("faulty", KEPT[0])
            os.kill(stand.server.pid, signal.SIGSTOP)
            try:
                frozen.append(await _miss(replica))
            finally:
                os.kill(stand.server.pid, signal.SIGCONT)
    took["a server that stops while connected"] = frozen
    took["a server that stops halfway, cold"] = await _halfway(stand, is_cold=True)
    took["a server that stops halfway"] = await _halfway(stand, is_cold=False)
    return took


class _StopsTheServer(KnownVectors):
    """An embedder during whose work the server stops, so that the second half of a lookup meets the fault."""

    pid = 0

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See Embedder."""
        if self.pid:
            os.kill(self.pid, signal.SIGSTOP)
        return await super().embed(texts)


async def _halfway(stand: Stand, *, is_cold: bool) -> list[float]:
    took: list[float] = []
    for number in range(FAULTY_LOOKUPS):
        embedder = _StopsTheServer()
        async with _replica(stand.server.url, embedder=embedder) as replica:
            await replica.look_up("faulty" if not is_cold else "another", unseen(REWORDED[0], 2 * number))
            embedder.pid = stand.server.pid
            try:
                took.append(await _miss(replica, unseen(REWORDED[0], 2 * number + 1)))
            finally:
                os.kill(stand.server.pid, signal.SIGCONT)
    return took


async def _misses(urls: Sequence[str]) -> list[float]:
    took: list[float] = []
    for url in urls:
        async with _replica(url) as replica:
            took.append(await _miss(replica))
    return took


async def _miss(replica: Replica, text: str = KEPT[0]) -> float:
    begun = time.perf_counter()
    found = await replica.look_up("faulty", text)
    took = time.perf_counter() - begun
    if found.outcome != STORE_UNAVAILABLE:
        raise RuntimeError(f"a lookup without a store was {found.outcome}")
    return took


@contextlib.asynccontextmanager
async def _replica(
    url: str, *, timeout_seconds: float = 0.06, embedder: KnownVectors | None = None
) -> AsyncGenerator[Replica]:
    redis = RedisStore.connect(url, db=5, timeout_seconds=timeout_seconds)
    patient = RedisStore.connect(url, db=5, timeout_seconds=max(0.5, timeout_seconds))
    try:
        yield Replica.on(RedisAnswers(redis, patient=patient), embedder=embedder)
    finally:
        await redis.aclose()
        await patient.aclose()


@contextlib.asynccontextmanager
async def _silent_port() -> AsyncGenerator[int]:
    """Listens, accepts, reads and never answers."""
    opened: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while await reader.read(4096):
            pass

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in opened:
            writer.close()
        await server.wait_closed()


async def main() -> None:
    """Prints every figure."""
    for figure in await figures():
        print(figure)


if __name__ == "__main__":
    asyncio.run(main())
