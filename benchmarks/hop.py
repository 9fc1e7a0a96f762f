"""What a hop costs: ours, with every check and a span on both sides, against bare gRPC; and four against one."""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc

from libs.common.channel import open_channel
from libs.common.settings import ServiceSettings
from libs.common.telemetry import start_telemetry
from repartee.v1 import cache_pb2, cache_pb2_grpc

SERVICE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
REQUEST = cache_pb2.LookupAnswerRequest(query="Quels sont vos horaires d'ouverture ?", locale="fr-CI")
CREDENTIAL = "Bearer dev:bench"
# Kinds of call take turns in short blocks: each sees the same machine, and none pays for waking another's process.
BLOCKS, BLOCK_CALLS = 60, 50
WARM_UP_BLOCKS, WARM_UP_CALLS = 5, 5
CHAIN = 4

Call = Callable[[], Awaitable[object]]


def measure() -> dict[str, float]:
    """Returns medians in microseconds and their ratios, all from one run in which the kinds of call take turns."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
        traces = f"file:{Path(folder) / 'spans.jsonl'}"
        async with contextlib.AsyncExitStack() as stack:
            telemetry = start_telemetry("bench", ServiceSettings(port=0, traces=traces))
            stack.callback(telemetry.shutdown)
            bare_port = await stack.enter_async_context(_server("bare", 0, "none"))
            plain_port = await stack.enter_async_context(_server("ours", 0, "none"))
            ports = [0]
            for _ in range(CHAIN):
                ports.append(await stack.enter_async_context(_server("ours", ports[-1], traces)))
            bare = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{bare_port}"))

            async def ours(port: int, *, is_traced: bool) -> Call:
                channel = open_channel(
                    f"127.0.0.1:{port}",
                    services=[SERVICE],
                    authorization=CREDENTIAL,
                    tracer=telemetry.tracer if is_traced else None,
                )
                stub = cache_pb2_grpc.CacheServiceStub(await stack.enter_async_context(channel))
                return lambda: stub.LookupAnswer(REQUEST)

            bare_stub = cache_pb2_grpc.CacheServiceStub(bare)
            calls: dict[str, Call] = {
                "bare_hop": lambda: bare_stub.LookupAnswer(REQUEST, timeout=8),
                "untraced_hop": await ours(plain_port, is_traced=False),
                "traced_hop": await ours(ports[1], is_traced=True),
                "four_traced_hops": await ours(ports[-1], is_traced=True),
            }
            micros = await _medians(calls)
    return {
        **{f"{name}_us": value for name, value in micros.items()},
        "untraced_hop_ratio": micros["untraced_hop"] / micros["bare_hop"],
        "traced_hop_ratio": micros["traced_hop"] / micros["bare_hop"],
        "four_traced_hops_ratio": micros["four_traced_hops"] / micros["traced_hop"],
    }


async def _medians(calls: dict[str, Call]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for block in range(WARM_UP_BLOCKS + BLOCKS):
        for name, call in calls.items():
            for number in range(WARM_UP_CALLS + BLOCK_CALLS):
                began = time.perf_counter()
                await call()
                if block >= WARM_UP_BLOCKS and number >= WARM_UP_CALLS:
                    times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) * 1e6 for name, each in times.items()}


@contextlib.asynccontextmanager
async def _server(role: str, next_port: int, traces: str) -> AsyncIterator[int]:
    """Runs a server of its own process; yields its port. `next_port` is where it hands calls on, or 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.hop_server", role, str(next_port), traces, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await asyncio.wait_for(process.stdout.readline(), 30))
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    """Prints every figure."""
    for name, value in measure().items():
        print(f"{name} {value:.3f}")


if __name__ == "__main__":
    main()
