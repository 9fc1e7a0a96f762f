"""How time and memory of the embedded index grow with tenants and chunks.

`python -m benchmarks.rag_scale` prints the table and draws `benchmarks/rag_scale.svg`. Each step runs in a process of
its own, with vectors and words that are drawn at random once; what a full 1,000 tenants of 1,000 chunks would take is
extrapolated from the two largest steps, and marked so.
"""

import asyncio
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from libs.common.request_context import Principal, TenantId
from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex
from services.rag.passage_index import DocumentRecord, StoredChunk
from services.rag.tenant_scope import TenantScope
from services.rag.terms import passage_terms, question_terms

PICTURE = Path(__file__).parent / "rag_scale.svg"
# Tenants, and chunks of each.
STEPS = ((10, 100), (50, 200), (100, 200), (20, 1000), (250, 200))
GOAL = (1000, 1000)
# No step begins after so many seconds.
BUDGET_SECONDS = 75.0
DIMENSIONS = 512
BATCH = 64
SEARCHES = 200
SEARCH_P50_MS = 5.0
WORDS = [f"mot{number}" for number in range(4_000)]


@dataclass(frozen=True)
class Step:
    """What one size took."""

    tenants: int
    chunks: int
    write_seconds: float
    memory_mb: float
    disk_mb: float
    search_p50_ms: float
    search_p99_ms: float

    @property
    def points(self) -> int:
        """Chunks of all tenants."""
        return self.tenants * self.chunks


async def figures() -> list[Figure]:
    """Runs the steps that fit into the time; prints the table, draws the picture, returns the slowest search."""
    begun = time.monotonic()
    steps: list[Step] = []
    for tenants, chunks in STEPS:
        if time.monotonic() - begun > BUDGET_SECONDS:
            print(f"left out for want of time: {tenants} tenants x {chunks} chunks")
            continue
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.rag_scale", str(tenants), str(chunks), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        steps.append(Step(**json.loads(said)))
        _print(steps[-1], header=len(steps) == 1)
    _extrapolate(steps)
    PICTURE.write_text(picture(steps), encoding="utf-8")
    largest = max(steps, key=lambda step: step.points)
    return [
        Figure("rag_scale_points", largest.points, "chunks", (">=", 20_000)),
        Figure("rag_scale_search_p50", largest.search_p50_ms, "ms", ("<=", SEARCH_P50_MS)),
    ]


def _print(step: Step, *, header: bool) -> None:
    if header:
        names = f"{'tenants x chunks':>18} {'points':>9} {'written in':>11} {'memory':>9} {'disk':>9}"
        print(f"{names} {'search p50, p99':>17}")
    print(
        f"{step.tenants:>10} x {step.chunks:<5} {step.points:>9,} {step.write_seconds:>9.1f} s"
        f" {step.memory_mb:>6.0f} MB {step.disk_mb:>6.0f} MB {step.search_p50_ms:>7.2f}, {step.search_p99_ms:.2f} ms"
    )


def _extrapolate(steps: list[Step]) -> None:
    """Prints what the goal would take if time and memory go on growing as between the two largest steps."""
    by_size = sorted(steps, key=lambda step: step.points)
    if len(by_size) < 2:
        return
    small, large = by_size[-2], by_size[-1]
    more = GOAL[0] * GOAL[1] - large.points
    grown = max(1, large.points - small.points)
    memory = large.memory_mb + more * max(0.0, large.memory_mb - small.memory_mb) / grown
    seconds = large.write_seconds / large.points * GOAL[0] * GOAL[1]
    disk = large.disk_mb / large.points * GOAL[0] * GOAL[1]
    print(
        f"{GOAL[0]:>10} x {GOAL[1]:<5} {GOAL[0] * GOAL[1]:>9,} {seconds:>9.0f} s {memory:>6.0f} MB {disk:>6.0f} MB"
        "   extrapolated, not measured"
    )


