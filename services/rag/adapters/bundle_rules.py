"""Rules of a tenant's knowledge, from its bundle."""

from libs.common.request_context import TenantId
from libs.common.tenants.directory import TenantDirectory
from services.rag.knowledge_rules import KnowledgeRules


class BundleRules:
    """Implements KnowledgeRulesSource."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    async def rules(self, tenant: TenantId) -> KnowledgeRules:
        """See KnowledgeRulesSource."""
        bundle = await self._directory.get(tenant)
        return KnowledgeRules(
            owners=frozenset(agent.id for agent in bundle.agents),
            score_floor=bundle.knowledge.score_floor,
            languages=bundle.languages,
        )
