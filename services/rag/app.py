"""Wires the rag service: settings, index, embedder, reranker, servicers, `main`."""

import logging
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from libs.common.embedding.choose import ReadyEmbedder, open_embedder
from libs.common.errors import Unavailable
from libs.common.migrations.standing import stored_version
from libs.common.redis_store import RedisStore
from libs.common.server import DependencyState, Registration, RunningServer, run_service, running_server
from libs.common.settings import load_settings
from libs.common.spending.metered_ledger import metered
from libs.common.spending.open_ledger import open_ledger
from libs.common.spending.price_file import load_prices
from libs.common.spending.prices import is_local
from libs.common.spending.side_charges import SideCharges
from libs.common.stage_metrics import timed
from libs.common.telemetry import stages, start_telemetry
from libs.common.tenants.directory import TenantDirectory
from libs.common.tenants.open_store import open_tenant_store
from repartee.v1 import rag_pb2, rag_pb2_grpc
from services.rag.adapters.bundle_rules import BundleRules
from services.rag.adapters.child_reader import ChildReader
from services.rag.adapters.file_clock import FileClock
from services.rag.adapters.memory_patterns import MemoryPatterns
from services.rag.adapters.pattern_methods import PatternDesk
from services.rag.adapters.redis_clock import RedisClock
from services.rag.adapters.redis_patterns import RedisPatterns
from services.rag.admin import RagAdminServicer
from services.rag.catalog import Catalog
from services.rag.document_texts import IndexedTexts
from services.rag.fact_reading import FactReading
from services.rag.ingestion import Ingestion
from services.rag.knowledge_clock import KnowledgeClock
from services.rag.migrations.stores import SENTINELS, patterns_store
from services.rag.passage_index import PassageIndex, PassageReading
from services.rag.patterns.curation import Curation
from services.rag.patterns.shelf import Shelf
from services.rag.patterns.store import PatternStore
from services.rag.patterns.teacher import Teacher
from services.rag.quarantine import Quarantine
from services.rag.reranking import Reranker
from services.rag.retrieval import PassageRetrieval
from services.rag.servicer import RagServicer
from services.rag.settings import RagSettings

_LOG = logging.getLogger(__name__)
# 16 MiB of documents, and room for what surrounds them.
_MAX_RECEIVE_BYTES = 17 << 20
# Indexing a large set takes longer than a turn; callers of RetrievePassages bring their own deadline.
_DEFAULT_DEADLINE_SECONDS = 60.0
# A tenant's patterns with their history are up to some megabytes, and no turn waits for them.
_PATTERNS_SECONDS = 0.5


class Index(PassageIndex, Quarantine, PassageReading, Protocol):
    """All that is kept of documents."""


