"""Small stand-ins for what the rag use cases are made of."""

from collections.abc import Sequence
from dataclasses import replace

from libs.common.errors import NotFound, Unavailable
from libs.common.request_context import Principal, TenantId
from services.rag.knowledge_rules import KnowledgeRules
from services.rag.passage_index import NO_TERMS, DocumentRecord, Hit, IndexSize, PassageIndex, StoredChunk, Vector
from services.rag.reranking import Ranked
from services.rag.tenant_scope import AgentScope, TenantScope
from services.rag.terms import Terms


def principal(tenant: str) -> Principal:
    """Returns a client of `tenant`."""
    return Principal(subject=f"client-of-{tenant}", tenant=TenantId(tenant))


class FixedRules:
    """The same rules for every tenant but those in `missing`."""

    def __init__(self, *, owners: frozenset[str] = frozenset(), score_floor: float = 0.0) -> None:
        self._rules = KnowledgeRules(owners, score_floor)
        self.missing: set[str] = set()

    async def rules(self, tenant: TenantId) -> KnowledgeRules:
        if tenant in self.missing:
            raise NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
        return self._rules


class MemoryClock:
    """Epochs in a dictionary. `journal` gets "epoch" whenever one moves; it fails while `is_down`."""

    def __init__(self, journal: list[str] | None = None) -> None:
        self.journal = journal if journal is not None else []
        self.epochs: dict[str, int] = {}
        self.is_down = False

    async def read(self, scope: TenantScope) -> int:
        self._check()
        return self.epochs.get(scope.tenant, 0)

    async def advance(self, scope: TenantScope) -> int:
        self._check()
        self.journal.append("epoch")
        self.epochs[scope.tenant] = self.epochs.get(scope.tenant, 0) + 1
        return self.epochs[scope.tenant]

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("STORE_UNAVAILABLE", "The fake clock is down.")


class JournalIndex:
    """Passes on to another index and writes down changes.

    `leak` is added to what searches find; the writes of those numbers, from 1, fail.
    """

    def __init__(self, inner: PassageIndex, journal: list[str] | None = None) -> None:
        self._inner = inner
        self.journal = journal if journal is not None else []
        self.leak: list[Hit] = []
        self.failing_writes: set[int] = set()
        self._writes = 0

    async def search(self, scope: AgentScope, vector: Vector, *, limit: int, terms: Terms = NO_TERMS) -> Sequence[Hit]:
        return [*self.leak, *await self._inner.search(scope, vector, limit=limit, terms=terms)]

    async def write(self, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        self._writes += 1
        if self._writes in self.failing_writes:
            raise Unavailable("INDEX_UNAVAILABLE", "The fake index was told to fail.")
        self.journal.append("write")
        await self._inner.write(scope, chunks)

    async def remove(self, scope: TenantScope, document_id: str, *, from_position: int = 0) -> None:
        self.journal.append("remove")
        await self._inner.remove(scope, document_id, from_position=from_position)

    async def documents(
        self, scope: TenantScope, *, document_ids: Sequence[str] | None = None
    ) -> Sequence[DocumentRecord]:
        return await self._inner.documents(scope, document_ids=document_ids)

    async def size(self, scope: TenantScope | None) -> IndexSize:
        return await self._inner.size(scope)


class ReversingReranker:
    """Thinks that the last candidate is the best. Raises `failure` when it is set."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.timeouts: list[float] = []

    async def rank(
        self, question: str, texts: Sequence[str], *, limit: int, timeout_seconds: float
    ) -> Sequence[Ranked]:
        self.timeouts.append(timeout_seconds)
        if self.failure is not None:
            raise self.failure
        order = list(reversed(range(len(texts))))[:limit]
        return [Ranked(index, 1.0 - place / 10) for place, index in enumerate(order)]


def foreign(hit: Hit, *, tenant: str) -> Hit:
    """Returns the hit as if it were of another tenant."""
    return replace(hit, tenant=tenant)
