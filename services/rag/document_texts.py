"""The texts of a tenant's documents, put together again from their passages."""

from collections.abc import Sequence
from itertools import groupby

from services.rag.passage_index import Hit, PassageIndex, PassageReading
from services.rag.patterns.keeper import DocumentText
from services.rag.tenant_scope import TenantScope

# So many documents are read at once.
_BATCH = 20


class IndexedTexts:
    """Implements TenantTexts on the index."""

    def __init__(self, index: PassageIndex, passages: PassageReading) -> None:
        self._index = index
        self._passages = passages

    async def texts(self, scope: TenantScope, *, max_documents: int, max_characters: int) -> Sequence[DocumentText]:
        """See TenantTexts."""
        ids = [record.document_id for record in await self._index.documents(scope)][:max_documents]
        found: list[DocumentText] = []
        left = max_characters
        for start in range(0, len(ids), _BATCH):
            hits = await self._passages.passages(scope, document_ids=ids[start : start + _BATCH])
            for document_id, chunks in groupby(hits, key=lambda hit: hit.document_id):
                text = _joined(list(chunks))[:left]
                left -= len(text)
                if text:
                    found.append(DocumentText(document_id, text))
            if left <= 0:
                break
        return found


def _joined(chunks: Sequence[Hit]) -> str:
    """Returns the chunks, each heading once."""
    parts: list[str] = []
    title = ""
    for chunk in chunks:
        if chunk.title != title:
            title = chunk.title
            parts.append(title)
        parts.append(chunk.text)
    return "\n\n".join(parts)
