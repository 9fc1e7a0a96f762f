"""What operators are promised, measured: traces, dashboards, manifests, load, rolling restarts, migrations, recipes."""

import time

from benchmarks import (
    operations_dashboards,
    operations_deploy,
    operations_load,
    operations_migrate,
    operations_recipes,
    operations_rolling,
    operations_tracing,
)
from benchmarks.figure import Figure


async def measure() -> list[Figure]:
    """Runs every part and returns the figures."""
    found: list[Figure] = []
    for part in (
        operations_deploy,
        operations_migrate,
        operations_recipes,
        operations_tracing,
        operations_dashboards,
        operations_rolling,
        operations_load,
    ):
        name, begun = part.__name__.rpartition(".")[2], time.monotonic()
        print(f"\n== {name}", flush=True)
        found += await part.measure()
        print(f"{name} took {time.monotonic() - begun:.0f} s", flush=True)
    return found
