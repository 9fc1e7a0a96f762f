"""What a point of Qdrant carries, the same for the embedded engine and for the server."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from libs.common.request_context import TenantId
from services.rag.passage_index import DocumentRecord, Hit, StoredChunk

TENANT = "tenant_id"
OWNER = "agent_owner"
DOCUMENT = "document_id"
# The first chunk of a document stands for it in lists. A keyword, since the embedded engine matches no booleans.
PLACE = "place"
FIRST = "first"
LATER = "later"
POSITION = "position"

# Fields that filters use; each has a keyword index, the tenant's as the one that data is grouped by.
KEYWORD_FIELDS = (OWNER, DOCUMENT, PLACE)

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
        "update_time_ms": round(record.update_time.timestamp() * 1000),
    }


def read_hit(payload: Mapping[str, Any], score: float) -> Hit:
    """Returns the hit that a payload describes."""
    return Hit(
        tenant=str(payload[TENANT]),
        agent_owner=str(payload[OWNER]),
        document_id=str(payload[DOCUMENT]),
        position=int(payload[POSITION]),
        title=str(payload["title"]),
        text=str(payload["text"]),
        score=score,
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
        update_time=datetime.fromtimestamp(payload["update_time_ms"] / 1000, UTC),
    )
