"""What a point of Qdrant carries, the same for the embedded engine and for the server."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from libs.common.request_context import TenantId
from services.rag.language import language_of_text
from services.rag.passage_index import DocumentRecord, Hit, StoredChunk
from services.rag.quarantine import Note
from services.rag.terms import Terms, passage_terms

TENANT = "tenant_id"
OWNER = "agent_owner"
DOCUMENT = "document_id"
# The first chunk of a document stands for it in lists. A keyword, since the embedded engine matches no booleans.
PLACE = "place"
FIRST = "first"
LATER = "later"
# A version that was set aside: it has no vectors, so no search finds it.
ASIDE = "aside"
POSITION = "position"

# Fields that filters use; each has a keyword index, the tenant's as the one that data is grouped by.
KEYWORD_FIELDS = (OWNER, DOCUMENT, PLACE)

# The meaning, under the name that a collection without names has, and the words.
DENSE = ""
SPARSE = "words"
_ASIDE_POSITION = -1

_NAMESPACE = uuid.UUID("5f0c0a4e-5c0a-5c55-9d0f-6a3c1b1c7a10")


def point_id(tenant: TenantId, document_id: str, position: int) -> str:
    """Returns the point's id: the same chunk of the same document is the same point."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}\n{document_id}\n{position}"))


def write_payload(tenant: TenantId, chunk: StoredChunk) -> dict[str, Any]:
    """Returns the payload of a chunk."""
    record = chunk.record
    return {
        TENANT: tenant,
        OWNER: record.agent_owner,
        DOCUMENT: record.document_id,
        PLACE: FIRST if chunk.position == 0 else LATER,
        POSITION: chunk.position,
        "title": chunk.title,
        "text": chunk.text,
        "document_title": record.title,
        "chunk_count": record.chunk_count,
        "content_sha256": record.content_sha256,
        "revision": record.revision,
        "update_time_ms": _milliseconds(record.update_time),
        "locale": record.locale,
        "media_type": record.media_type,
    }


def note_id(tenant: TenantId, document_id: str) -> str:
    """Returns the id of a document's note."""
    return point_id(tenant, document_id, _ASIDE_POSITION)


def write_note(tenant: TenantId, note: Note) -> dict[str, Any]:
    """Returns the payload of a note."""
    return {
        TENANT: tenant,
        OWNER: note.agent_owner,
        DOCUMENT: note.document_id,
        PLACE: ASIDE,
        POSITION: _ASIDE_POSITION,
        "document_title": note.title,
        "media_type": note.media_type,
        "content_sha256": note.content_sha256,
        "reason": note.reason,
        "update_time_ms": _milliseconds(note.update_time),
    }


def read_note(payload: Mapping[str, Any]) -> Note:
    """Returns the note that a payload describes."""
    return Note(
        document_id=str(payload[DOCUMENT]),
        title=str(payload["document_title"]),
        agent_owner=str(payload[OWNER]),
        media_type=str(payload["media_type"]),
        content_sha256=str(payload["content_sha256"]),
        reason=str(payload["reason"]),
        update_time=_time(payload["update_time_ms"]),
    )


def read_terms(payload: Mapping[str, Any]) -> Terms:
    """Returns the terms of a chunk that was written before there were any."""
    text = f"{payload['title']}\n{payload['text']}"
    language = str(payload.get("locale", "")) or language_of_text(text)
    return passage_terms(text, language=language)


@dataclass(frozen=True, slots=True)
class Found:
    """A point that a search found."""

    id: str
    score: float
    payload: Mapping[str, Any]


def merge(dense: Sequence[Found], sparse: Sequence[Found], cosines: Mapping[str, float]) -> list[Hit]:
    """Returns the hits of `dense`, then those that only `sparse` has; `cosines` by id are of all of `sparse`.

    A point whose cosine is unknown was removed between the searches, and is left out.
    """
    ranks = {found.id: (rank, found.score) for rank, found in enumerate(sparse, start=1)}
    hits = [
        read_hit(found.payload, found.score, dense_rank=rank, sparse=ranks.get(found.id, (0, 0.0)))
        for rank, found in enumerate(dense, start=1)
    ]
    seen = {found.id for found in dense}
    return hits + [
        read_hit(found.payload, cosines[found.id], dense_rank=0, sparse=ranks[found.id])
        for found in sparse
        if found.id not in seen and found.id in cosines
    ]


def read_hit(
    payload: Mapping[str, Any], score: float, *, dense_rank: int = 0, sparse: tuple[int, float] = (0, 0.0)
) -> Hit:
    """Returns the hit that a payload describes; `sparse` is its place in the search by words, and its score there."""
    return Hit(
        tenant=str(payload[TENANT]),
        agent_owner=str(payload[OWNER]),
        document_id=str(payload[DOCUMENT]),
        position=int(payload[POSITION]),
        title=str(payload["title"]),
        text=str(payload["text"]),
        score=score,
        sparse_score=sparse[1],
        dense_rank=dense_rank,
        sparse_rank=sparse[0],
    )


def read_record(payload: Mapping[str, Any]) -> DocumentRecord:
    """Returns the document that a first chunk's payload describes."""
    return DocumentRecord(
        document_id=str(payload[DOCUMENT]),
        title=str(payload["document_title"]),
        agent_owner=str(payload[OWNER]),
        chunk_count=int(payload["chunk_count"]),
        content_sha256=str(payload["content_sha256"]),
        revision=str(payload["revision"]),
        update_time=_time(payload["update_time_ms"]),
        locale=str(payload.get("locale", "")),
        media_type=str(payload.get("media_type", "")),
    )


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
