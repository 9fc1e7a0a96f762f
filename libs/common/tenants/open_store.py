"""The choice of a tenant store by the settings."""

from pathlib import Path
from typing import Protocol

from libs.common.redis_store import RedisStore
from libs.common.tenants.file_source import FileTenantStore
from libs.common.tenants.memory_source import MemoryTenantStore
from libs.common.tenants.redis_source import RedisTenantStore
from libs.common.tenants.stored import TenantStore


class HasStateDir(Protocol):
    """The part of a service's settings that decides."""

    @property
    def state_dir(self) -> Path | None:
        """Folder for what the embedded defaults keep."""
        ...


def open_tenant_store(settings: HasStateDir, store: RedisStore | None) -> TenantStore:
    """Returns tenants in Redis, else in `STATE_DIR/tenants`, else in memory."""
    if store is not None:
        return RedisTenantStore(store)
    if settings.state_dir is not None:
        return FileTenantStore(settings.state_dir / "tenants")
    return MemoryTenantStore()
