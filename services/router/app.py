"""Wires the router: settings, stores, channels, the switch, the turn, servicers, `main`."""

import logging
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from libs.common.channel import ClientTls, open_channel
from libs.common.migrations.standing import stored_version
from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.telemetry import current_trace_id, start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
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
from services.router.adapters.cache_client import CacheClient
from services.router.adapters.engine_client import EngineClient
from services.router.adapters.open_accounts import open_accounts
from services.router.adapters.open_afterwards import open_afterwards
from services.router.adapters.open_conversations import open_conversations
from services.router.adapters.open_rollout import open_rollout
from services.router.adapters.upstream import Upstream
from services.router.admin.rollout import RolloutServicer
from services.router.admin.tenants import TenantServicer
from services.router.admin.usage import UsageServicer
from services.router.background import Background
from services.router.chat import Chat
from services.router.counting import Counting
from services.router.earlier_answers import EarlierAnswers
from services.router.keeping import Keeping
from services.router.ladder import Ladder
from services.router.migrations.stores import SENTINELS, conversations_store
from services.router.rollout import Rollout
from services.router.router_metrics import show_outbox, show_rollout
from services.router.servicer import DEFAULT_TURN_SECONDS, MAX_TURN_SECONDS, RouterServicer
from services.router.settings import RouterSettings
from services.router.shadow.shadowing import Shadow
from services.router.turn import Variant
from services.router.turn_metrics import MetricsOfTurns
from services.router.variant_names import variant_names

_LOG = logging.getLogger(__name__)
_CACHE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
_ENGINE = engine_pb2.DESCRIPTOR.services_by_name["EngineService"]
_FINISH_SECONDS = 2.0
# A step of a conversation may need a second exchange with its store, for a script that the server does not know yet.
_CONVERSATION_SECONDS = 0.04


