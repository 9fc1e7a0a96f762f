"""Tenants in memory: for tests, and for a process that has neither Redis nor a folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from libs.common.request_context import TenantId
from libs.common.tenants.stored import PutOutcome, StoredTenant, version_mismatch


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryTenantStore:
    """A `TenantStore` that forgets everything with its process."""

    def __init__(self, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._tenants: dict[TenantId, StoredTenant] = {}
        # Outlives deletion, so that a version is never used twice.
        self._versions: dict[TenantId, int] = {}
        self._watchers: set[asyncio.Queue[TenantId]] = set()

    async def fetch(self, tenant: TenantId) -> StoredTenant | None:
        """See `TenantStore`."""
        return self._tenants.get(tenant)

    async def put(
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0
    ) -> PutOutcome:
        """See `TenantStore`."""
        current = self._tenants.get(tenant)
        version = current.version if current else 0
        if expected_version and expected_version != version:
            raise version_mismatch(expected_version, version)
        if current and current.bundle_yaml == bundle_yaml:
            return PutOutcome(current, changed=False)
        version = self._versions.get(tenant, 0) + 1
        stored = StoredTenant(tenant, version, bundle_yaml, self._now(), actor, reason)
        self._versions[tenant] = version
        self._tenants[tenant] = stored
        self._announce(tenant)
        return PutOutcome(stored, changed=True)

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """See `TenantStore`."""
        return [self._tenants[tenant] for tenant in sorted(self._tenants) if tenant > after][:limit]

    async def delete(self, tenant: TenantId, *, actor: str, reason: str) -> bool:  # noqa: ARG002  # nothing here keeps them
        """See `TenantStore`."""
        if self._tenants.pop(tenant, None) is None:
            return False
        self._versions[tenant] += 1
        self._announce(tenant)
        return True

    async def watch(self) -> AsyncIterator[TenantId | None]:
        """See `TenantStore`."""
        changes: asyncio.Queue[TenantId] = asyncio.Queue()
        self._watchers.add(changes)
        try:
            yield None
            while True:
                yield await changes.get()
        finally:
            self._watchers.discard(changes)

    def _announce(self, tenant: TenantId) -> None:
        for changes in self._watchers:
            changes.put_nowait(tenant)
