"""When a kept phrase is heard, beside what a unary call of the same service takes; and what a new caller costs.

The unary call lists the tenant's phrases. Of the ratio, about 1.36 is gRPC's own: a bare server that streams the same
two messages, the stream's configuration and one chunk, was measured so against a bare unary call of the same size.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc

from benchmarks.figure import Figure
from repartee.v1 import voice_pb2, voice_pb2_grpc
from tools.connection import Connection
from tools.voice import own_stack, play_scenes

TENANT = "rue-du-gros"
EXAMPLES = Path("examples/tenants")
# The two kinds take turns in short blocks, so that each sees the same machine.
ROUNDS, CALLS = 30, 20
_WARM_UP = 60


async def figures() -> list[Figure]:
    """Returns first audio from memory as a ratio, and the scenes' figures."""
    async with own_stack(TENANT, EXAMPLES) as port_base:
        with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
            played = await play_scenes("127.0.0.1", port_base, TENANT, Path(folder))
        p50, p99, worst_ms = await _against_unary(port_base)
    after = [both[1] for both in played.values()]
    return [
        Figure("voice_first_audio_p50_to_unary", p50, "x", ("<=", 1.25)),
        Figure("voice_first_audio_p99_to_unary", p99, "x", ("<=", 1.25)),
        Figure("voice_first_audio_p99", worst_ms, "ms", ("<=", 20.0)),
        Figure("voice_new_caller_provider_calls", float(played["new_caller"][1].provider_calls), "calls", ("==", 0.0)),
        Figure(
            "voice_scenes_largest_gap",
            max(each.worst(lambda turn: turn.largest_gap_ms) for each in after),
            "ms",
            ("<=", 400.0),
        ),
    ]


async def _against_unary(port_base: int) -> tuple[float, float, float]:
    """Returns the ratios of p50 and p99, and p99 of the first audio in milliseconds."""
    caller = (("authorization", Connection.for_tenant(TENANT).authorization),)
    operator = (("authorization", Connection.for_operator().authorization),)
    # Any caller's channel: what ours adds on its side is measured with the hop.
    async with grpc.aio.insecure_channel(Connection(port_base=port_base).target("voice")) as channel:
        stub, unary = voice_pb2_grpc.VoiceServiceStub(channel), voice_pb2_grpc.VoiceAdminServiceStub(channel)

        async def first_audio() -> float:
            begun, heard = time.perf_counter(), 0.0
            # Read to its end: a stream that is left open weighs on the next one.
            request = voice_pb2.SayHybridRequest(cache_key="greet")
            async for message in stub.SayHybrid(request, timeout=10, metadata=caller):
                if message.HasField("chunk") and not heard:
                    heard = time.perf_counter() - begun
            return heard

        async def listed() -> float:
            request = voice_pb2.ListPhrasesRequest(tenant_id=TENANT)
            begun = time.perf_counter()
            await unary.ListPhrases(request, timeout=10, metadata=operator)
            return time.perf_counter() - begun

        kinds: dict[str, Callable[[], Awaitable[float]]] = {"audio": first_audio, "unary": listed}
        took: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(_WARM_UP):
            await asyncio.gather(*(call() for call in kinds.values()))
        for _ in range(ROUNDS):
            for name, call in kinds.items():
                for _ in range(CALLS):
                    took[name].append(await call() * 1e3)
                # What a stream left behind is over before the next kind begins.
                await asyncio.sleep(0.005)
    p50 = {name: statistics.median(each) for name, each in took.items()}
    p99 = {name: statistics.quantiles(each, n=100)[98] for name, each in took.items()}
    print(f"first audio from memory: p50 {p50['audio']:.2f} ms, p99 {p99['audio']:.2f} ms", flush=True)
    print(f"a unary call:            p50 {p50['unary']:.2f} ms, p99 {p99['unary']:.2f} ms", flush=True)
    return p50["audio"] / p50["unary"], p99["audio"] / p99["unary"], p99["audio"]