class Failing(Protocol):
    """Remembers what its last call failed with; empty when it did not."""

    failure: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part as operators see it: degraded while what it `rests_on` fails."""

    name: str
    usual: Literal["up", "degraded", "embedded"]
    detail: str = ""
    rests_on: Failing | None = None

    def state(self) -> DependencyState:
        """Returns where it stands now."""
        if self.rests_on is not None and self.rests_on.failure:
            return DependencyState(self.name, "degraded", f"the last call failed with {self.rests_on.failure}")
        return DependencyState(self.name, self.usual, self.detail)


@asynccontextmanager
async def running(settings: RagSettings) -> AsyncGenerator[RunningServer, None]:
    """Runs the whole service within the block."""
    async with AsyncExitStack() as stack:
        telemetry = start_telemetry("rag", settings)
        stack.callback(telemetry.shutdown)
        tenants, epochs = _open_redis(settings, stack)
        ledger = metered(await stack.enter_async_context(open_ledger(tenants)), telemetry.meter)
        charges = SideCharges(ledger, load_prices(settings.prices_file))
        stack.push_async_callback(charges.aclose)
        embedder = open_embedder(settings, charges)
        stack.push_async_callback(embedder.aclose)
        await embedder.warm_up()
        directory = await stack.enter_async_context(TenantDirectory(open_tenant_store(settings, tenants)))
        rules = BundleRules(directory)
        folder = _state_folder(settings, stack)
        clock, clock_part = _open_clock(epochs, folder)
        index, index_part = await _open_index(settings, embedder, folder, stack)
        reranker, reranker_part = _open_reranker(settings, charges, stack)
        retrieval = PassageRetrieval(
            index=index,
            embedder=embedder,
            clock=clock,
            rules=rules,
            reranker=reranker,
            stages=timed(stages(telemetry.tracer), telemetry.meter),
        )
        desk = await _open_patterns(settings, index, stack)
        files = ChildReader()
        stack.push_async_callback(files.aclose)
        ingestion = Ingestion(
            index=index,
            embedder=embedder,
            clock=clock,
            rules=rules,
            files=files,
            quarantine=index,
            patterns=desk.teacher,
            meter=telemetry.meter,
        )
        servicer = RagServicer(
            retrieval=retrieval,
            ingestion=ingestion,
            catalog=Catalog(index=index, rules=rules, quarantine=index),
            facts=FactReading(directory, shelf=desk.shelf, keeper=desk.teacher),
            patterns=desk,
        )
        admin = RagAdminServicer(retrieval=retrieval, index=index, embedder_id=embedder.embedder_id, patterns=desk)
        schema = await stack.enter_async_context(
            stored_version(_connect_patterns(settings, stack), patterns_store, sentinels=SENTINELS)
        )
        parts = (index_part, clock_part, reranker_part, Part("embedder", "up", embedder.embedder_id))
        server = await stack.enter_async_context(
            running_server(
                settings,
                name="rag",
                registrations=_registrations(servicer, admin),
                tracer=telemetry.tracer,
                meter=telemetry.meter,
                dependencies=lambda: [*(part.state() for part in parts), *schema()],
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
    tenants = RedisStore.connect(url, prefix=settings.redis_prefix, timeout_seconds=settings.redis_seconds)
    stack.push_async_callback(tenants.aclose)
    epochs = RedisStore.connect(
        url, db=settings.cache_redis_db, prefix=settings.redis_prefix, timeout_seconds=settings.redis_seconds
    )
    stack.push_async_callback(epochs.aclose)
    return tenants, epochs


def _connect_patterns(settings: RagSettings, stack: AsyncExitStack) -> RedisStore | None:
    if settings.redis_url is None:
        return None
    url, db = settings.redis_url.get_secret_value(), settings.patterns_redis_db
    store = RedisStore.connect(url, db=db, prefix=settings.redis_prefix, timeout_seconds=_PATTERNS_SECONDS)
    stack.push_async_callback(store.aclose)
    return store


async def _open_patterns(settings: RagSettings, index: Index, stack: AsyncExitStack) -> PatternDesk:
    """Without Redis, patterns are learned again when the process starts anew."""
    kept: PatternStore = MemoryPatterns()
    store = _connect_patterns(settings, stack)
    if store is not None:
        kept = RedisPatterns(store)
    shelf = Shelf(kept)
    teacher = await stack.enter_async_context(Teacher(kept, IndexedTexts(index, index), shelf))
    return PatternDesk(teacher, Curation(kept, shelf), shelf)


def _open_clock(epochs: RedisStore | None, folder: Path) -> tuple[KnowledgeClock, Part]:
    if epochs is None:
        detail = "the cache does not learn of changed documents by itself"
        return FileClock(folder / "epochs"), Part("redis", "embedded", detail)
    clock = RedisClock(epochs)
    return clock, Part("redis", "up", "", clock)


def _state_folder(settings: RagSettings, stack: AsyncExitStack) -> Path:
    if settings.state_dir is not None:
        return settings.state_dir / "qdrant"
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="repartee-rag-", ignore_cleanup_errors=True)))


async def _open_index(
    settings: RagSettings, embedder: ReadyEmbedder, folder: Path, stack: AsyncExitStack
) -> tuple[Index, Part]:
    """Each engine is imported only where it is used, so that the other's package may be missing."""
    if not settings.qdrant_url:
        from services.rag.adapters.qdrant_edge_index import QdrantEdgeIndex  # noqa: PLC0415

        embedded = QdrantEdgeIndex.open(folder, embedder_id=embedder.embedder_id, dimensions=embedder.dimensions)
        stack.push_async_callback(embedded.aclose)
        kept = settings.state_dir is not None
        detail = "on this machine" if kept else "documents are lost at exit: set REPARTEE_STATE_DIR to keep them"
        return embedded, Part("qdrant", "embedded", detail)
    from services.rag.adapters.qdrant_index import QdrantIndex  # noqa: PLC0415

    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    remote = QdrantIndex.connect(
        settings.qdrant_url,
        api_key=key,
        embedder_id=embedder.embedder_id,
        dimensions=embedder.dimensions,
        grpc_port=settings.qdrant_grpc_port,
        quantized=settings.qdrant_quantized,
    )
    stack.push_async_callback(remote.aclose)
    try:
        await remote.size(None)
    except Unavailable:
        _LOG.warning("the Qdrant server does not answer yet; each call tries again")
    return remote, Part("qdrant", "up", "", remote)


def _open_reranker(settings: RagSettings, charges: SideCharges, stack: AsyncExitStack) -> tuple[Reranker | None, Part]:
    if settings.cohere_api_key is None:
        return None, Part("reranker", "embedded", "passages keep the order of their similarity")
    try:
        from services.rag.adapters.cohere_reranker import CohereReranker  # noqa: PLC0415
    except ImportError:
        return None, Part("reranker", "degraded", "the package `cohere` is missing: passages are not reranked")
    model, is_free = settings.cohere_model, is_local(settings.cohere_base_url or "")
    reranker = CohereReranker(
        api_key=settings.cohere_api_key.get_secret_value(),
        model=model,
        base_url=settings.cohere_base_url,
        billed=lambda searches: charges.reranked(provider="cohere", model=model, searches=searches, is_free=is_free),
    )
    stack.push_async_callback(reranker.aclose)
    return reranker, Part("reranker", "up", settings.cohere_model, reranker)


def _registrations(servicer: RagServicer, admin: RagAdminServicer) -> Sequence[Registration]:
    services = rag_pb2.DESCRIPTOR.services_by_name
    return (
        Registration(services["RagService"], rag_pb2_grpc.add_RagServiceServicer_to_server, servicer),
        Registration(services["RagAdminService"], rag_pb2_grpc.add_RagAdminServiceServicer_to_server, admin),
    )


async def serve(settings: RagSettings) -> None:
    """Serves until SIGTERM or SIGINT."""
    async with running(settings) as server:
        await server.serve_until_signal()


def main() -> None:
    """Runs the service with the settings of the environment."""
    run_service(serve(load_settings(RagSettings)))
