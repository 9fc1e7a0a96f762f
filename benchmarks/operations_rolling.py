"""Every replica of every service replaced under load, then some killed with -9: what callers noticed of it.

`REPARTEE_PICTURES=FOLDER` writes `rolling.svg` there.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.busy_shop import apply_busy_shop
from benchmarks.figure import Figure
from benchmarks.rolling_clients import Load, running_load
from benchmarks.rolling_fleet import STATE_OF_RAG, Fleet, Replica
from benchmarks.rolling_lanes import lane_of, picture
from benchmarks.rolling_load import TURN_SECONDS
from benchmarks.rolling_names import Names
from libs.common.embedded_redis import start_embedded_redis
from tools.fake_llm.server import FakeLlm
from tools.fake_llm.wording import plausible
from tools.stack import StackOptions, free_port_base, running_stack

REPLICAS = {"cache": 2, "rag": 2, "hybrid-engine": 2, "classic-engine": 2, "router": 3, "voice": 2}
KILLED = ("router", "hybrid-engine", "classic-engine", "cache", "rag", "router")
# Shorter than in production, all of them, so that a minute shows what takes an hour there.
AGE_SECONDS, DRAIN_SECONDS, GRACE_SECONDS, GRACE_OF_VOICE_SECONDS = 10, 2, 15, 40
# A streamed reply then takes longer than a drain.
WORD_SECONDS = 0.15
CALM_SECONDS = 2.0
# A reply that is as slow as that must not be taken for a model that fails: the lower rungs are counted.
_LIMITS_OF_MODELS = ("SECONDS", "FIRST_TOKEN_SECONDS", "GAP_SECONDS", "SENTENCE_SECONDS")


async def measure() -> list[Figure]:
    """Rolls every service, adds a router, kills one replica of each; returns what was lost, doubled or late."""
    folder = Path(tempfile.mkdtemp(prefix="ro-"))
    try:
        async with _running_fleet(folder) as fleet:
            old = list(fleet.replicas)
            async with running_load(fleet) as rolled:
                await asyncio.sleep(CALM_SECONDS)
                for service in REPLICAS:
                    await fleet.roll(service, print)
                # One more that takes nobody's place: only the age of connections makes it known.
                await fleet.add("router")
                await asyncio.sleep(AGE_SECONDS + CALM_SECONDS)
            new = [each for each in fleet.replicas if each not in old]
            rolled.tell("rolled", DRAIN_SECONDS)
            async with running_load(fleet) as killed:
                for service in KILLED:
                    await asyncio.sleep(CALM_SECONDS)
                    victim = fleet.serving(service)[0]
                    await fleet.kill(victim)
                    print(f"  {victim.name} killed; {(await fleet.add(service)).name} in its place", flush=True)
                await asyncio.sleep(CALM_SECONDS)
            killed.tell("killed", DRAIN_SECONDS)
            waited = await _first_calls(new)
        _draw(fleet, (rolled, killed))
        return _figures(rolled, killed, waited)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _running_fleet(folder: Path) -> AsyncGenerator[Fleet]:
    async with AsyncExitStack() as exits:
        redis = await start_embedded_redis(folder / "redis")
        exits.push_async_callback(redis.stop)
        base = free_port_base()
        model = await exits.enter_async_context(FakeLlm(responder=plausible, word_seconds=WORD_SECONDS))
        shared = {
            "USE_HYBRID_BOTLIVE": "true",
            "REPARTEE_ROLLOUT_PERCENT": "50",
            "REPARTEE_REDIS_URL": redis.url,
            # Fourteen processes on the cores of one machine keep each other waiting, which is not what is measured.
            "REPARTEE_REDIS_SECONDS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        seed = folder / "seed"
        options = StackOptions(state=seed, port_base=base, redis_url=redis.url, traces=False, environment=shared)
        async with running_stack(options) as stack:
            await apply_busy_shop(stack)
        names = Names()
        await names.listen()
        exits.callback(names.close)
        environment = {
            **shared,
            "REPARTEE_MAX_CONNECTION_AGE_SECONDS": str(AGE_SECONDS),
            "REPARTEE_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "REPARTEE_STOP_GRACE_SECONDS": str(GRACE_SECONDS),
            "REPARTEE_LLM_BASE_URL": model.base_url,
            "REPARTEE_LLM_MODEL": model.models[0],
            "REPARTEE_LLM_CONTINUOUS_USAGE": "true",
            **{f"REPARTEE_LLM_{limit}": str(TURN_SECONDS) for limit in _LIMITS_OF_MODELS},
        }
        fleet = Fleet(
            folder,
            names,
            port_base=base,
            environment=environment,
            own={"voice": {"REPARTEE_STOP_GRACE_SECONDS": str(GRACE_OF_VOICE_SECONDS)}},
            knowledge=seed / STATE_OF_RAG,
        )
        exits.push_async_callback(fleet.stop)
        for service, count in REPLICAS.items():
            await asyncio.gather(*(fleet.add(service) for _ in range(count)))
        print(f"  {len(fleet.replicas)} replicas of {len(REPLICAS)} services serve", flush=True)
        yield fleet


async def _first_calls(new: Sequence[Replica]) -> dict[str, float]:
    """Returns how long each new replica was ready before its first call, in seconds."""
    # Spans are written five times a second.
    await asyncio.sleep(0.5)
    return {each.name: lane_of(each).first_call_seconds for each in new}


def _draw(fleet: Fleet, loads: Sequence[Load]) -> None:
    folder = os.environ.get("REPARTEE_PICTURES")
    if not folder:
        return
    failures: dict[str, list[float]] = {}
    for load in loads:
        for kind, times in load.failed_at().items():
            failures[kind] = [*failures.get(kind, []), *times]
    moments = {"every replica replaced": loads[0].began_at, "one of each killed": loads[1].began_at}
    lanes = [lane_of(each) for each in fleet.replicas]
    path = Path(folder) / "rolling.svg"
    path.write_text(picture("Replicas replaced under load", lanes, failures, moments), encoding="utf-8")
    print(f"  {path} written")


def _figures(rolled: Load, killed: Load, waited: dict[str, float]) -> list[Figure]:
    print("  first calls after", ", ".join(f"{seconds:.1f} s ({name})" for name, seconds in waited.items()), flush=True)
    slowest = max(waited.values())

    return [
        Figure("rolling_failed_calls", rolled.failed_calls(), "calls", ("==", 0)),
        Figure("rolling_turns_lost", rolled.lost_turns, "turns", ("==", 0)),
        Figure("rolling_turns_twice", rolled.doubled_turns, "turns", ("==", 0)),
        Figure("rolling_streams_lost", rolled.lost_streams, "streams", ("==", 0)),
        Figure("rolling_new_replica_first_call_over_connection_age", slowest / AGE_SECONDS, "x", ("<=", 1)),
        # A stream that a dead process cut is for its caller to ask for again; a call is for its channel.
        Figure("rolling_kill_failed_calls", killed.failed_calls("Chat"), "calls", ("==", 0)),
        Figure("rolling_kill_turns_lost", killed.lost_turns, "turns", ("==", 0)),
        Figure("rolling_kill_streams_lost", killed.lost_streams, "streams", ("==", 0)),
        Figure("rolling_kill_effects_twice", killed.doubled_turns, "turns", ("==", 0)),
    ]


async def main() -> None:
    """Prints every figure."""
    for figure in await measure():
        print(figure)


if __name__ == "__main__":
    asyncio.run(main())
