"""Passages in Qdrant's own engine, inside this process and one folder: the default, for one machine."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import qdrant_edge as edge

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId
from libs.common.stages import store_call
from services.rag.adapters import payload
from services.rag.adapters.qdrant_edge_shard import open_shard, take_lock
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


class QdrantEdgeIndex:
    """Implements PassageIndex. `open` makes one; `aclose` releases the folder.

    The engine never releases the interpreter's lock, so one thread runs its operations and each is kept short. Its
    write-ahead log is on: what `write` and `remove` acknowledged outlives a killed process. One process at a time may
    hold the folder.
    """

    def __init__(self, *, shard: edge.EdgeShard, lock: IO[bytes], recorded: str, in_use: str) -> None:
        self._shard = shard
        self._lock = lock
        self._recorded = recorded
        self._in_use = in_use
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qdrant-edge")

    @classmethod
    def open(cls, folder: Path, *, embedder_id: str, dimensions: int) -> "QdrantEdgeIndex":
        """Opens or makes the index in `folder`.

        Raises PreconditionFailed: INDEX_LOCKED when another process has it, INDEX_UNREADABLE when its files are
        damaged. An index of another embedder opens, can be listed and deleted from, and nothing else.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(folder)
        try:
            shard, recorded = open_shard(folder, embedder_id, dimensions)
        except BaseException:
            lock.close()
            raise
        return cls(shard=shard, lock=lock, recorded=recorded, in_use=embedder_id)

    async def search(self, scope: AgentScope, vector: Vector, *, limit: int, terms: Terms = NO_TERMS) -> Sequence[Hit]:
        """See PassageIndex."""
        check_embedder(recorded=self._recorded, in_use=self._in_use)
        chosen = _filter(scope.tenant, owners=scope.owners)
        near = edge.Query.Nearest(vector.tolist())
        requests = [edge.QueryRequest(query=near, filter=chosen, limit=limit, with_payload=True)]
        if terms:
            alike = edge.Query.Nearest(_sparse(terms), payload.SPARSE)
            rarity = edge.SearchParams(idf=edge.IdfParams(corpus=_filter(scope.tenant)))
            first = edge.Prefetch(query=alike, filter=chosen, limit=limit, params=rarity)
            requests += [
                edge.QueryRequest(query=alike, filter=chosen, limit=limit, with_payload=True, params=rarity),
                edge.QueryRequest(query=near, prefetches=[first], limit=limit),
            ]
        with store_call("qdrant", "query"):
            answers = await self._run(lambda: self._shard.query_batch(edge.QueryBatchRequest(requests)))
        found = [[payload.Found(str(each.id), each.score, each.payload or {}) for each in one] for one in answers]
        sparse, cosines = found[1:] or ([], [])
        return payload.merge(found[0], sparse, {each.id: each.score for each in cosines})

    async def write(self, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        """See PassageIndex."""
        check_embedder(recorded=self._recorded, in_use=self._in_use)
        points = [
            edge.Point(
                id=payload.point_id(scope.tenant, chunk.record.document_id, chunk.position),
                vector={payload.DENSE: chunk.vector.tolist(), payload.SPARSE: _sparse(chunk.terms)},
                payload=payload.write_payload(scope.tenant, chunk),
            )
            for chunk in chunks
        ]
        await self._run(lambda: self._shard.update(edge.UpdateOperation.upsert_points(points)))

    async def remove(self, scope: TenantScope, document_id: str, *, from_position: int = 0) -> None:
        """See PassageIndex."""
        chosen = _filter(scope.tenant, document_ids=[document_id], from_position=from_position)
        await self._run(lambda: self._shard.update(edge.UpdateOperation.delete_points_by_filter(chosen)))

    async def documents(
        self, scope: TenantScope, *, document_ids: Sequence[str] | None = None
    ) -> Sequence[DocumentRecord]:
        """See PassageIndex."""
        chosen = _filter(scope.tenant, document_ids=document_ids, places=(payload.FIRST,))
        records = [payload.read_record(found) for found in await self._scroll(scope, chosen)]
        return sorted(records, key=lambda record: record.document_id)

    async def size(self, scope: TenantScope | None) -> IndexSize:
        """See PassageIndex."""
        tenant = scope.tenant if scope else None
        every = edge.CountRequest(exact=True, filter=_filter(tenant, places=(payload.FIRST, payload.LATER)))
        firsts = edge.CountRequest(exact=True, filter=_filter(tenant, places=(payload.FIRST,)))
        chunks = await self._run(lambda: self._shard.count(every))
        return IndexSize(documents=await self._run(lambda: self._shard.count(firsts)), chunks=chunks)

    async def set_aside(self, scope: TenantScope, note: Note) -> None:
        """See Quarantine."""
        written = payload.write_note(scope.tenant, note)
        point = edge.Point(id=payload.note_id(scope.tenant, note.document_id), vector={}, payload=written)
        await self._run(lambda: self._shard.update(edge.UpdateOperation.upsert_points([point])))

    async def take_back(self, scope: TenantScope, document_id: str) -> None:
        """See Quarantine."""
        chosen = _filter(scope.tenant, document_ids=[document_id], places=(payload.ASIDE,))
        await self._run(lambda: self._shard.update(edge.UpdateOperation.delete_points_by_filter(chosen)))

    async def notes(self, scope: TenantScope) -> Sequence[Note]:
        """See Quarantine."""
        chosen = _filter(scope.tenant, places=(payload.ASIDE,))
        notes = [payload.read_note(found) for found in await self._scroll(scope, chosen)]
        return sorted(notes, key=lambda note: note.document_id)

    async def passages(self, scope: TenantScope, *, document_ids: Sequence[str]) -> Sequence[Hit]:
        """See PassageReading."""
        chosen = _filter(scope.tenant, document_ids=document_ids, places=(payload.FIRST, payload.LATER))
        hits = [payload.read_hit(found, 0.0) for found in await self._scroll(scope, chosen)]
        return sorted(hits, key=lambda hit: (hit.document_id, hit.position))

    async def aclose(self) -> None:
        """Flushes and releases the folder, once running operations are done."""
        try:
            await self._run(self._shard.flush)
            await self._run(self._shard.close)
        finally:
            self._thread.shutdown()
            self._lock.close()

    async def _scroll(self, scope: TenantScope, chosen: edge.Filter) -> list[dict[str, Any]]:
        """Returns the payloads of all points that were chosen, those of the scope's own tenant."""
        found: list[dict[str, Any]] = []
        offset: Any = None
        while True:
            request = edge.ScrollRequest(offset=offset, limit=_SCROLL_PAGE, filter=chosen, with_payload=True)
            points, offset = await self._run(lambda request=request: self._shard.scroll(request))
            found += [p.payload for p in points if p.payload and p.payload.get(payload.TENANT) == scope.tenant]
            if offset is None:
                return found

    async def _run(self, operation: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, operation)
        except Exception as error:
            if type(error) is not Exception:
                raise
            # The binding raises bare `Exception`, whose text may quote a payload: nothing of it is shown.
            _LOG.error("the embedded index failed an operation")
            raise Unavailable("INDEX_UNAVAILABLE", "The embedded document index does not answer.") from None


def _filter(
    tenant: TenantId | None,
    *,
    owners: frozenset[str] | None = None,
    document_ids: Sequence[str] | None = None,
    places: Sequence[str] = (),
    from_position: int = 0,
) -> edge.Filter:
    must: list[Any] = []
    if tenant is not None:
        must.append(edge.FieldCondition(key=payload.TENANT, match=edge.MatchValue(tenant)))
    if owners is not None:
        must.append(edge.FieldCondition(key=payload.OWNER, match=edge.MatchAny(sorted(owners))))
    if document_ids is not None:
        must.append(edge.FieldCondition(key=payload.DOCUMENT, match=edge.MatchAny(list(document_ids))))
    if places:
        must.append(edge.FieldCondition(key=payload.PLACE, match=edge.MatchAny(list(places))))
    if from_position:
        must.append(edge.FieldCondition(key=payload.POSITION, range=edge.RangeFloat(gte=float(from_position))))
    return edge.Filter(must=must)


def _sparse(terms: Terms) -> edge.SparseVector:
    return edge.SparseVector(list(terms.indices), list(terms.weights))
