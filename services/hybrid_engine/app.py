"""Wires the engine: settings, tenants, passages, models, the engine that REPARTEE_ENGINE names, `main`."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.channel import ClientTls, open_channel
from libs.common.redis_store import RedisStore
from libs.common.request_context import current
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.telemetry import Telemetry, stages, start_telemetry
from libs.common.tenants.bundle import TenantBundle, Tier
from libs.common.tenants.directory import TenantDirectory, TenantSource
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import engine_pb2, engine_pb2_grpc, rag_pb2
from services.hybrid_engine.adapters.openai_chat import Limits, OpenAIChat
from services.hybrid_engine.adapters.passages import RagPassages
from services.hybrid_engine.admin import EngineAdminServicer
from services.hybrid_engine.classic.answering import ClassicAnswering
from services.hybrid_engine.hybrid.answering import HybridAnswering
from services.hybrid_engine.llm.choosing import Cascades
from services.hybrid_engine.llm.tiers import Cascade, ChatModel, LlmMode
from services.hybrid_engine.servicer import EngineServicer
from services.hybrid_engine.settings import EngineSettings
from services.hybrid_engine.turn import PassageFinder


@asynccontextmanager
async def running(
    settings: EngineSettings, *, tenants: TenantSource | None = None, passages: PassageFinder | None = None
) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block; `tenants` and `passages` replace what the settings name."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry(settings.name, settings)
        stack.callback(telemetry.shutdown)
        directory = await stack.enter_async_context(TenantDirectory(tenants or _open_tenants(settings, stack)))

        async def bundle_of_caller() -> TenantBundle:
            return await directory.get(current().principal.require_tenant())

        cascades = await _open_cascades(settings, stack)
        engine = HybridAnswering if settings.engine == "hybrid" else ClassicAnswering
        answering = engine(
            bundles=bundle_of_caller,
            passages=passages or await _open_passages(settings, telemetry, stack),
            cascade_of=cascades.of,
            stages=stages(telemetry.tracer),
        )
        admin = EngineAdminServicer(bundles=bundle_of_caller, cascades=cascades)
        server = await stack.enter_async_context(
            running_server(
                settings,
                name=settings.name,
                registrations=_registrations(EngineServicer(answering), admin),
                tracer=telemetry.tracer,
                dependencies=lambda: _dependencies(settings, cascades.of_process),
            )
        )
        yield server


def _open_tenants(settings: EngineSettings, stack: AsyncExitStack) -> TenantSource:
    store: RedisStore | None = None
    if settings.redis_url is not None:
        store = RedisStore.connect(settings.redis_url.get_secret_value(), prefix=settings.redis_prefix)
        stack.push_async_callback(store.aclose)
    return open_tenant_store(settings, store)


async def _open_passages(settings: EngineSettings, telemetry: Telemetry, stack: AsyncExitStack) -> PassageFinder:
    channel = open_channel(
        settings.rag_target,
        services=[rag_pb2.DESCRIPTOR.services_by_name["RagService"]],
        name=settings.name,
        tls=ClientTls.of(settings),
        tracer=telemetry.tracer,
    )
    await stack.enter_async_context(channel)
    return RagPassages(channel, timeout_seconds=settings.retrieval_seconds)


async def _open_cascades(settings: EngineSettings, stack: AsyncExitStack) -> Cascades:
    def open_tier(tier: Tier, key: str) -> OpenAIChat:
        limits = Limits(
            whole_seconds=min(tier.timeout_seconds, settings.llm_seconds),
            first_token_seconds=settings.llm_first_token_seconds,
            gap_seconds=settings.llm_gap_seconds,
            max_concurrent=settings.llm_max_concurrent,
        )
        model = OpenAIChat(
            name=tier.name,
            base_url=tier.base_url,
            api_key=key,
            model=tier.model,
            temperature=tier.temperature,
            limits=limits,
        )
        stack.push_async_callback(model.aclose)
        return model

    own: list[ChatModel] = []
    if settings.has_llm:
        tier = Tier(
            name="default",
            base_url=settings.llm_base_url,
            model=settings.llm_model,
            temperature=settings.llm_temperature,
            timeout_seconds=settings.llm_seconds,
        )
        model = open_tier(tier, settings.llm_api_key.get_secret_value())
        await model.open()
        own.append(model)
    cascade = Cascade(own, mode=LlmMode(settings.llm_mode), whole_seconds=settings.llm_seconds)
    return Cascades(of_process=cascade, open_tier=open_tier)


def _registrations(servicer: EngineServicer, admin: EngineAdminServicer) -> Sequence[Registration]:
    services = engine_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(services["EngineService"], engine_pb2_grpc.add_EngineServiceServicer_to_server, servicer),
        Registration(services["EngineAdminService"], engine_pb2_grpc.add_EngineAdminServiceServicer_to_server, admin),
    )


def _dependencies(settings: EngineSettings, cascade: Cascade) -> Sequence[DependencyState]:
    tiers = [
        DependencyState(f"llm:{tier.name}", "degraded", "It failed lately; templates and extracts serve.")
        if cascade.resting(tier.name)
        else DependencyState(f"llm:{tier.name}", "up")
        for tier in (cascade.tiers if cascade.configured else ())
    ]
    if tiers:
        return tiers
    if settings.engine == "classic":
        return (DependencyState("llm", "degraded", "None: this engine answers nothing for tenants without a model."),)
    return (DependencyState("llm", "embedded", "None: templates and sentences of documents serve."),)


async def serve(settings: EngineSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(EngineSettings)))
