"""Takes documents in and out of a tenant's knowledge."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from weakref import WeakValueDictionary

from libs.common.embedding.port import Embedder
from libs.common.request_context import Principal, TenantId
from services.rag.documents import ReadDocument, Refusal, SubmittedDocument, read_document
from services.rag.knowledge_clock import KnowledgeClock
from services.rag.knowledge_rules import KnowledgeRulesSource
from services.rag.passage_index import DocumentRecord, PassageIndex, StoredChunk
from services.rag.tenant_scope import TenantScope

_LOG = logging.getLogger(__name__)

# The embedded engine holds the interpreter while it writes: short batches let calls in between.
BATCH_CHUNKS = 32


class Outcome(Enum):
    """What became of a document."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """What became of one document. `reason` and `detail` are set when it was refused."""

    document_id: str
    outcome: Outcome
    chunk_count: int = 0
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Upserted:
    """One outcome a document, in the order given, and the knowledge's epoch after."""

    outcomes: tuple[DocumentOutcome, ...]
    knowledge_epoch: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many documents existed and are gone, and the knowledge's epoch after."""

    count: int
    knowledge_epoch: int


class Ingestion:
    """Indexes and removes documents.

    The epoch moves before anything else does, so that an answer made from what is about to change is already old; and
    once more when all is changed, so that an answer made from passages that were read half way is old too. If the
    epoch cannot move, nothing is changed and the call fails. Within this process the changes of one tenant come one
    after the other.
    """

    def __init__(
        self,
        *,
        index: PassageIndex,
        embedder: Embedder,
        clock: KnowledgeClock,
        rules: KnowledgeRulesSource,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._clock = clock
        self._rules = rules
        self._now = now
        self._locks: WeakValueDictionary[TenantId, asyncio.Lock] = WeakValueDictionary()

    async def upsert(self, principal: Principal, documents: Sequence[SubmittedDocument]) -> Upserted:
        """Indexes what is new or changed; a bad document is refused by itself and the others go on.

        Raises NotFound (TENANT_NOT_FOUND), Unavailable, PreconditionFailed (EMBEDDER_MISMATCH).
        """
        scope = TenantScope(principal)
        rules = await self._rules.rules(scope.tenant)
        # A large document takes a second to cut: in a thread, so that calls go on meanwhile.
        read = [await asyncio.to_thread(read_document, document, owners=rules.owners) for document in documents]
        async with self._lock(scope.tenant):
            known = await self._known(scope, [document.document_id for document in documents])
            pending: dict[str, StoredChunk] = {}
            outcomes: list[DocumentOutcome] = []
            epoch: int | None = None
            for document, found in zip(documents, read, strict=True):
                if isinstance(found, Refusal):
                    outcomes.append(DocumentOutcome(document.document_id, Outcome.REFUSED, 0, *found))
                    continue
                revision = document.revision()
                before = known.get(document.document_id)
                if before is not None and before.revision == revision:
                    outcomes.append(DocumentOutcome(document.document_id, Outcome.UNCHANGED, before.chunk_count))
                    continue
                if epoch is None:
                    epoch = await self._clock.advance(scope)
                first = await self._write(scope, document, found)
                known[document.document_id] = dataclasses.replace(first.record, revision=revision)
                pending[document.document_id] = first
                outcomes.append(DocumentOutcome(document.document_id, Outcome.INDEXED, len(found.chunks)))
            if epoch is None:
                return Upserted(tuple(outcomes), await self._clock.read(scope))
            epoch = await self._clock.advance(scope)
            await self._seal(scope, pending, known)
        return Upserted(tuple(outcomes), epoch)

    async def delete(self, principal: Principal, document_ids: Sequence[str]) -> Deleted:
        """Removes documents; gone when it returns, and so is every answer that rests on the old epoch.

        The epoch moves even when no document is there: the call may be the retry of one that was cut short. Raises
        NotFound (TENANT_NOT_FOUND), Unavailable.
        """
        scope = TenantScope(principal)
        await self._rules.rules(scope.tenant)
        wanted = list(dict.fromkeys(document_ids))
        async with self._lock(scope.tenant):
            await self._clock.advance(scope)
            known = await self._known(scope, wanted)
            for document_id in wanted:
                await self._index.remove(scope, document_id)
            return Deleted(len(known), await self._clock.advance(scope))

    async def _known(self, scope: TenantScope, document_ids: Sequence[str]) -> dict[str, DocumentRecord]:
        records = await self._index.documents(scope, document_ids=document_ids)
        return {record.document_id: record for record in records}

    async def _write(self, scope: TenantScope, document: SubmittedDocument, found: ReadDocument) -> StoredChunk:
        """Replaces the document's chunks and returns the first one, which is not yet marked as complete."""
        record = DocumentRecord(
            document_id=document.document_id,
            title=found.title,
            agent_owner=document.owner,
            chunk_count=len(found.chunks),
            content_sha256=document.content_sha256(),
            revision="",
            update_time=self._now(),
        )
        first: StoredChunk | None = None
        for start in range(0, len(found.chunks), BATCH_CHUNKS):
            batch = found.chunks[start : start + BATCH_CHUNKS]
            vectors = await self._embedder.embed(found.embedded[start : start + BATCH_CHUNKS])
            stored = [
                StoredChunk(record, chunk.position, chunk.title, chunk.text, vector)
                for chunk, vector in zip(batch, vectors, strict=True)
            ]
            first = first or stored[0]
            await self._index.write(scope, stored)
        if first is None:
            raise ValueError("a document without chunks cannot be written")
        await self._index.remove(scope, document.document_id, from_position=len(found.chunks))
        return first

    async def _seal(
        self, scope: TenantScope, pending: dict[str, StoredChunk], known: dict[str, DocumentRecord]
    ) -> None:
        """Marks documents as complete, so that the same content is no work from now on."""
        sealed = [dataclasses.replace(chunk, record=known[document_id]) for document_id, chunk in pending.items()]
        for start in range(0, len(sealed), BATCH_CHUNKS):
            await self._index.write(scope, sealed[start : start + BATCH_CHUNKS])
        _LOG.info("indexed %d documents", len(sealed))

    def _lock(self, tenant: TenantId) -> asyncio.Lock:
        lock = self._locks.get(tenant)
        if lock is None:
            lock = asyncio.Lock()
            self._locks[tenant] = lock
        return lock
