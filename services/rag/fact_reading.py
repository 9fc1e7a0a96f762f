"""Reads what a text states, with the tenant's own patterns and places over what every tenant has."""

from typing import Protocol

from libs.common.facts import Fact
from libs.common.request_context import Principal, TenantId
from libs.common.tenants.bundle import TenantBundle
from services.rag.patterns.keeper import PatternKeeper
from services.rag.patterns.shelf import Shelf


class Bundles(Protocol):
    """Where the tenant's bundle comes from."""

    async def get(self, tenant: TenantId) -> TenantBundle:
        """Returns the bundle. Raises NotFound (TENANT_NOT_FOUND)."""
        ...


class FactReading:
    """Extracts facts. Patterns that are too old still serve, while they are learned anew in the background."""

    def __init__(self, bundles: Bundles, *, shelf: Shelf, keeper: PatternKeeper) -> None:
        self._bundles = bundles
        self._shelf = shelf
        self._keeper = keeper

    async def read(self, owner: Principal, text: str) -> tuple[Fact, ...]:
        """Returns the facts in the order of the text. Raises NotFound (TENANT_NOT_FOUND)."""
        bundle = await self._bundles.get(owner.require_tenant())
        shelved = await self._shelf.get(owner)
        if shelved.is_due:
            self._keeper.documents_changed(owner)
        return shelved.reader.facts(text, country=bundle.country, places=bundle.places())
