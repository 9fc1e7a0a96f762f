"""Wires the router: settings, stores, channels, the turn, servicers, `main`."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from libs.common.channel import ClientTls, open_channel
from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.telemetry import current_trace_id, start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
from libs.common.tenants.stored import TenantStore
from repartee.v1 import (
    cache_pb2,
    engine_pb2,
    rollout_pb2,
    rollout_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    tenants_pb2,
    tenants_pb2_grpc,
)
from services.router.adapters.memory_conversations import MemoryConversations
from services.router.adapters.redis_conversations import RedisConversations
from services.router.adapters.upstreams import CacheClient, EngineClient, Upstream
from services.router.admin.rollout import RolloutServicer
from services.router.admin.tenants import TenantServicer
from services.router.admin.usage import UsageServicer
from services.router.background import Background
from services.router.chat import Chat
from services.router.conversations import Conversations
from services.router.keeping import Keeping
from services.router.ladder import Ladder
from services.router.rollout import Rollout, rollout_from
from services.router.servicer import DEFAULT_TURN_SECONDS, MAX_TURN_SECONDS, RouterServicer
from services.router.settings import RouterSettings
from services.router.steady_conversations import SteadyConversations
from services.router.tally import Tally
from services.router.turn import Variant

_LOG = logging.getLogger(__name__)
_CACHE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
_ENGINE = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]
_REPLAY_EVERY_SECONDS = 0.5
_FINISH_SECONDS = 2.0


@asynccontextmanager
async def running(settings: RouterSettings) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block. Raises InvalidRequest (INVALID_SETTING) for a switch that is unclear."""
    rollout = rollout_from(settings.use_hybrid_botlive, percent=settings.rollout_percent)
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry("router", settings)
        stack.callback(telemetry.shutdown)
        redis = await _open_redis(settings, stack)
        tenants = open_tenant_store(settings, redis)
        directory = await stack.enter_async_context(TenantDirectory(tenants))
        conversations, steady = await _open_conversations(settings, redis, stack)

        async def channel(target: str, service: ServiceDescriptor) -> grpc.aio.Channel:
            opened = open_channel(
                target, services=[service], name="router", tls=ClientTls.of(settings), tracer=telemetry.tracer
            )
            return await stack.enter_async_context(opened)

        cache = CacheClient(await channel(settings.cache_target, _CACHE))
        engines = {
            Variant.HYBRID: EngineClient(await channel(settings.hybrid_target, _ENGINE)),
            Variant.CLASSIC: EngineClient(await channel(settings.classic_target, _ENGINE)),
        }
        background = Background()
        stack.push_async_callback(background.finish, timeout_seconds=_FINISH_SECONDS)
        chat = Chat(
            tenants=directory,
            conversations=conversations,
            answers=cache,
            ladder=Ladder(engines),
            rollout=rollout,
            tally=Tally(),
            background=background,
            new_id=_new_turn_id,
            trace_id=current_trace_id,
        )
        upstreams: Mapping[str, Upstream] = {
            "cache": cache,
            "engine:hybrid": engines[Variant.HYBRID],
            "engine:classic": engines[Variant.CLASSIC],
        }
        _LOG.info("hybrid gets %g %% of conversations (%s)", rollout.percent, rollout.source)
        yield await stack.enter_async_context(
            running_server(
                settings,
                name="router",
                registrations=_registrations(chat, Keeping(conversations), tenants, rollout),
                tracer=telemetry.tracer,
                dependencies=lambda: _dependencies(steady, upstreams),
                default_deadline_seconds=DEFAULT_TURN_SECONDS,
                max_deadline_seconds=MAX_TURN_SECONDS,
            )
        )


async def _open_redis(settings: RouterSettings, stack: AsyncExitStack) -> RedisStore | None:
    if settings.redis_url is None:
        return None
    redis = RedisStore.connect(settings.redis_url.get_secret_value(), prefix=settings.redis_prefix)
    stack.push_async_callback(redis.aclose)
    return redis


async def _open_conversations(
    settings: RouterSettings, redis: RedisStore | None, stack: AsyncExitStack
) -> tuple[Conversations, SteadyConversations | None]:
    if redis is None:
        return MemoryConversations(history_messages=settings.history_messages), None
    kept = RedisConversations(
        redis, retention_days=settings.conversation_days, history_messages=settings.history_messages
    )
    steady = SteadyConversations(
        kept, is_back=redis.ping, max_waiting=settings.outbox_turns, history_messages=settings.history_messages
    )
    replaying = asyncio.create_task(_replay_for_ever(steady), name="replay-turns")
    stack.push_async_callback(_stop_replaying, replaying, steady)
    return steady, steady


async def _replay_for_ever(steady: SteadyConversations) -> None:
    while True:
        await asyncio.sleep(_REPLAY_EVERY_SECONDS)
        await steady.replay()


async def _stop_replaying(replaying: "asyncio.Task[None]", steady: SteadyConversations) -> None:
    replaying.cancel()
    await asyncio.gather(replaying, return_exceptions=True)
    if not await steady.replay():
        _LOG.error("%d turns that waited for the store are lost with this process", steady.waiting)


def _registrations(chat: Chat, keeping: Keeping, tenants: TenantStore, rollout: Rollout) -> Sequence[Registration]:
    router, admin = router_pb2.DESCRIPTOR.services_by_name, tenants_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(
            router["RouterService"],
            router_pb2_grpc.add_RouterServiceServicer_to_server,
            RouterServicer(chat=chat, keeping=keeping),
        ),
        Registration(
            admin["TenantService"],
            tenants_pb2_grpc.add_TenantServiceServicer_to_server,
            TenantServicer(tenants),  # pyright: ignore[reportAbstractUsage]  # single changes are not served yet
        ),
        Registration(
            rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"],
            rollout_pb2_grpc.add_RolloutServiceServicer_to_server,
            RolloutServicer(rollout),  # pyright: ignore[reportAbstractUsage]  # changing it is not served yet
        ),
        Registration(
            admin["UsageService"],
            tenants_pb2_grpc.add_UsageServiceServicer_to_server,
            UsageServicer(),  # pyright: ignore[reportAbstractUsage]  # not served yet
        ),
    )


def _dependencies(steady: SteadyConversations | None, upstreams: Mapping[str, Upstream]) -> list[DependencyState]:
    if steady is None:
        kept = DependencyState("redis", "embedded", "Conversations live in this process and end with it.")
    elif steady.is_down:
        kept = DependencyState("redis", "degraded", f"{steady.waiting} turns wait in memory to be kept.")
    else:
        kept = DependencyState("redis", "up")
    return [
        kept,
        *(
            DependencyState(name, "degraded", "Its last call failed; turns do without it.")
            if upstream.is_failing
            else DependencyState(name, "up")
            for name, upstream in upstreams.items()
        ),
    ]


def _new_turn_id() -> str:
    return f"{random.getrandbits(128):032x}"  # an id to find a turn by, not a secret


async def serve(settings: RouterSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(RouterSettings)))
