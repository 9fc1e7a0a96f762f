"""How long a change of the rollout takes to reach every replica: four processes on one Valkey, told by WatchRollout."""

import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio

from benchmarks.figure import Figure
from libs.common.embedded_redis import server_binary
from libs.common.redis_store import RedisStore
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from repartee.v1 import rollout_pb2, rollout_pb2_grpc
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.memory_shadow import MemoryShadowCounts
from services.router.adapters.redis_rollout import RedisRolloutStore
from services.router.admin.rollout import RolloutServicer
from services.router.judging.judge import Judge
from services.router.rollout import Rollout

REPLICAS = 4
ROUNDS = 200
OPERATOR = (("authorization", "Bearer dev-operator"),)


async def measure() -> list[Figure]:
    """Starts the processes and measures them."""
    async with AsyncExitStack() as exits:
        folder = Path(tempfile.mkdtemp(prefix="rp-"))
        exits.callback(shutil.rmtree, folder)
        valkey = [
            str(server_binary()),
            "--port",
            "0",
            "--unixsocket",
            f"{folder}/s",
            "--save",
            "",
            "--dir",
            str(folder),
        ]
        await exits.enter_async_context(_process(valkey, "ready to accept connections"))
        serve = [sys.executable, "-m", "benchmarks.rollout_propagation", "serve", f"unix://{folder}/s"]
        targets: list[str] = []
        for number in range(REPLICAS):
            line = await exits.enter_async_context(_process([*serve, f"replica-{number}"], "port "))
            targets.append(f"127.0.0.1:{line.split()[-1]}")
        return await measure_targets(targets)


async def measure_targets(targets: Sequence[str], *, rounds: int = ROUNDS) -> list[Figure]:
    """Switches hybrid on by one replica and off by another, `rounds` times; `targets` are routers on one Redis.

    A time runs from the operator's call to the moment at which a replica says, to one who watches it, that it follows.
    """
    async with AsyncExitStack() as exits:
        stubs: list[Any] = []
        for target in targets:
            channel = await exits.enter_async_context(grpc.aio.insecure_channel(target))
            stubs.append(rollout_pb2_grpc.RolloutServiceStub(channel))
        watches = [each.WatchRollout(rollout_pb2.WatchRolloutRequest(), metadata=OPERATOR) for each in stubs]
        for watch in watches:
            await watch.read()
        reached, answered, unconfirmed = list[float](), list[float](), 0
        for number in range(rounds):
            stub, turns_on = stubs[number % len(stubs)], number % 2 == 0
            began = time.perf_counter()
            seen = [asyncio.create_task(_seen(watch, turns_on)) for watch in watches]
            if turns_on:
                await stub.EnableHybrid(rollout_pb2.EnableHybridRequest(reason="bench"), metadata=OPERATOR)
            else:
                answer = await stub.DisableHybrid(rollout_pb2.DisableHybridRequest(reason="bench"), metadata=OPERATOR)
                answered.append(time.perf_counter() - began)
                unconfirmed += len(answer.pending)
            reached += [await each - began for each in seen]
    return [
        Figure("rollout_propagation_p50", statistics.median(reached) * 1000, "ms", ("<=", 1000)),
        Figure("rollout_propagation_p99", statistics.quantiles(reached, n=100)[98] * 1000, "ms", ("<=", 1000)),
        Figure("rollout_propagation_worst", max(reached) * 1000, "ms", ("<=", 1000)),
        Figure("rollout_disable_p99", statistics.quantiles(answered, n=100)[98] * 1000, "ms", ("<=", 200)),
        Figure("rollout_disable_unconfirmed", unconfirmed, "replicas", ("==", 0)),
    ]


async def _seen(watch: Any, is_on: bool) -> float:
    while True:
        response = await watch.read()
        if response.state.hybrid_enabled is is_on:
            return time.perf_counter()


@asynccontextmanager
async def _process(command: Sequence[str], ready: str) -> AsyncIterator[str]:
    """Runs a process; gives the line by which it says that it is ready."""
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        if process.stdout is None:
            raise RuntimeError("a process without output")
        async for line in process.stdout:
            if ready in line.decode().lower():
                yield line.decode()
                break
        else:
            raise RuntimeError(f"{command[0]} ended before it was ready")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _serve(redis_url: str, name: str) -> None:
    async with AsyncExitStack() as exits:
        redis = RedisStore.connect(redis_url)
        exits.push_async_callback(redis.aclose)
        rollout = await exits.enter_async_context(Rollout(store=RedisRolloutStore(redis), replica=name))
        judge = Judge(MemoryMetrics(), standing=rollout.state, note=rollout.note)
        registration = Registration(
            rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"],
            rollout_pb2_grpc.add_RolloutServiceServicer_to_server,
            RolloutServicer(rollout, judge=judge, shadow_counts=MemoryShadowCounts()),
        )
        settings = ServiceSettings(port=0, drain_seconds=0, stop_grace_seconds=0)
        server = await exits.enter_async_context(running_server(settings, name=name, registrations=[registration]))
        print(f"port {server.port}", flush=True)
        await server.serve_until_signal()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(_serve(sys.argv[2], sys.argv[3]))
    else:
        for each in asyncio.run(measure_targets(sys.argv[1:]) if sys.argv[1:] else measure()):
            print(each)
