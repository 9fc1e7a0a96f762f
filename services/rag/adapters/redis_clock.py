"""The knowledge epoch in Redis, where the cache reads it too."""

from collections.abc import Awaitable

from libs.common import knowledge_epoch
from libs.common.errors import ReparteeError
from libs.common.redis_store import RedisStore
from services.rag.tenant_scope import TenantScope


class RedisClock:
    """Implements KnowledgeClock. `failure` is the reason of the last call when it failed, else empty."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self.failure = ""

    async def read(self, scope: TenantScope) -> int:
        """See KnowledgeClock."""
        return await self._noted(knowledge_epoch.read_epoch(self._store.for_tenant(scope.principal)))

    async def advance(self, scope: TenantScope) -> int:
        """See KnowledgeClock."""
        return await self._noted(knowledge_epoch.advance_epoch(self._store.for_tenant(scope.principal)))

    async def _noted(self, call: Awaitable[int]) -> int:
        try:
            epoch = await call
        except ReparteeError as error:
            self.failure = error.reason
            raise
        self.failure = ""
        return epoch
