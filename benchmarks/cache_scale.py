"""What more tenants cost: hits at 10, 1,000 and 10,000 tenants taking turns, bytes an entry, and a tenant's cold load.

`python -m benchmarks.cache_scale`
"""

import asyncio
import itertools
import random
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from benchmarks.cache_stand import (
    INDEX_BYTES,
    KEPT,
    REWORDED,
    TEXT,
    KnownVectors,
    Stand,
    entry_of,
    owner_of,
    running_stand,
    tenants_of,
    unseen,
)
from benchmarks.figure import Figure
from benchmarks.side_by_side import paired_ratio, side_by_side
from services.cache.counters import Counters
from services.cache.index_following import IndexFollower
from services.cache.lookup import EXACT, SEMANTIC
from services.cache.tenant_index import TenantIndexes

SIZES = (10, 1_000, 10_000)
ANSWERS_EACH = 5
ROUNDS, CALLS_EACH = 30, 150
# As many as one tenant may keep by default.
FULL_TENANT = 2_000
COLD_LOADS = 15


async def figures() -> list[Figure]:
    """Prints the tables; returns the figures."""
    async with AsyncExitStack() as stack:
        stands = {size: await stack.enter_async_context(running_stand()) for size in SIZES}
        redis_bytes = 0.0
        for size, stand in stands.items():
            before = await stand.used_bytes()
            await stand.fill(tenants_of(size), answers_each=ANSWERS_EACH)
            redis_bytes = (await stand.used_bytes() - before) / (size * ANSWERS_EACH)
        found = await _hits(stands)
        found += await _cold_loads(stands[SIZES[0]])
    index_bytes, estimate = await asyncio.to_thread(_index_bytes)
    print(
        f"bytes an entry: Redis {redis_bytes:.0f} (answer of {len(TEXT.encode())} bytes, {KnownVectors.dimensions} "
        f"floats), index {index_bytes:.0f} measured, {estimate:.0f} accounted; "
        f"{INDEX_BYTES >> 20} MiB of index hold {INDEX_BYTES / estimate:.0f} entries"
    )
    return [
        *found,
        Figure("cache_redis_bytes_per_entry", redis_bytes, "B", ("<=", 3_000)),
        Figure("cache_index_bytes_per_entry", index_bytes, "B", ("<=", 3_000)),
        Figure("cache_index_bytes_accounted_over_measured", estimate / index_bytes, "ratio", (">=", 1.0)),
    ]


async def _hits(stands: dict[int, Stand]) -> list[Figure]:
    calls: dict[str, Callable[[], Awaitable[object]]] = {}
    for size, stand in stands.items():
        await _warm(stand, size)
        calls |= _kinds(stand, size)
    async with AsyncExitStack() as stack:
        for stand in stands.values():
            # Counts are written behind lookups, as they are in the service.
            await stack.enter_async_context(stand.replica.counters)
        medians = await side_by_side(calls, rounds=ROUNDS, calls_each=CALLS_EACH)
    print("\nhit, p50 in µs, tenants picked at random\n" + "".join(f"{size:>12,}" for size in SIZES) + "  tenants")
    found: list[Figure] = []
    for kind in ("exact", "remembered", "verified"):
        row = [statistics.median(medians[f"{kind} {size}"]) * 1e6 for size in SIZES]
        ratios = {size: paired_ratio(medians, f"{kind} {size}", f"{kind} {SIZES[0]}") for size in SIZES[1:]}
        print("".join(f"{value:12.0f}" for value in row) + f"  {kind}; over {SIZES[0]} tenants: {ratios}")
        found += [
            Figure(f"cache_{kind}_hit_at_{size}_over_{SIZES[0]}_tenants", ratio, "x", ("<=", 1.1))
            for size, ratio in ratios.items()
        ]
    return found


async def _warm(stand: Stand, size: int) -> None:
    """Loads every tenant and has one rewording of each verified, as after some minutes of traffic."""
    begun = time.perf_counter()
    for tenant in tenants_of(size):
        await stand.replica.look_up(tenant, REWORDED[0])
    took = (time.perf_counter() - begun) / size
    print(f"{size:6,} tenants, {ANSWERS_EACH} answers each: first lookup, with the load, {took * 1e3:.2f} ms")


def _kinds(stand: Stand, size: int) -> dict[str, Callable[[], Awaitable[object]]]:
    dice, tenants, numbers = random.Random(size), tenants_of(size), itertools.count()

    async def ask(text: str, kind: str) -> None:
        found = await stand.replica.look_up(dice.choice(tenants), text)
        if found.outcome != kind:
            raise RuntimeError(f"a lookup was {found.outcome}, so its time says nothing")

    return {
        f"exact {size}": lambda: ask(KEPT[next(numbers) % ANSWERS_EACH], EXACT),
        f"remembered {size}": lambda: ask(REWORDED[0], SEMANTIC),
        f"verified {size}": lambda: ask(unseen(REWORDED[next(numbers) % ANSWERS_EACH], next(numbers)), SEMANTIC),
    }


async def _cold_loads(stand: Stand) -> list[Figure]:
    """Times the load of a tenant that is not in memory: the fewest answers, and as many as one may keep."""
    for number in range(FULL_TENANT):
        await stand.keep("full-tenant", f"{KEPT[0]} {number}")
    medians: dict[int, float] = {}
    for tenant, count in ((tenants_of(1)[0], ANSWERS_EACH), ("full-tenant", FULL_TENANT)):
        owner, took = owner_of(tenant), list[float]()
        version = (await stand.store.read(owner, [])).version
        for _ in range(COLD_LOADS):
            follower = IndexFollower(stand.store, TenantIndexes(max_bytes=1 << 30), Counters(stand.store))
            begun = time.perf_counter()
            index = await follower.up_to_date(owner, version)
            took.append(time.perf_counter() - begun)
            if len(index) != count:
                raise RuntimeError(f"{len(index)} rows came in place of {count}")
        medians[count] = statistics.median(took) * 1e3
        print(f"cold load of a tenant with {count:,} answers: p50 {medians[count]:.2f} ms")
    # More than a lookup's budget, and the first question after a restart is a miss.
    return [Figure("cache_cold_load_of_2000", medians[FULL_TENANT], "ms", ("<=", 150))]


def _index_bytes() -> tuple[float, float]:
    """Returns the bytes an entry takes in the index: those that Python allocates, and those that the index accounts."""
    tenants, embedder = tenants_of(200), KnownVectors()
    vectors = [embedder.of(question) for question in KEPT[:ANSWERS_EACH]]
    tracemalloc.start()
    indexes = TenantIndexes(max_bytes=1 << 40)
    before = tracemalloc.get_traced_memory()[0]
    for tenant in tenants:
        rows = [
            entry_of(tenant, question, text="", vector=vector)[1]
            for question, vector in zip(KEPT, vectors, strict=False)
        ]
        indexes.load(owner_of(tenant).require_tenant(), version=1, is_whole=True, rows=rows, gone=())
        del rows
    measured = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    accounted = sum(indexes.of(owner_of(tenant).require_tenant()).size_bytes for tenant in tenants)
    entries = len(tenants) * ANSWERS_EACH
    return measured / entries, accounted / entries


async def main() -> None:
    """Prints every figure."""
    for figure in await figures():
        print(figure)


if __name__ == "__main__":
    asyncio.run(main())
