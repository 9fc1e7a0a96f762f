"""The port to the vectors, with the values that cross it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from libs.common.errors import PreconditionFailed
from services.rag.tenant_scope import AgentScope, TenantScope
from services.rag.terms import Terms

Vector = NDArray[np.float32]
NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document as the index knows it. Every chunk carries it."""

    document_id: str
    title: str
    agent_owner: str
    chunk_count: int
    content_sha256: str
    # Empty until all its chunks are in; so a document whose indexing was cut short is indexed again.
    revision: str
    update_time: datetime
    # Two letters, empty when unknown.
    locale: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk to write."""

    record: DocumentRecord
    position: int
    title: str
    text: str
    vector: Vector
    terms: Terms = NO_TERMS


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found.

    `score` is the cosine similarity, -1 to 1; `sparse_score` that of BM25, 0 or more. The ranks are its places in the
    searches by meaning and by words, from 1, and 0 where it was not among the first.
    """

    tenant: str
    agent_owner: str
    document_id: str
    position: int
    title: str
    text: str
    score: float
    sparse_score: float = 0.0
    dense_rank: int = 0
    sparse_rank: int = 0


@dataclass(frozen=True, slots=True)
class IndexSize:
    """How much is indexed."""

    documents: int
    chunks: int


class PassageIndex(Protocol):
    """One collection for all tenants, narrowed by a scope in every operation.

    All methods raise Unavailable (INDEX_UNAVAILABLE) when it does not answer. `search` and `write` raise
    PreconditionFailed (EMBEDDER_MISMATCH) when its vectors are of another embedder.
    """

    async def search(self, scope: AgentScope, vector: Vector, *, limit: int, terms: Terms = NO_TERMS) -> Sequence[Hit]:
        """Returns the `limit` chunks of the scope that are most similar, then those that only `terms` found.

        Of those at most `limit` too, by BM25; how rare a term is is counted within the tenant.
        """
        ...

    async def write(self, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        """Writes chunks; one at the same position of the same document is replaced. At most 64 at once."""
        ...

    async def remove(self, scope: TenantScope, document_id: str, *, from_position: int = 0) -> None:
        """Removes the document's chunks from a position on: gone when it returns."""
        ...

    async def documents(
        self, scope: TenantScope, *, document_ids: Sequence[str] | None = None
    ) -> Sequence[DocumentRecord]:
        """Returns the tenant's documents by id: all, or those of `document_ids` that exist."""
        ...

    async def size(self, scope: TenantScope | None) -> IndexSize:
        """Counts documents and chunks of a tenant; of all tenants, for operators, when None."""
        ...


class PassageReading(Protocol):
    """Reads what a tenant's documents say, for those who learn from it."""

    async def passages(self, scope: TenantScope, *, document_ids: Sequence[str]) -> Sequence[Hit]:
        """Returns the chunks of those documents, by document and position, without scores. Raises Unavailable."""
        ...


def check_embedder(*, recorded: str, in_use: str) -> None:
    """Raises PreconditionFailed (EMBEDDER_MISMATCH) unless both are the same embedder."""
    if recorded != in_use:
        raise PreconditionFailed(
            "EMBEDDER_MISMATCH",
            f"The index was made by the embedder {recorded!r} and this service uses {in_use!r}. "
            "Set the embedder back, or index the documents again in a new place.",
        )
