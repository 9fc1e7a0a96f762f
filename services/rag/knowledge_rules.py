"""What a tenant's bundle says about its knowledge, and the port to it."""

from dataclasses import dataclass
from typing import Protocol

from libs.common.request_context import TenantId


@dataclass(frozen=True, slots=True)
class KnowledgeRules:
    """`owners` are the ids of the tenant's agents; a passage less similar than `score_floor` (-1 to 1) is no answer.

    `languages` are those that its customers are answered in, as two letters, the usual one first.
    """

    owners: frozenset[str]
    score_floor: float
    languages: tuple[str, ...] = ("fr", "en")


class KnowledgeRulesSource(Protocol):
    """Where the rules come from."""

    async def rules(self, tenant: TenantId) -> KnowledgeRules:
        """Returns the tenant's rules. Raises NotFound (TENANT_NOT_FOUND)."""
        ...
