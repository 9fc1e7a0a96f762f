"""Pages through a tenant's documents."""

import base64
import binascii
from dataclasses import dataclass

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.request_context import Principal
from services.rag.knowledge_rules import KnowledgeRulesSource
from services.rag.passage_index import DocumentRecord, PassageIndex
from services.rag.tenant_scope import TenantScope


@dataclass(frozen=True, slots=True)
class Page:
    """Documents by id; `next_page_token` is empty at the end."""

    documents: tuple[DocumentRecord, ...]
    next_page_token: str


class Catalog:
    """Lists documents. A page token says after which id to go on, so documents that come or go upset no page."""

    def __init__(self, *, index: PassageIndex, rules: KnowledgeRulesSource) -> None:
        self._index = index
        self._rules = rules

    async def page(self, principal: Principal, *, page_size: int, page_token: str) -> Page:
        """Returns the page after `page_token`. Raises InvalidRequest, NotFound (TENANT_NOT_FOUND), Unavailable."""
        scope = TenantScope(principal)
        await self._rules.rules(scope.tenant)
        after = _read_token(page_token)
        records = sorted(await self._index.documents(scope), key=lambda record: record.document_id)
        rest = [record for record in records if record.document_id > after]
        page = tuple(rest[:page_size])
        return Page(page, _token(page[-1].document_id) if len(rest) > page_size else "")


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
