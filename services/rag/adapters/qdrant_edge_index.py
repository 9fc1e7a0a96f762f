"""Passages in Qdrant's own engine, inside this process and one folder: the default, for one machine."""

import asyncio
import fcntl
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import qdrant_edge as edge

from libs.common.errors import PreconditionFailed, Unavailable
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
        lock = _take_lock(folder)
        try:
            shard, recorded = _open_shard(folder, embedder_id, dimensions)
        except BaseException:
            lock.close()
            raise
        return cls(shard=shard, lock=lock, recorded=recorded, in_use=embedder_id)

    async def search(self, scope: AgentScope, vector: Vector, *, limit: int) -> Sequence[Hit]:
        """See PassageIndex."""
        check_embedder(recorded=self._recorded, in_use=self._in_use)
        request = edge.QueryRequest(
            query=edge.Query.Nearest(vector.tolist()),
            filter=_filter(scope.tenant, owners=scope.owners),
            limit=limit,
            with_payload=True,
        )
        points = await self._run(lambda: self._shard.query(request))
        return [payload.read_hit(point.payload or {}, point.score) for point in points]

    async def write(self, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        """See PassageIndex."""
        check_embedder(recorded=self._recorded, in_use=self._in_use)
        points = [
            edge.Point(
                id=payload.point_id(scope.tenant, chunk.record.document_id, chunk.position),
                vector=chunk.vector.tolist(),
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
        chosen = _filter(scope.tenant, document_ids=document_ids, first_only=True)
        records: list[DocumentRecord] = []
        offset: Any = None
        while True:
            request = edge.ScrollRequest(offset=offset, limit=_SCROLL_PAGE, filter=chosen, with_payload=True)
            points, offset = await self._run(lambda request=request: self._shard.scroll(request))
            records += [
                payload.read_record(point.payload)
                for point in points
                if point.payload and point.payload.get(payload.TENANT) == scope.tenant
            ]
            if offset is None:
                return sorted(records, key=lambda record: record.document_id)

    async def size(self, scope: TenantScope | None) -> IndexSize:
        """See PassageIndex."""
        tenant = scope.tenant if scope else None
        every = edge.CountRequest(exact=True, filter=_filter(tenant))
        firsts = edge.CountRequest(exact=True, filter=_filter(tenant, first_only=True))
        chunks = await self._run(lambda: self._shard.count(every))
        return IndexSize(documents=await self._run(lambda: self._shard.count(firsts)), chunks=chunks)

    async def aclose(self) -> None:
        """Flushes and releases the folder, once running operations are done."""
        try:
            await self._run(self._shard.flush)
            await self._run(self._shard.close)
        finally:
            self._thread.shutdown()
            self._lock.close()

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
    first_only: bool = False,
    from_position: int = 0,
) -> edge.Filter:
    must: list[Any] = []
    if tenant is not None:
        must.append(edge.FieldCondition(key=payload.TENANT, match=edge.MatchValue(tenant)))
    if owners is not None:
        must.append(edge.FieldCondition(key=payload.OWNER, match=edge.MatchAny(sorted(owners))))
    if document_ids is not None:
        must.append(edge.FieldCondition(key=payload.DOCUMENT, match=edge.MatchAny(list(document_ids))))
    if first_only:
        must.append(edge.FieldCondition(key=payload.PLACE, match=edge.MatchValue(payload.FIRST)))
    if from_position:
        must.append(edge.FieldCondition(key=payload.POSITION, range=edge.RangeFloat(gte=float(from_position))))
    return edge.Filter(must=must)


def _take_lock(folder: Path) -> IO[bytes]:
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise PreconditionFailed(
            "INDEX_LOCKED",
            f"The document index in {folder} is held by another process. Stop that one, or set another "
            "REPARTEE_STATE_DIR.",
        ) from None
    return lock


def _open_shard(folder: Path, embedder_id: str, dimensions: int) -> tuple[edge.EdgeShard, str]:
    files, card = folder / "shard", folder / "index.json"
    shard: edge.EdgeShard | None = None
    try:
        if files.exists():
            shard = edge.EdgeShard.load(str(files))
        else:
            vectors = edge.EdgeVectorParams(size=dimensions, distance=edge.Distance.Cosine)
            shard = edge.EdgeShard.create(str(files), edge.EdgeConfig(vectors=vectors, wal_enabled=True))
        if not card.exists() and shard.info().points_count == 0:
            # New, or left behind by a process that ended before it wrote the card.
            _make_field_indexes(shard)
            _write_card(card, embedder_id)
        return shard, str(json.loads(card.read_text(encoding="utf-8"))["embedder_id"])
    except Exception as error:
        if shard is not None:
            shard.close()
        raise PreconditionFailed(
            "INDEX_UNREADABLE",
            f"The document index in {folder} cannot be read. Nothing was changed: put a backup in its place, or move "
            "the folder away and index the documents again.",
        ) from error


def _make_field_indexes(shard: edge.EdgeShard) -> None:
    create = edge.UpdateOperation.create_field_index
    shard.update(create(payload.TENANT, edge.KeywordIndexParams(is_tenant=True)))
    for name in payload.KEYWORD_FIELDS:
        shard.update(create(name, edge.PayloadSchemaType.Keyword))
    shard.update(create(payload.POSITION, edge.PayloadSchemaType.Integer))
    shard.flush()


def _write_card(card: Path, embedder_id: str) -> None:
    unfinished = card.with_suffix(".part")
    unfinished.write_text(json.dumps({"embedder_id": embedder_id}), encoding="utf-8")
    unfinished.replace(card)