async def step(tenants: int, chunks: int) -> Step:
    """Writes so many chunks, then searches random tenants."""
    rng, numbers = random.Random(tenants * chunks), np.random.default_rng(7)
    pool = numbers.standard_normal((4_096, DIMENSIONS), dtype=np.float32)
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    texts = [" ".join(rng.choices(WORDS, k=30)) for _ in range(512)]
    terms = [passage_terms(text, language="fr") for text in texts]
    before = _memory_mb()
    now = datetime(2026, 11, 21, tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="rp-") as name:
        index = QdrantEdgeIndex.open(Path(name), embedder_id="random", dimensions=DIMENSIONS)
        begun = time.perf_counter()
        for tenant in range(tenants):
            record = DocumentRecord("d", "Titre", "shared", chunks, "0" * 64, "r", now)
            for start in range(0, chunks, BATCH):
                batch = [
                    StoredChunk(record, at, "Titre", texts[at % 512], pool[rng.randrange(4_096)], terms[at % 512])
                    for at in range(start, min(start + BATCH, chunks))
                ]
                await index.write(_scope(tenant), batch)
        written = time.perf_counter() - begun
        took: list[float] = []
        for _ in range(SEARCHES):
            scope = _scope(rng.randrange(tenants)).for_agent("")
            asked = question_terms(" ".join(rng.choices(WORDS, k=6)), languages=("fr",))
            vector = pool[rng.randrange(4_096)]
            begun = time.perf_counter()
            await index.search(scope, vector, limit=20, terms=asked)
            took.append((time.perf_counter() - begun) * 1e3)
        memory = _memory_mb() - before
        disk = sum(file.stat().st_blocks * 512 for file in Path(name).rglob("*") if file.is_file()) / 1e6
        await index.aclose()
    took.sort()
    p50, p99 = statistics.median(took), took[int(len(took) * 0.99)]
    return Step(tenants, chunks, written, memory, disk, p50, p99)


def _scope(tenant: int) -> TenantScope:
    return TenantScope(Principal(subject="benchmark", tenant=TenantId(f"tenant-{tenant}")))


def _memory_mb() -> float:
    """Returns the most that this process has held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def picture(steps: list[Step]) -> str:
    """Returns an SVG: write time, memory and search time against points, each by its own scale."""
    width, height, left, top = 640, 360, 60, 40
    series = (
        ("written in, s", "#1b6ca8", [step.write_seconds for step in steps]),
        ("memory, MB", "#b8860b", [step.memory_mb for step in steps]),
        ("search p50, ms", "#2e7d32", [step.search_p50_ms for step in steps]),
    )
    most = max(step.points for step in steps)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="22" font-size="14">The embedded index as chunks grow (each line by its own scale)</text>',
        f'<path d="M{left} {top}V{height - 60}H{width - 20}" stroke="#888" fill="none"/>',
    ]
    across, down = width - left - 40, height - 60 - top
    for row, (name, colour, values) in enumerate(series):
        ceiling = max(*values, 1e-9)
        places = sorted(
            (left + across * step.points / most, height - 60 - down * value / ceiling * 0.95, value)
            for step, value in zip(steps, values, strict=True)
        )
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        parts.append(f'<polyline points="{line}" stroke="{colour}" fill="none" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y, _ in places]
        x, y, value = places[-1]
        parts.append(f'<text x="{x - 4:.1f}" y="{y - 6:.1f}" fill="{colour}" text-anchor="end">{value:.1f}</text>')
        parts.append(f'<text x="{left + row * 150}" y="{height - 14}" fill="{colour}">— {name}</text>')
    for step in steps:
        x = left + across * step.points / most
        label = f"{step.points / 1000:g}k"
        parts.append(f'<text x="{x:.1f}" y="{height - 42}" text-anchor="middle" fill="#555">{label}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(asdict(asyncio.run(step(int(sys.argv[1]), int(sys.argv[2]))))))
    else:
        for figure in asyncio.run(figures()):
            print(figure)
