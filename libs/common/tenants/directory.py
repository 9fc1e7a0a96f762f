"""The tenants that a process serves: parsed once, found by a dictionary look-up, fresh within a second."""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, cast

from libs.common.errors import InvalidRequest, NotFound, ReparteeError, Unavailable
from libs.common.request_context import TenantId
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.overrides import Overrides, with_overrides
from libs.common.tenants.stored import StoredTenant
from libs.common.tenants.validation import parse_bundle

log = logging.getLogger(__name__)

# How long a tenant is believed to be missing, and how old a bundle may be while changes are not being announced.
RECHECK_SECONDS = 1.0


class TenantSource(Protocol):
    """Where bundles come from; any `TenantStore` is one. Raises Unavailable (STORE_UNAVAILABLE)."""

    async def fetch(self, tenant: TenantId) -> StoredTenant | None:
        """Returns the newest version, or None when there is no such tenant."""
        ...

    def watch(self) -> AsyncIterator[TenantId | None]:
        """Yields None once it listens, then the id of each tenant that changes."""
        ...


@dataclass(slots=True)
class _Entry:
    # None: there is no such tenant.
    bundle: TenantBundle | None
    bundle_yaml: str
    overrides: str
    # A point of the monotonic clock.
    fresh_until: float


class TenantDirectory:
    """Bundles by tenant, loaded when first asked for. Use as an async context manager: it owns the watching task.

    Keeps the `max_tenants` last used. When the source fails, or holds a bundle that does not parse, the last good one
    goes on being served. Callers that want one tenant at the same time share one fetch.
    """

    def __init__(
        self,
        source: TenantSource,
        *,
        max_tenants: int = 1000,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._max_tenants = max_tenants
        self._now = now
        self._wait = wait
        self._entries: OrderedDict[TenantId, _Entry] = OrderedDict()
        self._fetches: dict[TenantId, asyncio.Task[_Entry]] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self._is_listening = False
        self._is_silence_told = False

    async def __aenter__(self) -> Self:
        self._tasks.add(asyncio.create_task(self._watch(), name="tenants-watch"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def get(self, tenant: TenantId) -> TenantBundle:
        """Returns the tenant's bundle.

        Raises NotFound (TENANT_NOT_FOUND), and Unavailable (STORE_UNAVAILABLE, TENANT_BUNDLE_INVALID) when there is no
        earlier good bundle to fall back on.
        """
        entry = self._entries.get(tenant)
        if entry is None or entry.fresh_until <= self._now():
            entry = await self._refresh(tenant)
        else:
            self._entries.move_to_end(tenant)
        if entry.bundle is None:
            raise NotFound("TENANT_NOT_FOUND", "There is no such tenant.")
        return entry.bundle

    def peek(self, tenant: TenantId) -> TenantBundle | None:
        """Returns what is in memory for the tenant, however old, without waiting for anything."""
        entry = self._entries.get(tenant)
        return entry.bundle if entry else None

    async def _refresh(self, tenant: TenantId) -> _Entry:
        fetch = self._fetches.get(tenant)
        if fetch is None:
            fetch = asyncio.create_task(self._fetch(tenant), name="tenant-fetch")
            self._fetches[tenant] = fetch
            self._tasks.add(fetch)
            fetch.add_done_callback(lambda done: self._forget_fetch(tenant, done))
        # One caller that gives up must not take the fetch from the others.
        return await asyncio.shield(fetch)

    def _forget_fetch(self, tenant: TenantId, done: "asyncio.Task[_Entry]") -> None:
        self._tasks.discard(done)
        if self._fetches.get(tenant) is done:
            del self._fetches[tenant]
        if not done.cancelled():
            # Every caller may have gone; their error is then nobody's.
            done.exception()

    async def _fetch(self, tenant: TenantId) -> _Entry:
        known = self._entries.get(tenant)
        try:
            stored = await self._source.fetch(tenant)
            bundle = self._parse(stored, known) if stored else None
        except ReparteeError as error:
            if known is None:
                raise
            log.warning("tenant %s: the last good bundle stays in use (%s)", tenant, error.reason)
            known.fresh_until = self._now() + RECHECK_SECONDS
            return known
        fresh_until = math.inf if self._is_listening and bundle else self._now() + RECHECK_SECONDS
        # A change that was announced while this was being read may have come after the read.
        if self._fetches.get(tenant) is not asyncio.current_task():
            fresh_until = -math.inf
        entry = _Entry(bundle, stored.bundle_yaml if stored else "", stored.overrides if stored else "", fresh_until)
        self._entries[tenant] = entry
        self._entries.move_to_end(tenant)
        while len(self._entries) > self._max_tenants:
            self._entries.popitem(last=False)
        return entry

    def _parse(self, stored: StoredTenant, known: _Entry | None) -> TenantBundle:
        texts = (stored.bundle_yaml, stored.overrides)
        if known and known.bundle and (known.bundle_yaml, known.overrides) == texts:
            return known.bundle
        try:
            bundle = parse_bundle(stored.bundle_yaml)
        except InvalidRequest as error:
            raise Unavailable(
                "TENANT_BUNDLE_INVALID",
                "The stored bundle does not parse; put it again.",
                metadata={"tenant": stored.tenant},
            ) from error
        if bundle.id != stored.tenant:
            raise Unavailable("TENANT_BUNDLE_INVALID", "The stored bundle names another tenant; put it again.")
        return _overridden(bundle, stored)

    async def _watch(self) -> None:
        while True:
            try:
                async with aclosing(cast("_Changes", self._source.watch())) as changes:
                    async for tenant in changes:
                        self._is_listening, self._is_silence_told = True, False
                        self._mark_stale(tenant)
            except ReparteeError as error:
                if not self._is_silence_told:
                    self._is_silence_told = True
                    log.warning(
                        "changes of tenants are not announced (%s); bundles are read again each second", error.reason
                    )
            self._is_listening = False
            self._mark_stale(None)
            await self._wait(RECHECK_SECONDS / 2)

    def _mark_stale(self, tenant: TenantId | None) -> None:
        """Makes the next `get` read `tenant` again, or every tenant for None."""
        stale = list(self._entries) if tenant is None else [tenant]
        for each in stale:
            if each in self._entries:
                self._entries[each].fresh_until = -math.inf
        if tenant is None:
            self._fetches.clear()
        else:
            self._fetches.pop(tenant, None)


def _overridden(bundle: TenantBundle, stored: StoredTenant) -> TenantBundle:
    """Returns the bundle with what was set beside it; what does not fit is left out and said, never the tenant."""
    if not stored.overrides:
        return bundle
    try:
        overridden, problems = with_overrides(bundle, Overrides.from_json(stored.overrides))
    except ValueError:
        log.error("tenant %s: its overrides cannot be read; the bundle is served without them", stored.tenant)
        return bundle
    for problem in problems:
        log.warning("tenant %s: %s is left out: %s", stored.tenant, problem.field, problem.description)
    return overridden


class _Changes(Protocol):
    def __aiter__(self) -> AsyncIterator[TenantId | None]: ...
    async def aclose(self) -> None: ...
