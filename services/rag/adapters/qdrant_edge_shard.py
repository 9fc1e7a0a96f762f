"""The files of the embedded index: their lock, their making, and their migration."""

import fcntl
import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

import qdrant_edge as edge

from libs.common.errors import PreconditionFailed
from libs.common.migrations.stamp import Stamp, this_release, too_new
from services.rag.adapters import payload
from services.rag.terms import ANALYZER_VERSION

# Raised when files of the version before have to be brought up; `min_reader` when that version cannot read them then.
VERSION = 1
MIN_READER = 0
SHARD = "shard"
_CARD = "index.json"
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
    """Returns the shard and which embedder made its vectors.

    Raises PreconditionFailed: INDEX_UNREADABLE, and STORE_NEWER for one that only newer code reads. One that was made
    before there was a search by words gets the words of all its passages first: 4,000 a second.
    """
    files, card = folder / SHARD, folder / _CARD
    stamp = read_stamp(folder)
    if stamp is not None and stamp.min_reader > VERSION:
        raise too_new("passages", stamp, VERSION)
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


def read_card(folder: Path) -> dict[str, Any]:
    """Returns what an index says of itself; empty where there is none, or none that can be read."""
    try:
        read = json.loads((folder / _CARD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def read_stamp(folder: Path) -> Stamp | None:
    """Returns the stamp of an index."""
    card = read_card(folder)
    if "version" not in card:
        return None
    return Stamp(int(card["version"]), int(card.get("min_reader", 0)), str(card.get("written_by", "")))


def lacks_words(folder: Path) -> bool:
    """Returns whether the words of all passages have to be written, or written anew."""
    return read_card(folder).get(_ANALYZER) != ANALYZER_VERSION


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Replaces the stamp of an index; a crash leaves the old card or the new one."""
    card = folder / _CARD
    unfinished = card.with_suffix(".part")
    unfinished.write_text(json.dumps(read_card(folder) | asdict(stamp)), encoding="utf-8")
    unfinished.replace(card)


def _write_card(card: Path, embedder_id: str, analyzer: str) -> None:
    # Without words it is not what the stamp would say.
    stamp = Stamp(VERSION, MIN_READER, this_release()) if analyzer == ANALYZER_VERSION else Stamp(0)
    unfinished = card.with_suffix(".part")
    written = {"embedder_id": embedder_id, _ANALYZER: analyzer, **asdict(stamp)}
    unfinished.write_text(json.dumps(written), encoding="utf-8")
    unfinished.replace(card)
