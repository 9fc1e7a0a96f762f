"""Whose knowledge a call may touch: the one place where a tenant's filter is made."""

from dataclasses import dataclass

from libs.common.request_context import Principal, TenantId
from services.rag.documents import SHARED


@dataclass(frozen=True, slots=True)
class TenantScope:
    """Everything of one tenant. Only a verified principal makes one, and every index operation demands one."""

    principal: Principal

    def __post_init__(self) -> None:
        self.principal.require_tenant()

    @property
    def tenant(self) -> TenantId:
        """The tenant."""
        return self.principal.require_tenant()

    def for_agent(self, agent: str) -> "AgentScope":
        """Returns what `agent` may read: its own passages and shared ones, or shared ones only when it is empty."""
        return AgentScope(self, frozenset({SHARED, agent} - {""}))


@dataclass(frozen=True, slots=True)
class AgentScope:
    """What one agent of a tenant may read. `TenantScope.for_agent` makes it."""

    within: TenantScope
    owners: frozenset[str]

    @property
    def tenant(self) -> TenantId:
        """The tenant."""
        return self.within.tenant

    def admits(self, *, tenant: str, owner: str) -> bool:
        """True when a passage of `tenant` and `owner` may be read; asked again of every hit that comes back."""
        return tenant == self.tenant and owner in self.owners
