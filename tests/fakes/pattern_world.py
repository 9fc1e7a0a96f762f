"""Tenants' texts and a world of patterns around them, in memory, with clocks that tests move."""

from collections.abc import Sequence

from libs.common.request_context import Principal
from services.rag.patterns.curation import Curation
from services.rag.patterns.keeper import DocumentText
from services.rag.patterns.shelf import Shelf
from services.rag.patterns.store import PatternStore
from services.rag.patterns.teacher import Teacher
from services.rag.tenant_scope import TenantScope

SHOP = {
    "tarifs": "6 paquets - 25.000 FCFA\n12 paquets - 48.000 FCFA\nPrix du carton : 30.000\nTél : 07 07 01 02 03",
    "zones": "Livraison à Cocody : 1.500 F\nLivraison à Yopougon : 2.000 F\nCommande n° 0712345678",
    "faq": "6 paquets - 25.000 FCFA\nPrix : 12.500\nLivraison à Cocody le lendemain. Appelez le 0707010203",
    "promo": "Prix : 9.000\n6 paquets - 25.000 FCFA\nNous livrons Yopougon et Cocody. Commande n° 0798765432",
}


class Texts:
    """Implements TenantTexts on dictionaries: tenant, document, text. `calls` counts readings."""

    def __init__(self, **texts: dict[str, str]) -> None:
        self.of = texts
        self.calls = 0

    async def texts(self, scope: TenantScope, *, max_documents: int, max_characters: int) -> Sequence[DocumentText]:
        self.calls += 1
        return [DocumentText(name, text) for name, text in sorted(self.of.get(scope.tenant, {}).items())]


class Clock:
    """Seconds that only tests move."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


class World:
    """Every use case about patterns, on one store."""

    def __init__(self, store: PatternStore, texts: Texts, clock: Clock) -> None:
        self.store = store
        self.texts = texts
        self.clock = clock
        self.shelf = Shelf(store, wall=clock, now=clock)
        self.teacher = Teacher(store, texts, self.shelf, wall=clock, chance=lambda: 0.5)
        self.curation = Curation(store, self.shelf, wall=clock)

    async def kinds(self, owner: Principal, text: str) -> set[tuple[str, str]]:
        """Returns what the tenant's patterns in use read from a text: kinds and values."""
        return {(fact.kind, fact.value) for fact in (await self.shelf.get(owner)).reader.facts(text, country="CI")}
