"""Tenants in memory: for tests, and for a process that has neither Redis nor a folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
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
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0, name: str = ""
    ) -> PutOutcome:
        """See `TenantStore`."""
        current = self._checked(tenant, expected_version)
        if current and current.bundle_yaml == bundle_yaml:
            return PutOutcome(current, changed=False)
        overrides = current.overrides if current else ""
        stored = self._keep(StoredTenant(tenant, 0, bundle_yaml, self._now(), actor, reason, overrides, name))
        return PutOutcome(stored, changed=True)

    async def override(
        self, tenant: TenantId, overrides: str, *, actor: str, reason: str, expected_version: int
    ) -> int:
        """See `TenantStore`."""
        current = self._checked(tenant, expected_version)
        if current is None:
            raise version_mismatch(expected_version, 0)
        if current.overrides == overrides:
            return current.version
        changed = replace(current, overrides=overrides, update_time=self._now(), actor=actor, reason=reason)
        return self._keep(changed).version

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """See `TenantStore`."""
        wanted = [tenant for tenant in sorted(self._tenants) if tenant > after][:limit]
        return [replace(self._tenants[tenant], bundle_yaml="", overrides="") for tenant in wanted]

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

    def _checked(self, tenant: TenantId, expected_version: int) -> StoredTenant | None:
        current = self._tenants.get(tenant)
        version = current.version if current else 0
        if expected_version and expected_version != version:
            raise version_mismatch(expected_version, version)
        return current

    def _keep(self, changed: StoredTenant) -> StoredTenant:
        stored = replace(changed, version=self._versions.get(changed.tenant, 0) + 1)
        self._versions[stored.tenant] = stored.version
        self._tenants[stored.tenant] = stored
        self._announce(stored.tenant)
        return stored

    def _announce(self, tenant: TenantId) -> None:
        for changes in self._watchers:
            changes.put_nowait(tenant)