@asynccontextmanager
async def running(settings: RouterSettings) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block. Raises InvalidRequest (INVALID_SETTING) for a switch that is unclear."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry("router", settings)
        stack.callback(telemetry.shutdown)
        redis = await _open_redis(settings, stack)
        # Before anything is written: an empty store gets its stamp here.
        schema = await stack.enter_async_context(stored_version(redis, conversations_store, sentinels=SENTINELS))
        opened = await stack.enter_async_context(open_rollout(settings, redis))
        rollout = opened.rollout
        tenants = open_tenant_store(settings, redis)
        directory = await stack.enter_async_context(TenantDirectory(tenants))
        kept = await stack.enter_async_context(
            open_conversations(
                redis,
                state_dir=settings.state_dir,
                retention_days=settings.conversation_days,
                history_messages=settings.history_messages,
                max_waiting=settings.outbox_turns,
                timeout_seconds=settings.redis_seconds + _CONVERSATION_SECONDS,
            )
        )
        counted = MetricsOfTurns(telemetry.meter)
        accounts = await stack.enter_async_context(open_accounts(redis, refused=counted.refused))
        afterwards = await stack.enter_async_context(
            open_afterwards(
                redis,
                kept.conversations,
                silence_seconds=settings.abandon_minutes * 60.0,
                recorders=(opened.recorder, accounts.recorder, counted),
            )
        )

        async def channel(target: str, service: ServiceDescriptor) -> grpc.aio.Channel:
            channel = open_channel(
                target,
                services=[service],
                name="router",
                tls=ClientTls.of(settings),
                tracer=telemetry.tracer,
                meter=telemetry.meter,
            )
            return await stack.enter_async_context(channel)

        cache = CacheClient(await channel(settings.cache_target, _CACHE))
        engines = {
            Variant.HYBRID: EngineClient(await channel(settings.hybrid_target, _ENGINE)),
            Variant.CLASSIC: EngineClient(await channel(settings.classic_target, _ENGINE)),
        }
        background = Background()
        stack.push_async_callback(background.finish, timeout_seconds=_FINISH_SECONDS)
        shadow = Shadow(
            engines=engines,
            counts=opened.shadow_counts,
            percent_of=lambda tenant: rollout.state(tenant).shadow_percent,
        )
        stack.push_async_callback(shadow.finish, timeout_seconds=_FINISH_SECONDS)
        chat = Chat(
            tenants=directory,
            conversations=kept.conversations,
            earlier=EarlierAnswers(cache, engines=engines, background=background),
            ladder=Ladder(engines, names=variant_names(settings.variant_names)),
            rollout=rollout,
            counting=Counting((opened.recorder, accounts.recorder, afterwards.abandonments, counted)),
            limits=accounts.limits,
            shadow=shadow,
            new_id=_new_turn_id,
            trace_id=current_trace_id,
        )
        upstreams: Mapping[str, Upstream] = {
            "cache": cache,
            "engine:hybrid": engines[Variant.HYBRID],
            "engine:classic": engines[Variant.CLASSIC],
        }
        if telemetry.meter is not None:
            show_rollout(telemetry.meter, opened)
            show_outbox(telemetry.meter, kept)
        now = rollout.state()
        _LOG.info("hybrid gets %g %% of conversations (%s)", now.percent, now.source)
        registrations = _registrations(
            RouterServicer(
                chat=chat,
                keeping=Keeping(kept.conversations, unseen=opened.shadow_counts),
                rating=afterwards.rating,
            ),
            TenantServicer(tenants),
            RolloutServicer(rollout, tenants=directory, judge=opened.judge, shadow_counts=opened.shadow_counts),
            UsageServicer(accounts.query),
        )
        server = await stack.enter_async_context(
            running_server(
                settings,
                name="router",
                registrations=registrations,
                tracer=telemetry.tracer,
                meter=telemetry.meter,
                dependencies=lambda: [
                    kept.dependency(),
                    *schema(),
                    _switch_state(rollout),
                    *_upstream_states(upstreams),
                ],
                default_deadline_seconds=DEFAULT_TURN_SECONDS,
                max_deadline_seconds=MAX_TURN_SECONDS,
                on_stopping=rollout.end_watches,
            )
        )
        yield server


async def _open_redis(settings: RouterSettings, stack: AsyncExitStack) -> RedisStore | None:
    if settings.redis_url is None:
        return None
    redis = RedisStore.connect(
        settings.redis_url.get_secret_value(), prefix=settings.redis_prefix, timeout_seconds=settings.redis_seconds
    )
    stack.push_async_callback(redis.aclose)
    return redis


def _registrations(
    chat: RouterServicer, tenants: TenantServicer, rollout: RolloutServicer, usage: UsageServicer
) -> Sequence[Registration]:
    router, admin = router_pb2.DESCRIPTOR.services_by_name, tenants_pb2.DESCRIPTOR.services_by_name
    switch = rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"]
    return (
        Registration(router["RouterService"], router_pb2_grpc.add_RouterServiceServicer_to_server, chat),
        Registration(admin["TenantService"], tenants_pb2_grpc.add_TenantServiceServicer_to_server, tenants),
        Registration(switch, rollout_pb2_grpc.add_RolloutServiceServicer_to_server, rollout),
        Registration(admin["UsageService"], tenants_pb2_grpc.add_UsageServiceServicer_to_server, usage),
    )


def _switch_state(rollout: Rollout) -> DependencyState:
    if not rollout.waiting:
        return DependencyState("switch", "up")
    return DependencyState(
        "switch", "degraded", f"{rollout.waiting} decisions hold on this replica only, until the store is back."
    )


def _upstream_states(upstreams: Mapping[str, Upstream]) -> list[DependencyState]:
    return [
        DependencyState(name, "degraded", "Its last call failed; turns do without it.")
        if upstream.is_failing
        else DependencyState(name, "up")
        for name, upstream in upstreams.items()
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
