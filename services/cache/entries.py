"""What is kept of an answer, and its compact form in the store: the entry, and the row of the index that finds it."""

import json
import struct
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
_HEADER = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A passage that an answer rests on."""

    document_id: str
    chunk: int
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer that was kept. Times are seconds since the epoch; `knowledge_epoch` is what it was made from.

    One with an empty text keeps, for a minute, that the tenant's documents say nothing about the question.
    """

    entry_id: str
    question: str
    text: str
    agent: str
    language: str
    answered_by: str
    sources: tuple[SourceRef, ...]
    knowledge_epoch: int
    stored_at: float
    expires_at: float

    @property
    def says_nothing(self) -> bool:
        """Whether it keeps that there is no answer."""
        return not self.text


@dataclass(frozen=True, slots=True)
class Row:
    """What the index holds of an entry. `vector` is unit-length, or None when only the exact tier may find it.

    Rows are compared within one `scope` only: same agent, same language, same embedder.
    """

    entry_id: str
    scope: str
    knowledge_epoch: int
    expires_at: float
    document_ids: tuple[str, ...]
    vector: Vector | None


def scope_of(*, agent: str, language: str, embedder_id: str) -> str:
    """Returns the scope of a row."""
    return f"{agent}\n{language}\n{embedder_id}"


def encode_entry(entry: Entry) -> bytes:
    """Returns `entry` without its id, which the key holds."""
    sources = [(s.document_id, s.chunk, s.title, s.score) for s in entry.sources]
    fields = (
        entry.question,
        entry.text,
        entry.agent,
        entry.language,
        entry.answered_by,
        sources,
        entry.knowledge_epoch,
        entry.stored_at,
        entry.expires_at,
    )
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def decode_entry(entry_id: str, payload: bytes) -> Entry | None:
    """Returns the entry, or None when the payload is not one: an unreadable value is a miss."""
    try:
        fields: list[Any] = json.loads(payload)
        question, text, agent, language, answered_by, sources, epoch, stored_at, expires_at = fields
        refs = tuple([SourceRef(*source) for source in sources])
        return Entry(entry_id, question, text, agent, language, answered_by, refs, epoch, stored_at, expires_at)
    except (ValueError, TypeError):
        return None


def encode_row(row: Row) -> bytes:
    """Returns a length, a JSON header and the vector in 16-bit floats: an error of about 10⁻⁵ in a cosine."""
    header = json.dumps(
        (row.scope, row.knowledge_epoch, row.expires_at, row.document_ids), ensure_ascii=False, separators=(",", ":")
    ).encode()
    values = b"" if row.vector is None else row.vector.astype("<f2").tobytes()
    return _HEADER.pack(len(header)) + header + values


def decode_row(entry_id: str, payload: bytes) -> Row | None:
    """Returns the row, or None when the payload is not one."""
    try:
        (length,) = _HEADER.unpack_from(payload)
        start = _HEADER.size + length
        scope, epoch, expires_at, document_ids = json.loads(payload[_HEADER.size : start])
        values = np.frombuffer(payload, dtype="<f2", offset=start).astype(np.float32) if len(payload) > start else None
        # A tenant's rows share few scopes, and its documents many rows: one string for each.
        scope, documents = sys.intern(scope), tuple([sys.intern(document_id) for document_id in document_ids])
    except (ValueError, TypeError, struct.error):
        return None
    if values is not None:
        values /= max(float(np.linalg.norm(values)), 1e-12)
    return Row(entry_id, scope, epoch, expires_at, documents, values)
