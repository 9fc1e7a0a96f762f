"""What the router promises, measured: the guard's errors, how fast a switch travels, and what survives kill -9.

The simulation first, then four replicas on one Valkey, then a stack whose processes are killed one after another.
"""

import os

from benchmarks import rollout_guard, rollout_propagation, router_kills, switch_order
from benchmarks.figure import Figure

# Each process is killed this often; the promise is 50.
KILLS_EACH = int(os.environ.get("REPARTEE_KILLS_EACH", "50"))


async def measure() -> list[Figure]:
    """Measures all of it."""
    figures = rollout_guard.figures()
    figures += await rollout_propagation.measure()
    figures += await switch_order.measure()
    figures += await router_kills.measure(KILLS_EACH)
    return figures
