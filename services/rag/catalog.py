"""Pages through a tenant's documents."""

import base64
import binascii
from dataclasses import dataclass

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.request_context import Principal
from services.rag.knowledge_rules import KnowledgeRulesSource
from services.rag.passage_index import DocumentRecord, PassageIndex
from services.rag.quarantine import NoQuarantine, Note, Quarantine
from services.rag.tenant_scope import TenantScope

INDEXED, QUARANTINED = "indexed", "quarantined"


@dataclass(frozen=True, slots=True)
class Listed:
    """A document of a list. One that is set aside has a `reason`, and the chunks of the version that is in use."""

    record: DocumentRecord
    status: str = INDEXED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Documents by id; `next_page_token` is empty at the end."""

    documents: tuple[Listed, ...]
    next_page_token: str


class Catalog:
    """Lists documents. A page token says after which id to go on, so documents that come or go upset no page."""

    def __init__(
        self, *, index: PassageIndex, rules: KnowledgeRulesSource, quarantine: Quarantine | None = None
    ) -> None:
        self._index = index
        self._rules = rules
        self._quarantine = quarantine or NoQuarantine()

    async def page(self, principal: Principal, *, page_size: int, page_token: str) -> Page:
        """Returns the page after `page_token`. Raises InvalidRequest, NotFound (TENANT_NOT_FOUND), Unavailable."""
        scope = TenantScope(principal)
        await self._rules.rules(scope.tenant)
        after = _read_token(page_token)
        listed = {record.document_id: Listed(record) for record in await self._index.documents(scope)}
        for note in await self._quarantine.notes(scope):
            listed[note.document_id] = _set_aside(note, listed.get(note.document_id))
        rest = [document for document_id, document in sorted(listed.items()) if document_id > after]
        page = tuple(rest[:page_size])
        return Page(page, _token(page[-1].record.document_id) if len(rest) > page_size else "")


def _set_aside(note: Note, in_use: Listed | None) -> Listed:
    record = DocumentRecord(
        document_id=note.document_id,
        title=note.title,
        agent_owner=note.agent_owner,
        chunk_count=in_use.record.chunk_count if in_use else 0,
        content_sha256=note.content_sha256,
        revision="",
        update_time=note.update_time,
        locale=in_use.record.locale if in_use else "",
        media_type=note.media_type,
    )
    return Listed(record, QUARANTINED, note.reason)


def _token(document_id: str) -> str:
    return base64.urlsafe_b64encode(document_id.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise InvalidRequest(
            "INVALID_FIELD",
            "The page token is not one that ListDocuments returned.",
            violations=[FieldViolation("page_token", "expected the `next_page_token` of the last response")],
        ) from None
