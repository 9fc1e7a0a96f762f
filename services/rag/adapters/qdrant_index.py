"""Passages in a Qdrant server: for more than one machine."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import httpx
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId
from services.rag.adapters import payload
from services.rag.passage_index import (
    DocumentRecord,
    Hit,
    IndexSize,
    StoredChunk,
    Vector,
    check_embedder,
)
from services.rag.tenant_scope import AgentScope, TenantScope

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

COLLECTION = "repartee_passages"
_SCROLL_PAGE = 256
# As many as the client's pool has connections: a call that waits here and is cancelled costs the pool nothing.
_CONCURRENT = 32
_CARD = "embedder_id"


class QdrantIndex:
    """Implements PassageIndex on a server, in one collection for all tenants.

    The collection is made at first use, by whichever replica comes first; while the server is away every call raises
    Unavailable and the next one tries again. Deletions wait until they are applied. `failure` is what the last
    operation failed with, else empty.
    """

    def __init__(self, client: AsyncQdrantClient, *, embedder_id: str, dimensions: int) -> None:
        self._client = client
        self._embedder_id = embedder_id
        self._dimensions = dimensions
        self._recorded: str | None = None
        self.failure = ""
        self._making = asyncio.Lock()
        self._slots = asyncio.Semaphore(_CONCURRENT)

    @classmethod
    def connect(
        cls, url: str, *, api_key: str | None, embedder_id: str, dimensions: int, timeout_seconds: int = 2
    ) -> "QdrantIndex":
        """Returns an index on the server at `url`; nothing is sent before its first use."""
        client = AsyncQdrantClient(url=url, api_key=api_key, timeout=timeout_seconds, check_compatibility=False)
        return cls(client, embedder_id=embedder_id, dimensions=dimensions)

    async def search(self, scope: AgentScope, vector: Vector, *, limit: int) -> Sequence[Hit]:
        """See PassageIndex."""
        await self._ready(compares_vectors=True)
        found = await self._run(
            lambda: self._client.query_points(
                COLLECTION,
                query=vector.tolist(),
                query_filter=_filter(scope.tenant, owners=scope.owners),
                limit=limit,
                with_payload=True,
            )
        )
        return [payload.read_hit(point.payload or {}, point.score) for point in found.points]

    async def write(self, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        """See PassageIndex."""
        await self._ready(compares_vectors=True)
        points = [
            models.PointStruct(
                id=payload.point_id(scope.tenant, chunk.record.document_id, chunk.position),
                vector=chunk.vector.tolist(),
                payload=payload.write_payload(scope.tenant, chunk),
            )
            for chunk in chunks
        ]
        await self._run(lambda: self._client.upsert(COLLECTION, points=points, wait=True))

    async def remove(self, scope: TenantScope, document_id: str, *, from_position: int = 0) -> None:
        """See PassageIndex."""
        await self._ready()
        chosen = _filter(scope.tenant, document_ids=[document_id], from_position=from_position)
        selector = models.FilterSelector(filter=chosen)
        await self._run(lambda: self._client.delete(COLLECTION, points_selector=selector, wait=True))

    async def documents(
        self, scope: TenantScope, *, document_ids: Sequence[str] | None = None
    ) -> Sequence[DocumentRecord]:
        """See PassageIndex."""
        await self._ready()
        chosen = _filter(scope.tenant, document_ids=document_ids, first_only=True)
        records: list[DocumentRecord] = []
        offset: Any = None
        while True:
            points, offset = await self._run(
                lambda offset=offset: self._client.scroll(
                    COLLECTION, scroll_filter=chosen, limit=_SCROLL_PAGE, offset=offset, with_payload=True
                )
            )
            records += [
                payload.read_record(point.payload)
                for point in points
                if point.payload and point.payload.get(payload.TENANT) == scope.tenant
            ]
            if offset is None:
                return sorted(records, key=lambda record: record.document_id)

    async def size(self, scope: TenantScope | None) -> IndexSize:
        """See PassageIndex."""
        await self._ready()
        tenant = scope.tenant if scope else None
        chunks = await self._run(lambda: self._client.count(COLLECTION, count_filter=_filter(tenant)))
        firsts = await self._run(lambda: self._client.count(COLLECTION, count_filter=_filter(tenant, first_only=True)))
        return IndexSize(documents=firsts.count, chunks=chunks.count)

    async def aclose(self) -> None:
        """Closes the client."""
        await self._client.close()

    async def _ready(self, *, compares_vectors: bool = False) -> None:
        if self._recorded is None:
            async with self._making:
                if self._recorded is None:
                    self._recorded = await self._open_collection()
        if compares_vectors:
            check_embedder(recorded=self._recorded, in_use=self._embedder_id)

    async def _open_collection(self) -> str:
        if not await self._run(lambda: self._client.collection_exists(COLLECTION)):
            try:
                await self._run(
                    lambda: self._client.create_collection(
                        COLLECTION,
                        vectors_config=models.VectorParams(size=self._dimensions, distance=models.Distance.COSINE),
                        metadata={_CARD: self._embedder_id},
                    )
                )
            except Unavailable:
                # Another replica may have made it in between; if not, the next lines say so.
                _LOG.info("the collection was not made by this replica")
        for name, is_tenant in ((payload.TENANT, True), *((name, False) for name in payload.KEYWORD_FIELDS)):
            schema = models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=True if is_tenant else None
            )
            await self._run(
                lambda name=name, schema=schema: self._client.create_payload_index(
                    COLLECTION, field_name=name, field_schema=schema, wait=True
                )
            )
        await self._run(
            lambda: self._client.create_payload_index(
                COLLECTION, field_name=payload.POSITION, field_schema=models.PayloadSchemaType.INTEGER, wait=True
            )
        )
        collection = await self._run(lambda: self._client.get_collection(COLLECTION))
        return str((collection.config.metadata or {}).get(_CARD, "unknown"))

    async def _run(self, operation: Callable[[], Awaitable[_T]]) -> _T:
        async with self._slots:
            try:
                answer = await operation()
            except (ApiException, httpx.HTTPError, grpc.RpcError, ValueError, OSError) as error:
                # The client's messages may quote a payload: the type is all that is logged.
                self.failure = type(error).__name__
                _LOG.warning("the Qdrant server did not answer: %s", self.failure)
                raise Unavailable(
                    "INDEX_UNAVAILABLE", "The document index does not answer.", retry_after_seconds=1.0
                ) from None
        self.failure = ""
        return answer


def _filter(
    tenant: TenantId | None,
    *,
    owners: frozenset[str] | None = None,
    document_ids: Sequence[str] | None = None,
    first_only: bool = False,
    from_position: int = 0,
) -> models.Filter:
    must: list[models.Condition] = []
    if tenant is not None:
        must.append(models.FieldCondition(key=payload.TENANT, match=models.MatchValue(value=tenant)))
    if owners is not None:
        must.append(models.FieldCondition(key=payload.OWNER, match=models.MatchAny(any=sorted(owners))))
    if document_ids is not None:
        must.append(models.FieldCondition(key=payload.DOCUMENT, match=models.MatchAny(any=list(document_ids))))
    if first_only:
        must.append(models.FieldCondition(key=payload.PLACE, match=models.MatchValue(value=payload.FIRST)))
    if from_position:
        must.append(models.FieldCondition(key=payload.POSITION, range=models.Range(gte=from_position)))
    return models.Filter(must=must)
