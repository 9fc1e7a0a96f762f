"""Reads what a text states, with the places of the tenant."""

from typing import Protocol

from libs.common.facts import Fact, extract_facts
from libs.common.request_context import TenantId
from libs.common.tenants.bundle import TenantBundle


class Bundles(Protocol):
    """Where the tenant's bundle comes from."""

    async def get(self, tenant: TenantId) -> TenantBundle:
        """Returns the bundle. Raises NotFound (TENANT_NOT_FOUND)."""
        ...


class FactReading:
    """Extracts facts."""

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles

    async def read(self, tenant: TenantId, text: str) -> tuple[Fact, ...]:
        """Returns the facts in the order of the text. Raises NotFound (TENANT_NOT_FOUND)."""
        bundle = await self._bundles.get(tenant)
        return extract_facts(text, country=bundle.country, places=bundle.places())
