"""Whom a call of operators is about: a tenant that is there, or all of them."""

import asyncio
import contextlib
from typing import Protocol

from libs.common.errors import Unavailable
from libs.common.request_context import TenantId, parse_tenant_id
from libs.common.tenants.bundle import TenantBundle

# A directory of tenants that does not answer must not hold up a rollback.
_KNOWN_SECONDS = 0.2


class Tenants(Protocol):
    """The tenants that there are."""

    async def get(self, tenant: TenantId) -> TenantBundle:
        """Returns a bundle; raises NotFound (TENANT_NOT_FOUND), or Unavailable when nobody can say."""
        ...


class Scopes:
    """Knows tenants. While `tenants` cannot say, or is None, every tenant is taken for one that is there."""

    def __init__(self, tenants: Tenants | None = None) -> None:
        self._tenants = tenants

    async def existing(self, tenant_id: str) -> str:
        """Returns the tenant as a scope, empty for all; raises NotFound (TENANT_NOT_FOUND)."""
        if tenant_id and self._tenants is not None:
            with contextlib.suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_KNOWN_SECONDS):
                    # Admission has checked that the caller may act on it.
                    await self._tenants.get(parse_tenant_id(tenant_id))
        return tenant_id


def scope_of(tenant_id: str) -> str:
    """Returns a tenant that may be gone as a scope, empty for all; raises InvalidRequest (INVALID_FIELD)."""
    return parse_tenant_id(tenant_id) if tenant_id else ""
