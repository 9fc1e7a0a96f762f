"""Prints the figures that a suite promises, measured now, and fails if one falls short."""

import asyncio
import importlib
import sys

from benchmarks.figure import Figure

SUITES = ("skeleton", "router", "engines", "cache", "rag", "voice", "operations")


def main() -> int:
    """Measures the suite named on the command line."""
    suite = sys.argv[1] if len(sys.argv) > 1 else "skeleton"
    if suite not in SUITES:
        print(f"proof: no suite is called {suite!r}; there are {', '.join(SUITES)}.", file=sys.stderr)
        return 2
    figures: list[Figure] = asyncio.run(importlib.import_module(f"benchmarks.{suite}").measure())
    for figure in figures:
        print(figure)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
