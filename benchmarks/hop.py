"""What a hop costs: ours, with every check, spans and metrics, against bare gRPC; and four hops against one."""

import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from benchmarks.side_by_side import Call, paired_ratio, side_by_side
from libs.common.channel import open_channel
from libs.common.settings import ServiceSettings
from libs.common.telemetry import start_telemetry
from repartee.v1 import cache_pb2, cache_pb2_grpc

SERVICE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
REQUEST = cache_pb2.LookupAnswerRequest(query="Quels sont vos horaires d'ouverture ?", locale="fr-CI")
CREDENTIAL = "Bearer dev:bench"
# Kinds of call take turns in short blocks: each sees the same machine, and none pays for waking another's process.
ROUNDS, CALLS = 80, 30
CHAIN = 4


def measure() -> dict[str, float]:
    """Returns medians in microseconds and their ratios, all from one run in which the kinds of call take turns."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
        traces = f"file:{Path(folder) / 'spans.jsonl'}"
        async with contextlib.AsyncExitStack() as stack:
            telemetry = start_telemetry("bench", ServiceSettings(port=0, traces=traces, metrics="prometheus:0"))
            stack.callback(telemetry.shutdown)
            bare_port = await stack.enter_async_context(_server("bare", 0, "none"))
            plain_port = await stack.enter_async_context(_server("ours", 0, "none"))
            # A server of its own for each kind: one that two kinds call is warmer than the others.
            traced_port = await stack.enter_async_context(_server("ours", 0, traces))
            measured_port = await stack.enter_async_context(_server("ours", 0, traces, "prometheus:0"))
            ports = [0]
            for _ in range(CHAIN):
                ports.append(await stack.enter_async_context(_server("ours", ports[-1], traces)))
            bare = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{bare_port}"))

            async def ours(port: int, *, is_traced: bool, is_measured: bool = False) -> Call:
                channel = open_channel(
                    f"127.0.0.1:{port}",
                    services=[SERVICE],
                    authorization=CREDENTIAL,
                    tracer=telemetry.tracer if is_traced else None,
                    meter=telemetry.meter if is_measured else None,
                )
                stub = cache_pb2_grpc.CacheServiceStub(await stack.enter_async_context(channel))
                return lambda: stub.LookupAnswer(REQUEST)

            bare_stub = cache_pb2_grpc.CacheServiceStub(bare)
            calls: dict[str, Call] = {
                "bare_hop": lambda: bare_stub.LookupAnswer(REQUEST, timeout=8),
                "bare_hop_with_metadata": lambda: bare_stub.LookupAnswer(REQUEST, timeout=8, metadata=_metadata()),
                "untraced_hop": await ours(plain_port, is_traced=False),
                "traced_hop": await ours(traced_port, is_traced=True),
                "traced_and_measured_hop": await ours(measured_port, is_traced=True, is_measured=True),
                "four_traced_hops": await ours(ports[-1], is_traced=True),
            }
            rounds = await side_by_side(calls, rounds=ROUNDS, calls_each=CALLS)
    return {
        **{f"{name}_us": statistics.median(each) * 1e6 for name, each in rounds.items()},
        "untraced_hop_ratio": paired_ratio(rounds, "untraced_hop", "bare_hop"),
        "traced_hop_ratio": paired_ratio(rounds, "traced_hop", "bare_hop"),
        # What is ours apart from sending a credential and a trace at all.
        "traced_hop_over_metadata_ratio": paired_ratio(rounds, "traced_hop", "bare_hop_with_metadata"),
        # What tracing adds to everything else that is ours.
        "tracing_ratio": paired_ratio(rounds, "traced_hop", "untraced_hop"),
        # What tracing and metrics add together.
        "telemetry_ratio": paired_ratio(rounds, "traced_and_measured_hop", "untraced_hop"),
        "metrics_ratio": paired_ratio(rounds, "traced_and_measured_hop", "traced_hop"),
        "four_traced_hops_ratio": paired_ratio(rounds, "four_traced_hops", "traced_hop"),
    }


def _metadata() -> tuple[tuple[str, str], ...]:
    trace = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
    return ("authorization", CREDENTIAL), ("traceparent", trace)


@contextlib.asynccontextmanager
async def _server(role: str, next_port: int, *telemetry: str) -> AsyncIterator[int]:
    """Runs a server of its own process; yields its port. `next_port` is where it hands calls on, or 0.

    `telemetry` is where spans go, and then metrics.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.hop_server", role, str(next_port), *telemetry, stdout=asyncio.subprocess.PIPE
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
