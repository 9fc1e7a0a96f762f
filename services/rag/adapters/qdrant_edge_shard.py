"""The files of the embedded index: their lock, their making, and their migration."""

import fcntl
import json
from pathlib import Path
from typing import IO, Any

import qdrant_edge as edge

from libs.common.errors import PreconditionFailed
from services.rag.adapters import payload
from services.rag.terms import ANALYZER_VERSION

_PAGE = 256
_ANALYZER = "analyzer"


def take_lock(folder: Path) -> IO[bytes]:
    """Returns the folder's lock, to be kept open. Raises PreconditionFailed (INDEX_LOCKED)."""
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


def open_shard(folder: Path, embedder_id: str, dimensions: int) -> tuple[edge.EdgeShard, str]:
    """Returns the shard and which embedder made its vectors; raises PreconditionFailed (INDEX_UNREADABLE).

    One that was made before there was a search by words gets the words of all its passages first: 4,000 a second.
    """
    files, card = folder / "shard", folder / "index.json"
    shard: edge.EdgeShard | None = None
    try:
        is_new = not files.exists()
        if not is_new:
            shard = edge.EdgeShard.load(str(files))
        else:
            vectors = edge.EdgeVectorParams(size=dimensions, distance=edge.Distance.Cosine)
            words = {payload.SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)}
            config = edge.EdgeConfig(vectors=vectors, sparse_vectors=words, wal_enabled=True)
            shard = edge.EdgeShard.create(str(files), config)
        if not card.exists() and shard.info().points_count == 0:
            # New, or left behind by a process that ended before it wrote the card.
            _make_field_indexes(shard)
            _write_card(card, embedder_id, ANALYZER_VERSION if is_new else "")
        read = json.loads(card.read_text(encoding="utf-8"))
        if read.get(_ANALYZER) != ANALYZER_VERSION:
            _write_words(shard)
            _write_card(card, read["embedder_id"], ANALYZER_VERSION)
        return shard, str(read["embedder_id"])
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


def _write_words(shard: edge.EdgeShard) -> None:
    """Makes the search by words and fills it from the passages; again from the start if it was cut short."""
    shard.update(edge.UpdateOperation.create_sparse_vector(payload.SPARSE, edge.Modifier.Idf))
    passages = edge.FieldCondition(key=payload.PLACE, match=edge.MatchAny([payload.FIRST, payload.LATER]))
    offset: Any = None
    while True:
        request = edge.ScrollRequest(offset=offset, limit=_PAGE, filter=edge.Filter(must=[passages]), with_payload=True)
        points, offset = shard.scroll(request)
        found = [(point.id, payload.read_terms(point.payload)) for point in points if point.payload]
        words = [
            edge.PointVectors(each, {payload.SPARSE: edge.SparseVector(list(terms.indices), list(terms.weights))})
            for each, terms in found
        ]
        if words:
            shard.update(edge.UpdateOperation.update_vectors(words))
        if offset is None:
            break
    shard.flush()


def _write_card(card: Path, embedder_id: str, analyzer: str) -> None:
    unfinished = card.with_suffix(".part")
    unfinished.write_text(json.dumps({"embedder_id": embedder_id, _ANALYZER: analyzer}), encoding="utf-8")
    unfinished.replace(card)
