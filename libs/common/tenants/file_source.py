"""Tenants in a folder: `DIR/ID/tenant.yaml`, which people may edit while the system runs, and overrides beside it."""

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from libs.common.errors import InvalidRequest, Unavailable
from libs.common.request_context import TenantId, parse_tenant_id
from libs.common.tenants.stored import PutOutcome, StoredTenant, version_mismatch

POLL_SECONDS = 0.4
_BUNDLE = "tenant.yaml"
_OVERRIDES = "overrides.json"
# Who changed a bundle that was not put through the API.
_BY_HAND = "file"

Snapshot = dict[TenantId, tuple[int, ...]]


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
        self, tenant: TenantId, bundle_yaml: str, *, actor: str, reason: str, expected_version: int = 0, name: str = ""
    ) -> PutOutcome:
        """See `TenantStore`."""
        with _store_faults():
            return await asyncio.to_thread(self._write, tenant, bundle_yaml, actor, reason, expected_version, name)

    async def override(
        self, tenant: TenantId, overrides: str, *, actor: str, reason: str, expected_version: int
    ) -> int:
        """See `TenantStore`."""
        with _store_faults():
            return await asyncio.to_thread(self._override, tenant, overrides, actor, reason, expected_version)

    async def list_tenants(self, *, after: str = "", limit: int = 100) -> list[StoredTenant]:
        """See `TenantStore`. A tenant that was copied into the folder has no name."""
        with _store_faults():
            return await asyncio.to_thread(self._list, after, limit)

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
                seen[tenant] = _times(status)
                with contextlib.suppress(FileNotFoundError):
                    seen[tenant] += _times((entry / _OVERRIDES).stat())
        return seen

    def _list(self, after: str, limit: int) -> list[StoredTenant]:
        tenants = [tenant for tenant in sorted(self._snapshot()) if tenant > after][:limit]
        records = self._records()
        found = [self._read(tenant, records) for tenant in tenants]
        return [replace(stored, bundle_yaml="", overrides="") for stored in found if stored is not None]

    def _read(self, tenant: TenantId, records: dict[str, Any] | None = None) -> StoredTenant | None:
        path = self._folder / tenant / _BUNDLE
        try:
            bundle_yaml = path.read_text(encoding="utf-8")
            edited = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        overrides = ""
        with contextlib.suppress(FileNotFoundError):
            overrides = (self._folder / tenant / _OVERRIDES).read_text(encoding="utf-8")
        record = (self._records() if records is None else records).get(tenant)
        if record is None or record["sha256"] != _digest(bundle_yaml, overrides):
            version = (record["version"] if record else 0) + 1
            return StoredTenant(tenant, version, bundle_yaml, edited, _BY_HAND, "", overrides)
        return StoredTenant(
            tenant,
            record["version"],
            bundle_yaml,
            datetime.fromisoformat(record["update_time"]),
            record["actor"],
            record["reason"],
            overrides,
            record.get("name", ""),
        )

    def _write(
        self, tenant: TenantId, bundle_yaml: str, actor: str, reason: str, expected_version: int, name: str
    ) -> PutOutcome:
        with self._lock():
            current = self._checked(tenant, expected_version)
            if current and current.bundle_yaml == bundle_yaml:
                return PutOutcome(current, changed=False)
            version, overrides = self._next_version(tenant, current), current.overrides if current else ""
            stored = StoredTenant(tenant, version, bundle_yaml, self._now(), actor, reason, overrides, name)
            folder = self._folder / tenant
            folder.mkdir(exist_ok=True)
            if current is None:
                # A crash while it was deleted may have left them.
                (folder / _OVERRIDES).unlink(missing_ok=True)
            # The record first: a bundle without its record would look like one edited by hand.
            self._record(stored, _digest(bundle_yaml, overrides))
            _replace(folder / _BUNDLE, bundle_yaml)
            return PutOutcome(stored, changed=True)

    def _override(self, tenant: TenantId, overrides: str, actor: str, reason: str, expected_version: int) -> int:
        with self._lock():
            current = self._checked(tenant, expected_version)
            if current is None:
                raise version_mismatch(expected_version, 0)
            if current.overrides == overrides:
                return current.version
            version = self._next_version(tenant, current)
            changed = replace(
                current, version=version, overrides=overrides, update_time=self._now(), actor=actor, reason=reason
            )
            self._record(changed, _digest(current.bundle_yaml, overrides))
            _replace(self._folder / tenant / _OVERRIDES, overrides)
            return version

    def _checked(self, tenant: TenantId, expected_version: int) -> StoredTenant | None:
        current = self._read(tenant)
        version = current.version if current else 0
        if expected_version and expected_version != version:
            raise version_mismatch(expected_version, version)
        return current

    def _remove(self, tenant: TenantId, actor: str, reason: str) -> bool:
        if not self._folder.is_dir():
            return False
        with self._lock():
            current = self._read(tenant)
            if current is None:
                return False
            gone = StoredTenant(tenant, self._next_version(tenant, current), "", self._now(), actor, reason)
            (self._folder / tenant / _OVERRIDES).unlink(missing_ok=True)
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
            "name": stored.name,
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


def _digest(bundle_yaml: str, overrides: str) -> str:
    return sha256(f"{bundle_yaml}\0{overrides}".encode() if overrides else bundle_yaml.encode()).hexdigest()


def _times(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _replace(path: Path, text: str) -> None:
    """Writes `path` so that a reader, or a crash, finds the old text or the new one and nothing between."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8", newline="") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
