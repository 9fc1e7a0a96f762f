"""Documents that were set aside because they could not be read, and the port to where they are noted."""

# ruff: noqa: ARG002 - the class that forgets takes what the port says

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.rag.tenant_scope import TenantScope


@dataclass(frozen=True, slots=True)
class Note:
    """A version of a document that was set aside, and why. An earlier version of it may be in use."""

    document_id: str
    title: str
    agent_owner: str
    media_type: str
    content_sha256: str
    reason: str
    update_time: datetime


class Quarantine(Protocol):
    """Where notes are kept: with the passages, so that removing a document removes its note.

    All methods raise Unavailable (INDEX_UNAVAILABLE) when it does not answer.
    """

    async def set_aside(self, scope: TenantScope, note: Note) -> None:
        """Keeps a note, in place of an older one of the same document."""
        ...

    async def take_back(self, scope: TenantScope, document_id: str) -> None:
        """Forgets the note of a document, if there is one."""
        ...

    async def notes(self, scope: TenantScope) -> Sequence[Note]:
        """Returns the tenant's notes by document id."""
        ...


class NoQuarantine:
    """A Quarantine that forgets."""

    async def set_aside(self, scope: TenantScope, note: Note) -> None:
        """Keeps nothing."""

    async def take_back(self, scope: TenantScope, document_id: str) -> None:
        """There is nothing."""

    async def notes(self, scope: TenantScope) -> Sequence[Note]:
        """Returns nothing."""
        return ()
