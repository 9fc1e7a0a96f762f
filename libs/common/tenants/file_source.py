"""Tenants in a folder: `DIR/ID/tenant.yaml`, which people may edit while the system runs."""

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from libs.common.errors import InvalidRequest, Unavailable
from libs.common.request_context import TenantId, parse_tenant_id
from libs.common.tenants.stored import PutOutcome, StoredTenant, version_mismatch

POLL_SECONDS = 0.4
_BUNDLE = "tenant.yaml"
# Who changed a bundle that was not put through the API.
_BY_HAND = "file"

Snapshot = dict[TenantId, tuple[int, int, int]]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FileTenantStore:
    """A `TenantStore` on a folder that several processes of one machine may share.

    Versions are kept in `DIR/versions.json`. A bundle edited by hand counts as one version more than the last recorded
    one, until it is put again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = _utc_now,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._now = now
        self._wait = wait

    async def fetch(self, tenant: TenantId) -> StoredTenant | None:
        """See `TenantStore`."""
        with _store_faults():
            return await asyncio.to_thread(self._read, tenant)

    async def put(
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0
    ) -> PutOutcome:
        """See `TenantStore`."""
        with _store_faults():
            return await asyncio.to_thread(self._write, tenant, bundle_yaml, actor, reason, expected_version)

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """See `TenantStore`."""
        with _store_faults():
            tenants = [tenant for tenant in sorted(await asyncio.to_thread(self._snapshot)) if tenant > after][:limit]
            found = [await asyncio.to_thread(self._read, tenant) for tenant in tenants]
        return [stored for stored in found if stored is not None]

    async def delete(self, tenant: TenantId, *, actor: str, reason: str) -> bool:
        """See `TenantStore`."""
        with _store_faults():
            return await asyncio.to_thread(self._remove, tenant, actor, reason)

    async def watch(self) -> AsyncIterator[TenantId | None]:
        """See `TenantStore`. Looks at the files' times twice and more a second."""
        with _store_faults():
            known = await asyncio.to_thread(self._snapshot)
        yield None
        while True:
            await self._wait(POLL_SECONDS)
            with _store_faults():
                seen = await asyncio.to_thread(self._snapshot)
            changed = [tenant for tenant in {**known, **seen} if known.get(tenant) != seen.get(tenant)]
            known = seen
            for tenant in changed:
                yield tenant

    def _snapshot(self) -> Snapshot:
        seen: Snapshot = {}
        if not self._folder.is_dir():
            return seen
        for entry in self._folder.iterdir():
            with contextlib.suppress(InvalidRequest, FileNotFoundError, NotADirectoryError):
                tenant = parse_tenant_id(entry.name)
                status = (entry / _BUNDLE).stat()
                seen[tenant] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return seen

    def _read(self, tenant: TenantId) -> StoredTenant | None:
        path = self._folder / tenant / _BUNDLE
        try:
            bundle_yaml = path.read_text(encoding="utf-8")
            edited = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        record = self._records().get(tenant)
        if record is None or record["sha256"] != _digest(bundle_yaml):
            return StoredTenant(tenant, (record["version"] if record else 0) + 1, bundle_yaml, edited, _BY_HAND, "")
        updated = datetime.fromisoformat(record["update_time"])
        return StoredTenant(tenant, record["version"], bundle_yaml, updated, record["actor"], record["reason"])

    def _write(self, tenant: TenantId, bundle_yaml: str, actor: str, reason: str, expected_version: int) -> PutOutcome:
        with self._lock():
            current = self._read(tenant)
            version = current.version if current else 0
            if expected_version and expected_version != version:
                raise version_mismatch(expected_version, version)
            if current and current.bundle_yaml == bundle_yaml:
                return PutOutcome(current, changed=False)
            stored = StoredTenant(tenant, self._next_version(tenant, current), bundle_yaml, self._now(), actor, reason)
            (self._folder / tenant).mkdir(exist_ok=True)
            # The record first: a bundle without its record would look like one edited by hand.
            self._record(stored, _digest(bundle_yaml))
            _replace(self._folder / tenant / _BUNDLE, bundle_yaml)
            return PutOutcome(stored, changed=True)

    def _remove(self, tenant: TenantId, actor: str, reason: str) -> bool:
        if not self._folder.is_dir():
            return False
        with self._lock():
            current = self._read(tenant)
            if current is None:
                return False
            gone = StoredTenant(tenant, self._next_version(tenant, current), "", self._now(), actor, reason)
            (self._folder / tenant / _BUNDLE).unlink(missing_ok=True)
            self._record(gone, "")
            return True

    def _next_version(self, tenant: TenantId, current: StoredTenant | None) -> int:
        record = self._records().get(tenant)
        return max(current.version if current else 0, record["version"] if record else 0) + 1

    def _records(self) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", json.loads((self._folder / "versions.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def _record(self, stored: StoredTenant, digest: str) -> None:
        records = self._records()
        records[stored.tenant] = {
            "version": stored.version,
            "sha256": digest,
            "update_time": stored.update_time.isoformat(),
            "actor": stored.actor,
            "reason": stored.reason,
        }
        _replace(self._folder / "versions.json", json.dumps(records, indent=1))

    @contextlib.contextmanager
    def _lock(self) -> Generator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def _store_faults() -> Generator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise Unavailable(
            "STORE_UNAVAILABLE", f"The folder of tenants cannot be used ({type(error).__name__})."
        ) from error


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _replace(path: Path, text: str) -> None:
    """Writes `path` so that a reader, or a crash, finds the old text or the new one and nothing between."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8", newline="") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
