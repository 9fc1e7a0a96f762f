"""What a hop costs: ours, with every check and a span on both sides, against bare gRPC; and four against one."""

import asyncio
import contextlib
import random
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
ROUNDS, CALLS = 80, 30
WARM_UP_ROUNDS, WARM_UP_CALLS = 5, 5
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
                "bare_hop_with_metadata": lambda: bare_stub.LookupAnswer(REQUEST, timeout=8, metadata=_metadata()),
                "untraced_hop": await ours(plain_port, is_traced=False),
                "traced_hop": await ours(ports[1], is_traced=True),
                "four_traced_hops": await ours(ports[-1], is_traced=True),
            }
            rounds = await _rounds(calls)
    return {
        **{f"{name}_us": statistics.median(each) * 1e6 for name, each in rounds.items()},
        "untraced_hop_ratio": _ratio(rounds, "untraced_hop", "bare_hop"),
        "traced_hop_ratio": _ratio(rounds, "traced_hop", "bare_hop"),
        # What is ours apart from sending a credential and a trace at all.
        "traced_hop_over_metadata_ratio": _ratio(rounds, "traced_hop", "bare_hop_with_metadata"),
        # What tracing adds to everything else that is ours.
        "tracing_ratio": _ratio(rounds, "traced_hop", "untraced_hop"),
        "four_traced_hops_ratio": _ratio(rounds, "four_traced_hops", "traced_hop"),
    }


def _metadata() -> tuple[tuple[str, str], ...]:
    trace = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
    return ("authorization", CREDENTIAL), ("traceparent", trace)


def _ratio(rounds: dict[str, list[float]], ours: str, floor: str) -> float:
    """Returns the median over all rounds of one median over the other of the same round.

    Paired like that, a neighbour's load on the machine weighs on both.
    """
    return statistics.median(above / below for above, below in zip(rounds[ours], rounds[floor], strict=True))


async def _rounds(calls: dict[str, Call]) -> dict[str, list[float]]:
    """Returns the median seconds of each kind of call in each round."""
    medians: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for number in range(WARM_UP_ROUNDS + ROUNDS):
        random.shuffle(order)
        for name in order:
            times = [await _timed(calls[name]) for _ in range(WARM_UP_CALLS + CALLS)][WARM_UP_CALLS:]
            if number >= WARM_UP_ROUNDS:
                medians[name].append(statistics.median(times))
    return medians


async def _timed(call: Call) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


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
