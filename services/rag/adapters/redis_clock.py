"""The knowledge epoch in Redis, where the cache reads it too."""

from libs.common import knowledge_epoch
from libs.common.redis_store import RedisStore
from services.rag.tenant_scope import TenantScope


class RedisClock:
    """Implements KnowledgeClock."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def read(self, scope: TenantScope) -> int:
        """See KnowledgeClock."""
        return await knowledge_epoch.read_epoch(self._store.for_tenant(scope.principal))

    async def advance(self, scope: TenantScope) -> int:
        """See KnowledgeClock."""
        return await knowledge_epoch.advance_epoch(self._store.for_tenant(scope.principal))
