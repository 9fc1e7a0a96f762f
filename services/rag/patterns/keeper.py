"""What the rest of rag says to the patterns when a tenant's documents change, and where their texts come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.request_context import Principal
from services.rag.tenant_scope import TenantScope


class PatternKeeper(Protocol):
    """Keeps patterns in step with documents."""

    def documents_changed(self, owner: Principal) -> None:
        """Notes that documents came or changed: patterns are learned again in the background. Returns at once."""
        ...

    async def documents_gone(self, owner: Principal, document_ids: Sequence[str]) -> None:
        """Withdraws documents from every version of the patterns: when it returns, nothing rests on them.

        Must be called after the index has dropped them, so that nobody learns from them again. Raises Unavailable
        (STORE_UNAVAILABLE); calling it again does no harm.
        """
        ...


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The whole text of one indexed document, with its headings."""

    document_id: str
    text: str


class TenantTexts(Protocol):
    """The texts of a tenant's indexed documents."""

    async def texts(self, scope: TenantScope, *, max_documents: int, max_characters: int) -> Sequence[DocumentText]:
        """Returns documents by id, at most so many of at most so many characters in all.

        Raises Unavailable (INDEX_UNAVAILABLE).
        """
        ...


class NoPatterns:
    """A PatternKeeper for where no patterns are kept."""

    def documents_changed(self, owner: Principal) -> None:
        """Does nothing."""

    async def documents_gone(self, owner: Principal, document_ids: Sequence[str]) -> None:
        """Does nothing."""
