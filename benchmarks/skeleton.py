"""What the whole embedded stack costs: a cache hit against bare gRPC, hops against a hop, start and memory."""

import asyncio
import contextlib
import itertools
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import grpc

from benchmarks import hop
from benchmarks.busy_shop import apply_busy_shop
from benchmarks.figure import Figure
from benchmarks.side_by_side import paired_ratio, side_by_side
from repartee.v1 import cache_pb2, cache_pb2_grpc, router_pb2, router_pb2_grpc
from tools.child import resident_mib
from tools.stack import Stack, StackOptions, free_port_base, running_stack

QUESTION, LOCALE = "Quels sont vos horaires d'ouverture ?", "fr-CI"
ROUNDS, CALLS = 40, 25


async def measure() -> list[Figure]:
    """Runs everything once and returns the figures."""
    hops = await asyncio.to_thread(hop.measure)
    with tempfile.TemporaryDirectory(prefix="repartee-") as folder:
        began = time.monotonic()
        async with running_stack(StackOptions(state=Path(folder), port_base=free_port_base())) as stack:
            healthy_seconds = time.monotonic() - began
            idle_mib = sum(child.resident_mib() for child in stack.children) + resident_mib(stack.redis_pid or 0)
            for child in stack.children:
                print(
                    f"  {child.name}: {child.resident_mib():.0f} MiB, healthy after {child.healthy_after_seconds:.1f} s"
                )
            ratio = await cache_hit_ratio(stack)
    return [
        Figure("tracing_on_a_hop_ratio", hops["tracing_ratio"], "x", ("<=", 1.05)),
        Figure("four_traced_hops_ratio", hops["four_traced_hops_ratio"], "x", ("<=", 4.7)),
        Figure("traced_exact_cache_hit_ratio", ratio, "x", ("<=", 1.15)),
        Figure("stack_idle_resident", idle_mib, "MiB", ("<=", 900)),
        Figure("up_healthy", healthy_seconds, "s", ("<=", 15)),
    ]


async def cache_hit_ratio(stack: Stack) -> float:
    """Returns the median time of a traced exact hit over that of a bare two-hop echo of the same messages.

    The two take turns, called by one client over one channel each, so that both see the same machine.
    """
    client = await apply_busy_shop(stack)
    metadata = (("authorization", client.authorization),)
    conversation = f"bench-{secrets.token_hex(4)}"

    def request(number: int) -> router_pb2.ChatRequest:
        return router_pb2.ChatRequest(
            conversation_id=f"{conversation}-{number % 50}", turn_id=secrets.token_hex(8), message=QUESTION
        )

    async with grpc.aio.insecure_channel(client.target("router")) as channel:
        router = router_pb2_grpc.RouterServiceStub(channel)
        reply = await _first_hit(router, request, metadata)
        async with grpc.aio.insecure_channel(client.target("cache")) as cache_channel:
            hit = await cache_pb2_grpc.CacheServiceStub(cache_channel).LookupAnswer(
                cache_pb2.LookupAnswerRequest(query=QUESTION, locale=LOCALE), metadata=metadata
            )
        async with _bare_echo(stack, reply, hit) as bare:
            numbers = itertools.count()

            async def ours() -> None:
                answer = await router.Chat(request(next(numbers)), metadata=metadata, timeout=8)
                if answer.cache.type != "exact":
                    raise RuntimeError("a call was not an exact hit, so its time says nothing")

            async def floor() -> None:
                await bare.Chat(request(next(numbers)), metadata=metadata, timeout=8)

            medians = await side_by_side({"ours": ours, "floor": floor}, rounds=ROUNDS, calls_each=CALLS)
    ours_ms, floor_ms = (statistics.median(medians[name]) * 1000 for name in ("ours", "floor"))
    print(f"  exact hit {ours_ms:.3f} ms, bare two-hop echo {floor_ms:.3f} ms (medians of {ROUNDS * CALLS} calls)")
    return paired_ratio(medians, "ours", "floor")


async def _first_hit(
    router: "router_pb2_grpc.RouterServiceAsyncStub",
    request: Callable[[int], router_pb2.ChatRequest],
    metadata: tuple[tuple[str, str], ...],
) -> router_pb2.ChatResponse:
    for number in range(100):
        reply = await router.Chat(request(number), metadata=metadata, timeout=8)
        if reply.cache.hit and reply.cache.type == "exact":
            return reply
        await asyncio.sleep(0.05)
    raise RuntimeError("the question never became an exact hit")


@contextlib.asynccontextmanager
async def _bare_echo(
    stack: Stack, reply: router_pb2.ChatResponse, hit: cache_pb2.LookupAnswerResponse
) -> AsyncGenerator["router_pb2_grpc.RouterServiceAsyncStub"]:
    folder = stack.options.state
    router_port, cache_port = stack.options.port_base + 20, stack.options.port_base + 21
    (folder / "reply.bin").write_bytes(reply.SerializeToString())
    (folder / "hit.bin").write_bytes(hit.SerializeToString())
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.bare_echo", role, str(port), str(folder / recorded), str(cache_port)
        )
        for role, port, recorded in (("cache", cache_port, "hit.bin"), ("router", router_port, "reply.bin"))
    ]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{router_port}") as channel:
            await channel.channel_ready()
            yield router_pb2_grpc.RouterServiceStub(channel)
    finally:
        for process in processes:
            process.terminate()
            await process.wait()


def main() -> None:
    """Prints every figure."""
    for figure in asyncio.run(measure()):
        print(figure)


if __name__ == "__main__":
    main()
