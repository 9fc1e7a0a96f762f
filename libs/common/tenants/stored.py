"""A tenant as it is kept, and what every keeper of tenants can do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.errors import Conflict
from libs.common.request_context import TenantId


@dataclass(frozen=True, slots=True)
class StoredTenant:
    """One version of a tenant. `version` grows by one with each change and never goes back, deletion included.

    `overrides` is the JSON of `libs.common.tenants.overrides`, empty for none. `name` is the bundle's, for lists, and
    may be empty.
    """

    tenant: TenantId
    version: int
    bundle_yaml: str
    update_time: datetime
    actor: str
    reason: str
    overrides: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PutOutcome:
    """What a put led to. `changed` is False when the bundle was the same already; then nothing was written."""

    stored: StoredTenant
    changed: bool


class TenantStore(Protocol):
    """Keeps bundles as text, and overrides beside them. It validates neither: whoever puts one has parsed it before.

    Every method raises Unavailable (STORE_UNAVAILABLE) when the store does not answer.
    """

    async def fetch(self, tenant: TenantId) -> StoredTenant | None:
        """Returns the newest version, or None when there is no such tenant."""
        ...

    async def put(
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0, name: str = ""
    ) -> PutOutcome:
        """Replaces `expected_version`, or whatever is there when it is 0; the overrides stay.

        Raises Conflict (VERSION_MISMATCH).
        """
        ...

    async def override(
        self, tenant: TenantId, overrides: str, *, actor: str, reason: str, expected_version: int
    ) -> int:
        """Replaces the overrides of `expected_version`, at least 1; the bundle stays. Returns the version after.

        Raises Conflict (VERSION_MISMATCH), also when there is no such tenant.
        """
        ...

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """Returns at most `limit` tenants by id, those after `after`; without bundles and overrides."""
        ...

    async def delete(self, tenant: TenantId, *, actor: str, reason: str) -> bool:
        """Removes a tenant with its overrides; False when it was not there."""
        ...

    def watch(self) -> AsyncIterator[TenantId | None]:
        """Yields the id of each tenant that changes, within a second.

        First yields None: from here on nothing is missed, so whatever was read before has to be read again.
        """
        ...


def version_mismatch(expected: int, actual: int) -> Conflict:
    """Returns the error for a put that expected another version."""
    return Conflict(
        "VERSION_MISMATCH",
        f"Version {expected} was expected, and {actual} is there; read the tenant again and repeat the change on it.",
        metadata={"expected_version": str(expected), "actual_version": str(actual)},
    )
