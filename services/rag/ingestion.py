"""Takes documents in and out of a tenant's knowledge."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from libs.common.embedding.port import Embedder
from libs.common.measures import Measures
from libs.common.metrics import Meter
from libs.common.request_context import Principal, TenantId
from services.rag.chunking import Chunk
from services.rag.documents import ReadDocument, Refusal, SubmittedDocument, cut, read_document, screen
from services.rag.file_reading import FileReader, TextOnly
from services.rag.knowledge_clock import KnowledgeClock
from services.rag.knowledge_rules import KnowledgeRules, KnowledgeRulesSource
from services.rag.media_types import TEXT_TYPES
from services.rag.outcomes import Deleted, DocumentOutcome, Outcome, Upserted
from services.rag.passage_index import DocumentRecord, PassageIndex, StoredChunk
from services.rag.patterns.keeper import NoPatterns, PatternKeeper
from services.rag.quarantine import NoQuarantine, Note, Quarantine
from services.rag.tenant_scope import TenantScope
from services.rag.terms import Terms, passage_terms

_LOG = logging.getLogger(__name__)

# The embedded engine holds the interpreter while it writes: short batches let calls in between.
BATCH_CHUNKS = 32


class Ingestion:
    """Indexes and removes documents.

    The epoch moves before anything else does, so that an answer made from what is about to change is already old; and
    once more when all is changed, so that an answer made from passages that were read half way is old too. Moving it is
    also what drops the answers that a cache holds: each is of an epoch. If it cannot move, nothing is changed and the
    call fails. Within this process the changes of one tenant come one after the other.
    """

    def __init__(
        self,
        *,
        index: PassageIndex,
        embedder: Embedder,
        clock: KnowledgeClock,
        rules: KnowledgeRulesSource,
        files: FileReader | None = None,
        quarantine: Quarantine | None = None,
        patterns: PatternKeeper | None = None,
        meter: Meter | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._clock = clock
        self._rules = rules
        self._files = files or TextOnly()
        self._quarantine = quarantine or NoQuarantine()
        self._patterns = patterns or NoPatterns()
        self._meter = meter or Meter()
        self._now = now
        self._locks: WeakValueDictionary[TenantId, asyncio.Lock] = WeakValueDictionary()

    async def upsert(self, principal: Principal, documents: Sequence[SubmittedDocument]) -> Upserted:
        """Indexes what is new or changed; a bad document is refused or set aside by itself and the others go on.

        Raises NotFound (TENANT_NOT_FOUND), Unavailable, PreconditionFailed (EMBEDDER_MISMATCH).
        """
        upserted = await self._upsert(principal, documents)
        for each in upserted.outcomes:
            self._meter.counter(Measures.DOCUMENTS, each.outcome.value, each.reason).add()
        return upserted

    async def _upsert(self, principal: Principal, documents: Sequence[SubmittedDocument]) -> Upserted:
        scope = TenantScope(principal)
        rules = await self._rules.rules(scope.tenant)
        ids = [document.document_id for document in documents]
        # What is unchanged is not even read; so this is asked before, and again when nobody else can change it.
        before = await self._known(scope, ids)
        read = [await self._read(document, before, rules) for document in documents]
        async with self._lock(scope.tenant):
            known = await self._known(scope, ids)
            noted = {note.document_id for note in await self._quarantine.notes(scope)}
            pending: dict[str, StoredChunk] = {}
            outcomes: list[DocumentOutcome] = []
            epoch: int | None = None
            for document, early in zip(documents, read, strict=True):
                found = early
                if (same := known.get(document.document_id)) and same.revision == document.revision():
                    outcomes.append(DocumentOutcome(document.document_id, Outcome.UNCHANGED, same.chunk_count))
                    await self._take_back(scope, document, noted)
                    continue
                if found is None:
                    # It was unchanged a moment ago: another call came in between.
                    found = await self._read(document, {}, rules)
                if isinstance(found, Refusal):
                    outcomes.append(await self._refuse(scope, document, found, same))
                    continue
                if found is None:
                    raise ValueError("a document that is not known must be read")
                if epoch is None:
                    epoch = await self._clock.advance(scope)
                first = await self._write(scope, document, found)
                known[document.document_id] = dataclasses.replace(first.record, revision=document.revision())
                pending[document.document_id] = first
                outcomes.append(DocumentOutcome(document.document_id, Outcome.INDEXED, len(found.chunks)))
                await self._take_back(scope, document, noted)
            if epoch is None:
                return Upserted(tuple(outcomes), await self._clock.read(scope))
            epoch = await self._clock.advance(scope)
            await self._seal(scope, pending, known)
        self._patterns.documents_changed(principal)
        return Upserted(tuple(outcomes), epoch)

    async def delete(self, principal: Principal, document_ids: Sequence[str]) -> Deleted:
        """Removes documents; gone when it returns, and so is every answer and pattern that rests on them.

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
            await self._patterns.documents_gone(principal, wanted)
            self._meter.counter(Measures.DOCUMENTS, "deleted", "").add(len(known))
            return Deleted(len(known), await self._clock.advance(scope))

    async def _read(
        self, document: SubmittedDocument, known: Mapping[str, DocumentRecord], rules: KnowledgeRules
    ) -> ReadDocument | Refusal | None:
        """Returns what the document says, why it is refused, or None when the index has it as it is."""
        if refusal := screen(document, owners=rules.owners):
            return refusal
        same = known.get(document.document_id)
        if same is not None and same.revision == document.revision():
            return None
        # A large document takes a second to cut: in a thread, so that calls go on meanwhile.
        if document.kind in TEXT_TYPES:
            return await asyncio.to_thread(read_document, document, owners=rules.owners, languages=rules.languages)
        parsed = await self._files.read(document)
        if isinstance(parsed, Refusal):
            return parsed
        return await asyncio.to_thread(cut, document, parsed, languages=rules.languages)

    async def _refuse(
        self, scope: TenantScope, document: SubmittedDocument, refusal: Refusal, in_use: DocumentRecord | None
    ) -> DocumentOutcome:
        """Returns the outcome; what could not be read is noted, and what is in use of an earlier version is counted."""
        if not refusal.is_quarantine:
            return DocumentOutcome(document.document_id, Outcome.REFUSED, 0, refusal.reason, refusal.detail)
        note = Note(
            document_id=document.document_id,
            title=document.title or document.document_id,
            agent_owner=document.owner,
            media_type=document.kind,
            content_sha256=document.content_sha256(),
            reason=refusal.reason,
            update_time=self._now(),
        )
        await self._quarantine.set_aside(scope, note)
        count = in_use.chunk_count if in_use else 0
        return DocumentOutcome(document.document_id, Outcome.QUARANTINED, count, refusal.reason, refusal.detail)

    async def _take_back(self, scope: TenantScope, document: SubmittedDocument, noted: set[str]) -> None:
        if document.document_id in noted:
            await self._quarantine.take_back(scope, document.document_id)

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
            locale=found.locale,
            media_type=document.kind,
        )
        first: StoredChunk | None = None
        for start in range(0, len(found.chunks), BATCH_CHUNKS):
            batch = found.chunks[start : start + BATCH_CHUNKS]
            vectors = await self._embedder.embed(found.embedded[start : start + BATCH_CHUNKS])
            terms = await asyncio.to_thread(_terms_of, batch, found.locale)
            stored = [
                StoredChunk(record, chunk.position, chunk.title, chunk.text, vector, words)
                for chunk, vector, words in zip(batch, vectors, terms, strict=True)
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


def _terms_of(chunks: Sequence[Chunk], language: str) -> list[Terms]:
    return [passage_terms(f"{chunk.title}\n{chunk.text}", language=language) for chunk in chunks]
