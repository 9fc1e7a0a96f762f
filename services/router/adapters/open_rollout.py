"""The rollout and everything that judges it, kept in Redis for all replicas, or in this process."""

import os
import secrets
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from libs.common.redis_store import RedisStore
from libs.common.upkeep import Upkeep
from services.router.adapters.memory_metrics import MemoryMetrics
from services.router.adapters.memory_shadow import MemoryShadowCounts
from services.router.adapters.redis_metrics import RedisMetrics
from services.router.adapters.redis_rollout import RedisRolloutStore
from services.router.adapters.redis_shadow import RedisShadowCounts
from services.router.judging.guarding import Guard
from services.router.judging.judge import Judge
from services.router.judging.recording import MetricsRecorder
from services.router.judging.rounds import ROUND_SECONDS, Rounds
from services.router.judging.slow_turns import SlowTurns
from services.router.rollout import Rollout, rollout_from
from services.router.settings import RouterSettings
from services.router.shadow.pairs import ShadowCounts
from services.router.turn import Variant
from services.router.variant_names import variant_names


@dataclass(frozen=True, slots=True)
class OpenRollout:
    """The switch, the recorder of turns that the guard lives on, the comparison, and the counts of unseen turns."""

    rollout: Rollout
    recorder: MetricsRecorder
    judge: Judge
    guard: Guard
    shadow_counts: ShadowCounts


@asynccontextmanager
async def open_rollout(settings: RouterSettings, redis: RedisStore | None) -> AsyncGenerator[OpenRollout, None]:
    """Follows the switch and guards it within the block. Raises InvalidRequest (INVALID_SETTING) for an unclear one."""
    metrics = RedisMetrics(redis) if redis else MemoryMetrics()
    shadow_counts = RedisShadowCounts(redis) if redis else MemoryShadowCounts()

    async def samples(tenant: str, since: float) -> Mapping[Variant, int]:
        return await judge.samples(tenant, since)

    rollout = rollout_from(
        settings.use_hybrid_botlive,
        percent=settings.rollout_percent,
        file=settings.switch_file,
        store=RedisRolloutStore(redis) if redis else None,
        samples=samples,
        replica=settings.replica or f"{socket.gethostname()}/{os.getpid()}",
    )
    names = variant_names(settings.variant_names)
    judge = Judge(metrics, standing=rollout.state, note=rollout.note, names=names)
    recorder = MetricsRecorder(
        metrics,
        recorder_id=secrets.token_hex(8),
        standing=rollout.state,
        share=lambda turn: turn.share,
        slow_turns=SlowTurns(metrics),
    )
    guard = Guard(metrics, metrics, rollout, standing=rollout.state, names=names)
    rounds = Rounds(recorder, guard)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(rollout)
        upkeep = Upkeep(after_failure_seconds=ROUND_SECONDS)
        stack.push_async_callback(recorder.flush)
        stack.push_async_callback(upkeep.stop)
        upkeep.start(rounds.once, name="judging the rollout", every_seconds=ROUND_SECONDS)
        yield OpenRollout(rollout, recorder, judge, guard, shadow_counts)
