"""Wires the engine: settings, tenants, passages, models, the engine that REPARTEE_ENGINE names, `main`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from libs.common.channel import ClientTls, open_channel
from libs.common.metrics import Meter
from libs.common.redis_store import RedisStore
from libs.common.request_context import current
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.spending.ledger import Ledger
from libs.common.spending.metered_ledger import metered
from libs.common.spending.open_ledger import open_ledger
from libs.common.spending.price_file import load_prices
from libs.common.stage_metrics import timed
from libs.common.telemetry import Telemetry, stages, start_telemetry
from libs.common.tenants.bundle import TenantBundle, Tier
from libs.common.tenants.directory import TenantDirectory, TenantSource
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import engine_pb2, engine_pb2_grpc, rag_pb2
from services.hybrid_engine.adapters.open_tiers import TierOpener, tier_of_settings
from services.hybrid_engine.adapters.openai_chat import load_sdk
from services.hybrid_engine.adapters.passages import RagPassages
from services.hybrid_engine.admin import EngineAdminServicer
from services.hybrid_engine.engine_metrics import EngineMetrics
from services.hybrid_engine.llm.accounting import Settling
from services.hybrid_engine.llm.choosing import Books, Cascades
from services.hybrid_engine.llm.generating import Generating
from services.hybrid_engine.llm.guarded_tier import GuardedTier, TierState
from services.hybrid_engine.llm.mode import LlmMode, follow_mode_file, read_mode_file
from services.hybrid_engine.llm.probing import Prober
from services.hybrid_engine.llm.tier_file import read_tiers
from services.hybrid_engine.llm_servicer import LlmServicer
from services.hybrid_engine.replies import CannedReplies
from services.hybrid_engine.servicer import EngineServicer
from services.hybrid_engine.settings import EngineSettings
from services.hybrid_engine.turn import PassageFinder

if TYPE_CHECKING:
    from services.hybrid_engine.classic.answering import ClassicAnswering
    from services.hybrid_engine.hybrid.answering import HybridAnswering

_log = logging.getLogger(__name__)


@asynccontextmanager
async def running(
    settings: EngineSettings,
    *,
    tenants: TenantSource | None = None,
    passages: PassageFinder | None = None,
    ledger: Ledger | None = None,
) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block; `tenants`, `passages` and `ledger` replace what the settings name."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry(settings.name, settings)
        stack.callback(telemetry.shutdown)
        store = _open_store(settings, stack)
        directory = await stack.enter_async_context(TenantDirectory(tenants or open_tenant_store(settings, store)))
        opened = ledger or await stack.enter_async_context(open_ledger(store))
        tiers = _tiers(settings)
        own = frozenset(model for tier in tiers for model in (tier.model, *tier.more_models))
        books = metered(opened, telemetry.meter, shown=own)
        metrics = EngineMetrics(telemetry.meter or Meter())

        async def bundle_of_caller() -> TenantBundle:
            return await directory.get(current().principal.require_tenant())

        cascades = await _open_cascades(settings, tiers, books, metrics, stack)
        metrics.show_tiers(cascades)
        await stack.enter_async_context(_looked_after(settings, cascades))
        answering = _engine(settings)(
            bundles=bundle_of_caller,
            passages=passages or await _open_passages(settings, telemetry, stack),
            cascade_of=cascades.of,
            stages=timed(stages(telemetry.tracer), telemetry.meter),
        )
        generating = Generating(bundles=bundle_of_caller, cascade_of=cascades.of, replies=CannedReplies())
        admin = EngineAdminServicer(bundles=bundle_of_caller, cascades=cascades)
        server = await stack.enter_async_context(
            running_server(
                settings,
                name=settings.name,
                registrations=_registrations(
                    EngineServicer(answering, note=metrics.answered), admin, LlmServicer(generating)
                ),
                tracer=telemetry.tracer,
                meter=telemetry.meter,
                dependencies=lambda: _dependencies(settings, cascades),
            )
        )
        yield server


def _engine(settings: EngineSettings) -> "type[HybridAnswering | ClassicAnswering]":
    """Returns the engine that is served. Only that one is imported, so that either package runs without the other."""
    if settings.engine == "hybrid":
        from services.hybrid_engine.hybrid.answering import HybridAnswering  # noqa: PLC0415  # see above

        return HybridAnswering
    from services.hybrid_engine.classic.answering import ClassicAnswering  # noqa: PLC0415  # see above

    return ClassicAnswering


def _open_store(settings: EngineSettings, stack: AsyncExitStack) -> RedisStore | None:
    if settings.redis_url is None:
        return None
    store = RedisStore.connect(
        settings.redis_url.get_secret_value(), prefix=settings.redis_prefix, timeout_seconds=settings.redis_seconds
    )
    stack.push_async_callback(store.aclose)
    return store


async def _open_passages(settings: EngineSettings, telemetry: Telemetry, stack: AsyncExitStack) -> PassageFinder:
    channel = open_channel(
        settings.rag_target,
        services=[rag_pb2.DESCRIPTOR.services_by_name["RagService"]],
        name=settings.name,
        tls=ClientTls.of(settings),
        tracer=telemetry.tracer,
        meter=telemetry.meter,
    )
    await stack.enter_async_context(channel)
    return RagPassages(channel, timeout_seconds=settings.retrieval_seconds)


def _tiers(settings: EngineSettings) -> Sequence[Tier]:
    first = (tier_of_settings(settings),) if settings.has_llm else ()
    return (*first, *(read_tiers(settings.llm_tiers_file) if settings.llm_tiers_file else ()))


async def _open_cascades(
    settings: EngineSettings, tiers: Sequence[Tier], ledger: Ledger, metrics: EngineMetrics, stack: AsyncExitStack
) -> Cascades:
    asked = read_mode_file(settings.llm_mode_file) if settings.llm_mode_file else None
    settling = await stack.enter_async_context(Settling().running())
    cascades = Cascades(
        tiers,
        open_tier=TierOpener(settings).open,
        mode=asked or LlmMode(settings.llm_mode),
        books=Books(ledger, load_prices(settings.prices_file), settling),
        tell=metrics.tried,
    )
    stack.push_async_callback(cascades.aclose)
    if cascades.of_process.configured:
        await load_sdk()
    return cascades


@asynccontextmanager
async def _looked_after(settings: EngineSettings, cascades: Cascades) -> AsyncGenerator[None, None]:
    """Probes models, follows the mode's file and closes what nobody uses, beside what happens in the block."""
    prober = Prober(cascades.tiers, lambda: cascades.mode, warm_up=settings.llm_warm_up)
    work = [prober.run(again=settings.llm_reprobe), cascades.close_idle_for_ever()]
    if settings.llm_mode_file is not None:
        work.append(follow_mode_file(settings.llm_mode_file, cascades.set_mode))
    tasks = [asyncio.create_task(each, name="look-after-models") for each in work]
    for task in tasks:
        task.add_done_callback(_tell_of_death)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tell_of_death(task: asyncio.Task[None]) -> None:
    """Logs what ended a task that never ends; without a line, tiers would stay as they are and nobody would know."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("models are no longer looked after", exc_info=error)


def _registrations(servicer: EngineServicer, admin: EngineAdminServicer, llm: LlmServicer) -> Sequence[Registration]:
    services = engine_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(services["EngineService"], engine_pb2_grpc.add_EngineServiceServicer_to_server, servicer),
        Registration(services["EngineAdminService"], engine_pb2_grpc.add_EngineAdminServiceServicer_to_server, admin),
        Registration(services["LlmService"], engine_pb2_grpc.add_LlmServiceServicer_to_server, llm),
    )


def _dependencies(settings: EngineSettings, cascades: Cascades) -> Sequence[DependencyState]:
    if cascades.of_process.configured:
        return [_dependency(tier, cascades.mode) for tier in cascades.of_process.tiers]
    if settings.engine == "classic":
        return (DependencyState("llm", "degraded", "None: this engine answers nothing for tenants without a model."),)
    return (DependencyState("llm", "embedded", "None: templates and sentences of documents serve."),)


def _dependency(tier: GuardedTier, mode: LlmMode) -> DependencyState:
    state = tier.state(mode)
    if state in (TierState.UNKNOWN, TierState.UP, TierState.REACHABLE_EMPTY, TierState.DEGRADED):
        return DependencyState(f"llm:{tier.name}", "up")
    if not tier.has_key:
        return DependencyState(f"llm:{tier.name}", "embedded", "Its key is not set; the next tier serves.")
    return DependencyState(f"llm:{tier.name}", "degraded", "It failed lately; the next tier, or templates, serve.")


async def serve(settings: EngineSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(EngineSettings)))
