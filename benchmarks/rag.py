"""Everything that the rag service promises, measured now: recall, deletion, scale, and patterns."""

import importlib
import importlib.util
import os
import time

from benchmarks.figure import Figure

# Read when numpy is first loaded: a second thread makes single questions ten times slower on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
PARTS = ("rag_recall", "rag_deletion", "rag_scale", "rag_patterns")


async def measure() -> list[Figure]:
    """Runs every part that is there and returns the figures."""
    found: list[Figure] = []
    for name in PARTS:
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            continue
        begun = time.monotonic()
        print(f"\n== {name}", flush=True)
        found += await importlib.import_module(f"benchmarks.{name}").figures()
        print(f"{name} took {time.monotonic() - begun:.0f} s", flush=True)
    return found
