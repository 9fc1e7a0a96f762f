"""Everything that the cache promises, measured now: the guard, scale, speed beside rivals, replicas, isolation."""

import time

from benchmarks import cache_guard, cache_isolation, cache_replicas, cache_rivals, cache_scale
from benchmarks.figure import Figure


async def measure() -> list[Figure]:
    """Runs every part and returns the figures."""
    found: list[Figure] = []
    for part in (cache_guard, cache_scale, cache_rivals, cache_replicas, cache_isolation):
        name, begun = part.__name__.rpartition(".")[2], time.monotonic()
        print(f"\n== {name}", flush=True)
        found += await part.figures()
        print(f"{name} took {time.monotonic() - begun:.0f} s", flush=True)
    return found
