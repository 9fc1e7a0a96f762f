"""Wires the cache service: settings, store, embedder, use cases, servicers, `main`."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from libs.common.embedding.choose import open_embedder
from libs.common.errors import PreconditionFailed, Unavailable
from libs.common.migrations.standing import stored_version
from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.spending.metered_ledger import metered
from libs.common.spending.open_ledger import open_ledger
from libs.common.spending.price_file import load_prices
from libs.common.spending.side_charges import SideCharges
from libs.common.stage_metrics import timed
from libs.common.telemetry import stages, start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import cache_pb2, cache_pb2_grpc
from services.cache.adapters.bundle_policies import BundlePolicies
from services.cache.adapters.memory_answers import MemoryAnswers
from services.cache.adapters.memory_leases import MemoryLeases
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.adapters.redis_leases import RedisLeases
from services.cache.adapters.redisearch_nearest import RedisearchNearest
from services.cache.admin import CacheAdminServicer
from services.cache.answers import Answers
from services.cache.cache_metrics import CacheMetrics
from services.cache.canary import Canary
from services.cache.counters import Counters
from services.cache.flights import Flights, Leases
from services.cache.index_following import IndexFollower
from services.cache.keeping import Keeping
from services.cache.migrations.stores import SENTINELS, answers_store
from services.cache.reading import warm_up as warm_up_reading
from services.cache.rechecking import Rechecking
from services.cache.servicer import CacheServicer
from services.cache.settings import CacheSettings
from services.cache.statistics import Statistics
from services.cache.tenant_index import TenantIndexes

# Keeping an answer and loading a tenant are not what a customer waits for.
_PATIENCE_SECONDS = 0.5


@asynccontextmanager
async def running(settings: CacheSettings) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry("cache", settings)
        stack.callback(telemetry.shutdown)
        bundles = _connect(settings, stack, db=None)
        kept = _connect(settings, stack, db=settings.cache_redis_db, at_least_seconds=_PATIENCE_SECONDS)
        schema = await stack.enter_async_context(stored_version(kept, answers_store, sentinels=SENTINELS))
        store = _open_store(settings, stack)
        directory = await stack.enter_async_context(TenantDirectory(open_tenant_store(settings, bundles)))
        ledger = metered(await stack.enter_async_context(open_ledger(bundles)), telemetry.meter)
        charges = SideCharges(ledger, load_prices(settings.prices_file))
        stack.push_async_callback(charges.aclose)
        embedder = open_embedder(settings, charges)
        stack.push_async_callback(embedder.aclose)
        # Before the server takes calls, so that no lookup waits for the model to load.
        await embedder.warm_up()
        warm_up_reading()
        policies = BundlePolicies(directory)
        metrics, indexes = CacheMetrics(), TenantIndexes(max_bytes=settings.cache_index_bytes)
        if telemetry.meter is not None:
            metrics.show(telemetry.meter, indexes)
        counters = await stack.enter_async_context(Counters(store, note=metrics.counted))
        follower = IndexFollower(store, indexes, counters)
        answers = Answers(
            store,
            embedder=embedder,
            policies=policies,
            follower=follower,
            counters=counters,
            nearest=await _open_nearest(settings, stack, dimensions=embedder.dimensions),
            store_budget_seconds=settings.cache_store_budget_seconds,
            embed_timeout_seconds=settings.cache_embed_timeout_seconds,
            stages=timed(stages(telemetry.tracer), telemetry.meter),
            threshold_floor=settings.cache_threshold_floor,
            sample_share=settings.cache_sample_share,
        )
        flights = Flights(answers, _open_leases(settings, stack), meter=telemetry.meter)
        stack.push_async_callback(flights.aclose)
        keeping = Keeping(
            store,
            embedder=embedder,
            policies=policies,
            follower=follower,
            counters=counters,
            embed_timeout_seconds=settings.cache_embed_timeout_seconds,
        )
        every_seconds = settings.cache_canary_seconds
        canary = await stack.enter_async_context(Canary(answers, keeping, counters, every_seconds=every_seconds))
        rechecking = Rechecking(store, embedder=embedder, policies=policies, counters=counters)
        servicer = CacheServicer(flights, keeping, rechecking, embedder_id=embedder.embedder_id)
        admin = CacheAdminServicer(answers, keeping, Statistics(store, store, counters, policies=policies))
        server = await stack.enter_async_context(
            running_server(
                settings,
                name="cache",
                registrations=_registrations(servicer, admin),
                tracer=telemetry.tracer,
                meter=telemetry.meter,
                dependencies=lambda: [
                    _redis_state(settings, answers),
                    *schema(),
                    *_isolation_state(settings, canary),
                ],
            )
        )
        yield server


def _connect(
    settings: CacheSettings, stack: AsyncExitStack, *, db: int | None, at_least_seconds: float = 0.0
) -> RedisStore | None:
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    seconds = max(settings.redis_seconds, at_least_seconds)
    store = RedisStore.connect(url, db=db, prefix=settings.redis_prefix, timeout_seconds=seconds)
    stack.push_async_callback(store.aclose)
    return store


def _open_store(settings: CacheSettings, stack: AsyncExitStack) -> RedisAnswers | MemoryAnswers:
    capacity, capacity_bytes = settings.cache_entries_per_tenant, settings.cache_bytes_per_tenant
    kept = _connect(settings, stack, db=settings.cache_redis_db)
    if kept is None:
        return MemoryAnswers(capacity=capacity, capacity_bytes=capacity_bytes)
    patient = _connect(settings, stack, db=settings.cache_redis_db, at_least_seconds=_PATIENCE_SECONDS)
    return RedisAnswers(
        kept,
        patient=patient,
        capacity=capacity,
        capacity_bytes=capacity_bytes,
        keeps_vectors=settings.cache_index == "redisearch",
    )


async def _open_nearest(settings: CacheSettings, stack: AsyncExitStack, *, dimensions: int) -> RedisearchNearest | None:
    """Returns None for the indexes in memory."""
    if settings.cache_index == "memory":
        return None
    store = _connect(settings, stack, db=settings.cache_redis_db)
    if store is None or (settings.cache_redis_db and not settings.redis_prefix):
        raise PreconditionFailed(
            "QUERY_ENGINE_DATABASE",
            "REPARTEE_CACHE_INDEX=redisearch needs a Redis with the query engine, which knows database 0 only: "
            "set REPARTEE_REDIS_URL, and REPARTEE_CACHE_REDIS_DB=0 or a REPARTEE_REDIS_PREFIX.",
        )
    nearest = RedisearchNearest(store, dimensions=dimensions)
    # Without a Redis the service starts all the same, and makes the index when the first lookup needs it.
    with contextlib.suppress(Unavailable):
        await nearest.prepare()
    return nearest


def _open_leases(settings: CacheSettings, stack: AsyncExitStack) -> Leases:
    store = _connect(settings, stack, db=settings.cache_redis_db)
    return MemoryLeases() if store is None else RedisLeases(store)


def _registrations(servicer: CacheServicer, admin: CacheAdminServicer) -> Sequence[Registration]:
    services = cache_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(services["CacheService"], cache_pb2_grpc.add_CacheServiceServicer_to_server, servicer),
        Registration(services["CacheAdminService"], cache_pb2_grpc.add_CacheAdminServiceServicer_to_server, admin),
    )


def _redis_state(settings: CacheSettings, answers: Answers) -> DependencyState:
    if settings.redis_url is None:
        return DependencyState("redis", "embedded", "Answers are kept in memory for a few minutes and not shared.")
    if answers.is_degraded:
        return DependencyState("redis", "degraded", "Every lookup is a miss until it answers again.")
    return DependencyState("redis", "up")


def _isolation_state(settings: CacheSettings, canary: Canary) -> Sequence[DependencyState]:
    if settings.cache_canary_seconds == 0:
        return ()
    return (DependencyState("isolation", "degraded" if canary.complaint else "up", canary.complaint),)


async def serve(settings: CacheSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(CacheSettings)))
