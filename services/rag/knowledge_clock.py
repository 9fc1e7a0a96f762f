"""The port to the version of a tenant's knowledge."""

from typing import Protocol

from services.rag.tenant_scope import TenantScope


class KnowledgeClock(Protocol):
    """The epoch of a tenant's knowledge: 0 before its first document, and it only grows.

    Both raise Unavailable (STORE_UNAVAILABLE) when it does not answer.
    """

    async def read(self, scope: TenantScope) -> int:
        """Returns the epoch."""
        ...

    async def advance(self, scope: TenantScope) -> int:
        """Moves on by one, durably, and returns the new epoch."""
        ...
