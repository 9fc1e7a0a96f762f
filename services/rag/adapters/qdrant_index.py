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
from libs.common.stages import store_call
from services.rag.adapters import payload
from services.rag.adapters.qdrant_collection import COLLECTION, open_collection, write_terms
from services.rag.passage_index import (
    NO_TERMS,
    DocumentRecord,
    Hit,
    IndexSize,
    StoredChunk,
    Vector,
    check_embedder,
)
from services.rag.quarantine import Note
from services.rag.tenant_scope import AgentScope, TenantScope
from services.rag.terms import Terms

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

_SCROLL_PAGE = 256
# As many as the client's pool has connections: a call that waits here and is cancelled costs the pool nothing.
_CONCURRENT = 32


class QdrantIndex:
    """Implements PassageIndex on a server, in one collection for all tenants.

    The collection is made at first use, by whichever replica comes first; while the server is away every call raises
    Unavailable and the next one tries again. Deletions wait until they are applied. `failure` is what the last
    operation failed with, else empty.
    """

    def __init__(
        self, client: AsyncQdrantClient, *, embedder_id: str, dimensions: int, quantized: bool = False
    ) -> None:
        self._client = client
        self._quantized = quantized
        self._embedder_id = embedder_id
        self._dimensions = dimensions
        self._recorded: str | None = None
        self.failure = ""
        self._making = asyncio.Lock()
        self._slots = asyncio.Semaphore(_CONCURRENT)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        api_key: str | None,
        embedder_id: str,
        dimensions: int,
        grpc_port: int = 0,
        quantized: bool = False,
        timeout_seconds: int = 2,
    ) -> "QdrantIndex":
        """Returns an index on the server at `url`; nothing is sent before its first use.

        With a `grpc_port`, points travel as protobuf, which costs the event loop less than JSON.
        """
        client = AsyncQdrantClient(
            url=url,
            api_key=api_key,
            timeout=timeout_seconds,
            check_compatibility=False,
            prefer_grpc=grpc_port > 0,
            grpc_port=grpc_port or 6334,
        )
        return cls(client, embedder_id=embedder_id, dimensions=dimensions, quantized=quantized)

    async def search(self, scope: AgentScope, vector: Vector, *, limit: int, terms: Terms = NO_TERMS) -> Sequence[Hit]:
        """See PassageIndex."""
        await self._ready(compares_vectors=True)
        chosen = _filter(scope.tenant, owners=scope.owners)
        near = vector.tolist()
        requests = [models.QueryRequest(query=near, filter=chosen, limit=limit, with_payload=True)]
        if terms:
            alike, using = write_terms(terms), payload.SPARSE
            rarity = models.SearchParams(idf=models.IdfCorpusParams(corpus=_filter(scope.tenant)))
            first = models.Prefetch(query=alike, using=using, filter=chosen, limit=limit, params=rarity)
            requests += [
                models.QueryRequest(
                    query=alike, using=using, filter=chosen, limit=limit, with_payload=True, params=rarity
                ),
                models.QueryRequest(query=near, prefetch=first, limit=limit),
            ]
        with store_call("qdrant", "query"):
            answers = await self._run(lambda: self._client.query_batch_points(COLLECTION, requests=requests))
        found = [
            [payload.Found(str(each.id), each.score, each.payload or {}) for each in one.points] for one in answers
        ]
        sparse, cosines = found[1:] or ([], [])
        return payload.merge(found[0], sparse, {each.id: each.score for each in cosines})

    async def write(self, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        """See PassageIndex."""
        await self._ready(compares_vectors=True)
        points = [
            models.PointStruct(
                id=payload.point_id(scope.tenant, chunk.record.document_id, chunk.position),
                vector={payload.DENSE: chunk.vector.tolist(), payload.SPARSE: write_terms(chunk.terms)},
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
        chosen = _filter(scope.tenant, document_ids=document_ids, places=(payload.FIRST,))
        records = [payload.read_record(found) for found in await self._scroll(scope, chosen)]
        return sorted(records, key=lambda record: record.document_id)

    async def size(self, scope: TenantScope | None) -> IndexSize:
        """See PassageIndex."""
        await self._ready()
        tenant = scope.tenant if scope else None
        every = _filter(tenant, places=(payload.FIRST, payload.LATER))
        chunks = await self._run(lambda: self._client.count(COLLECTION, count_filter=every))
        first = _filter(tenant, places=(payload.FIRST,))
        firsts = await self._run(lambda: self._client.count(COLLECTION, count_filter=first))
        return IndexSize(documents=firsts.count, chunks=chunks.count)

    async def set_aside(self, scope: TenantScope, note: Note) -> None:
        """See Quarantine."""
        await self._ready()
        written = payload.write_note(scope.tenant, note)
        point = models.PointStruct(id=payload.note_id(scope.tenant, note.document_id), vector={}, payload=written)
        await self._run(lambda: self._client.upsert(COLLECTION, points=[point], wait=True))

    async def take_back(self, scope: TenantScope, document_id: str) -> None:
        """See Quarantine."""
        await self._ready()
        chosen = _filter(scope.tenant, document_ids=[document_id], places=(payload.ASIDE,))
        selector = models.FilterSelector(filter=chosen)
        await self._run(lambda: self._client.delete(COLLECTION, points_selector=selector, wait=True))

    async def notes(self, scope: TenantScope) -> Sequence[Note]:
        """See Quarantine."""
        await self._ready()
        chosen = _filter(scope.tenant, places=(payload.ASIDE,))
        notes = [payload.read_note(found) for found in await self._scroll(scope, chosen)]
        return sorted(notes, key=lambda note: note.document_id)

    async def passages(self, scope: TenantScope, *, document_ids: Sequence[str]) -> Sequence[Hit]:
        """See PassageReading."""
        await self._ready()
        chosen = _filter(scope.tenant, document_ids=document_ids, places=(payload.FIRST, payload.LATER))
        hits = [payload.read_hit(found, 0.0) for found in await self._scroll(scope, chosen)]
        return sorted(hits, key=lambda hit: (hit.document_id, hit.position))

    async def aclose(self) -> None:
        """Closes the client."""
        await self._client.close()

    async def _ready(self, *, compares_vectors: bool = False) -> None:
        if self._recorded is None:
            async with self._making:
                if self._recorded is None:
                    self._recorded = await open_collection(
                        self._client,
                        self._run,
                        embedder_id=self._embedder_id,
                        dimensions=self._dimensions,
                        quantized=self._quantized,
                    )
        if compares_vectors:
            check_embedder(recorded=self._recorded, in_use=self._embedder_id)

    async def _scroll(self, scope: TenantScope, chosen: models.Filter) -> list[dict[str, Any]]:
        """Returns the payloads of all points that were chosen, those of the scope's own tenant."""
        found: list[dict[str, Any]] = []
        after: list[Any] = [None]
        while True:
            points, offset = await self._run(
                lambda: self._client.scroll(
                    COLLECTION, scroll_filter=chosen, limit=_SCROLL_PAGE, offset=after[0], with_payload=True
                )
            )
            found += [p.payload for p in points if p.payload and p.payload.get(payload.TENANT) == scope.tenant]
            if offset is None:
                return found
            after[0] = offset

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
    places: Sequence[str] = (),
    from_position: int = 0,
) -> models.Filter:
    must: list[models.Condition] = []
    if tenant is not None:
        must.append(models.FieldCondition(key=payload.TENANT, match=models.MatchValue(value=tenant)))
    if owners is not None:
        must.append(models.FieldCondition(key=payload.OWNER, match=models.MatchAny(any=sorted(owners))))
    if document_ids is not None:
        must.append(models.FieldCondition(key=payload.DOCUMENT, match=models.MatchAny(any=list(document_ids))))
    if places:
        must.append(models.FieldCondition(key=payload.PLACE, match=models.MatchAny(any=list(places))))
    if from_position:
        must.append(models.FieldCondition(key=payload.POSITION, range=models.Range(gte=from_position)))
    return models.Filter(must=must)
