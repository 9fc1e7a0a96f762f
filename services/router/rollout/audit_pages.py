"""Pages of the audit, checked while they are read."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.errors import FieldViolation, InvalidRequest
from services.router.rollout.audit import AuditEntry, is_intact
from services.router.rollout.state import EVERYBODY
from services.router.rollout.store import RolloutStore

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
# Entries looked at for one page of a tenant at most; the next page goes on from there.
_MAX_SCANNED = 4000


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first; `next_token` is empty at the end. `is_intact` covers everything read for the page."""

    entries: Sequence[AuditEntry]
    next_token: str
    is_intact: bool


async def audit_page(store: RolloutStore, tenant: str, *, size: int, token: str) -> AuditPage:
    """Returns the entries about `tenant`, or all when it is empty, that come before `token`; `size` 0 is 50.

    The chain runs through the entries of all tenants, so it is checked over all that lie between, and one further.
    Raises InvalidRequest (INVALID_FIELD) for a token that no page gave, and Unavailable (STORE_UNAVAILABLE).
    """
    size = min(size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    before = _sequence_of(token)
    head = (await store.read(EVERYBODY)).head if not token else None
    if head is not None:
        # Entries may be added between the two reads.
        before = head.sequence + 1
    start = before
    scanned: list[AuditEntry] = []
    found: list[AuditEntry] = []
    while before > 1 and len(found) < size and len(scanned) < _MAX_SCANNED:
        chunk = await store.entries(before=before, count=MAX_PAGE_SIZE)
        for entry in chunk:
            if len(found) == size:
                break
            before -= 1
            scanned.append(entry)
            if tenant in (EVERYBODY, entry.tenant):
                found.append(entry)
        if not chunk:
            break
    link = await store.entries(before=before, count=1) if before > 1 else []
    is_whole = len(scanned) + len(link) == start - max(before - 1, 1)
    begins_right = not scanned or scanned[0].sequence == start - 1
    return AuditPage(
        found,
        str(before) if link else "",
        is_intact=is_whole and begins_right and is_intact([*scanned, *link], head=head),
    )


def _sequence_of(token: str) -> int:
    if not token:
        return 0
    if token.isascii() and token.isdigit() and len(token) <= 10 and int(token) > 1:
        return int(token)
    raise InvalidRequest(
        "INVALID_FIELD",
        "The page token is not one that a page gave.",
        violations=[FieldViolation("page_token", "expected the next_page_token of the page before")],
    )
