"""Wires the rag service: settings, index, embedder, reranker, servicers, `main`."""

import logging
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from libs.common.embedding.choose import open_embedder
from libs.common.embedding.port import Embedder
from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.telemetry import stages, start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import rag_pb2, rag_pb2_grpc
from services.rag.adapters.bundle_rules import BundleRules
from services.rag.adapters.file_clock import FileClock
from services.rag.adapters.redis_clock import RedisClock
from services.rag.admin import RagAdminServicer
from services.rag.catalog import Catalog
from services.rag.fact_reading import FactReading
from services.rag.ingestion import Ingestion
from services.rag.knowledge_clock import KnowledgeClock
from services.rag.passage_index import PassageIndex
from services.rag.reranking import Reranker
from services.rag.retrieval import PassageRetrieval
from services.rag.servicer import RagServicer
from services.rag.settings import RagSettings

_LOG = logging.getLogger(__name__)
# 16 MiB of documents, and room for what surrounds them.
_MAX_RECEIVE_BYTES = 17 << 20
# Indexing a large set takes longer than a turn; callers of RetrievePassages bring their own deadline.
_DEFAULT_DEADLINE_SECONDS = 60.0


@asynccontextmanager
async def running(settings: RagSettings) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry("rag", settings)
        stack.callback(telemetry.shutdown)
        embedder = open_embedder(settings)
        tenants, clocks = _open_redis(settings, stack)
        directory = await stack.enter_async_context(TenantDirectory(open_tenant_store(settings, tenants)))
        rules = BundleRules(directory)
        folder = _state_folder(settings, stack)
        index = await _open_index(settings, embedder, folder, stack)
        clock: KnowledgeClock = RedisClock(clocks) if clocks else FileClock(folder / "epochs")
        retrieval = PassageRetrieval(
            index=index,
            embedder=embedder,
            clock=clock,
            rules=rules,
            reranker=_open_reranker(settings, stack),
            stages=stages(telemetry.tracer),
        )
        ingestion = Ingestion(index=index, embedder=embedder, clock=clock, rules=rules)
        servicer = RagServicer(
            retrieval=retrieval,
            ingestion=ingestion,
            catalog=Catalog(index=index, rules=rules),
            facts=FactReading(directory),
        )
        admin = RagAdminServicer(retrieval=retrieval, index=index, embedder_id=embedder.embedder_id)
        states = _dependencies(settings, embedder)
        server = await stack.enter_async_context(
            running_server(
                settings,
                name="rag",
                registrations=_registrations(servicer, admin),
                tracer=telemetry.tracer,
                dependencies=lambda: states,
                default_deadline_seconds=_DEFAULT_DEADLINE_SECONDS,
                max_receive_bytes=_MAX_RECEIVE_BYTES,
            )
        )
        yield server


def _open_redis(settings: RagSettings, stack: AsyncExitStack) -> tuple[RedisStore | None, RedisStore | None]:
    """Returns the stores of tenants and of epochs, or neither."""
    if settings.redis_url is None:
        return None, None
    url = settings.redis_url.get_secret_value()
    tenants = RedisStore.connect(url, prefix=settings.redis_prefix)
    stack.push_async_callback(tenants.aclose)
    clocks = RedisStore.connect(url, db=settings.cache_redis_db, prefix=settings.redis_prefix)
    stack.push_async_callback(clocks.aclose)
    return tenants, clocks


def _state_folder(settings: RagSettings, stack: AsyncExitStack) -> Path:
    if settings.state_dir is not None:
        return settings.state_dir / "qdrant"
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="repartee-rag-", ignore_cleanup_errors=True)))


async def _open_index(
    settings: RagSettings, embedder: Embedder, folder: Path, stack: AsyncExitStack
) -> PassageIndex:
    # Each engine is imported only where it is used: a missing package disables nothing else.
    if settings.qdrant_url:
        from services.rag.adapters.qdrant_index import QdrantIndex  # noqa: PLC0415

        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        remote = QdrantIndex.connect(
            settings.qdrant_url, api_key=key, embedder_id=embedder.embedder_id, dimensions=embedder.dimensions
        )
        stack.push_async_callback(remote.aclose)
        return remote
    from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex  # noqa: PLC0415

    embedded = QdrantEdgeIndex.open(folder, embedder_id=embedder.embedder_id, dimensions=embedder.dimensions)
    stack.push_async_callback(embedded.aclose)
    return embedded


def _open_reranker(settings: RagSettings, stack: AsyncExitStack) -> Reranker | None:
    if settings.cohere_api_key is None:
        return None
    try:
        from services.rag.adapters.cohere_reranker import CohereReranker  # noqa: PLC0415
    except ImportError:
        _LOG.warning("REPARTEE_COHERE_API_KEY is set but the package `cohere` is missing: passages are not reranked")
        return None
    reranker = CohereReranker(
        api_key=settings.cohere_api_key.get_secret_value(),
        model=settings.cohere_model,
        base_url=settings.cohere_base_url,
    )
    stack.push_async_callback(reranker.aclose)
    return reranker


def _registrations(servicer: RagServicer, admin: RagAdminServicer) -> Sequence[Registration]:
    services = rag_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(services["RagService"], rag_pb2_grpc.add_RagServiceServicer_to_server, servicer),
        Registration(services["RagAdminService"], rag_pb2_grpc.add_RagAdminServiceServicer_to_server, admin),
    )


def _dependencies(settings: RagSettings, embedder: Embedder) -> tuple[DependencyState, ...]:
    if settings.qdrant_url:
        index = DependencyState("qdrant", "up", "a server")
    elif settings.state_dir is not None:
        index = DependencyState("qdrant", "embedded", "documents are kept in this process's state folder")
    else:
        index = DependencyState("qdrant", "embedded", "documents are lost at exit: set REPARTEE_STATE_DIR to keep them")
    if settings.redis_url is None:
        epochs = DependencyState("redis", "embedded", "the cache does not learn of changed documents by itself")
    else:
        epochs = DependencyState("redis", "up")
    reranker = (
        DependencyState("reranker", "up", settings.cohere_model)
        if settings.cohere_api_key
        else DependencyState("reranker", "embedded", "none: passages keep the order of their similarity")
    )
    return index, epochs, reranker, DependencyState("embedder", "up", embedder.embedder_id)


async def serve(settings: RagSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(RagSettings)))
