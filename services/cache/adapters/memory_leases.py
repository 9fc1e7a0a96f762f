"""Leases in memory, for a process without Redis."""

import time
from collections import OrderedDict
from collections.abc import Callable

from libs.common.request_context import Principal, TenantId
from services.cache.flights import Grant

_POINTLESS = "-"


class MemoryLeases:
    """See Leases. Bounded: beyond `max_leases` the oldest ends, and its question may be answered twice."""

    def __init__(self, *, max_leases: int = 10_000, now: Callable[[], float] = time.monotonic) -> None:
        self._max_leases = max_leases
        self._now = now
        self._leases: OrderedDict[tuple[TenantId, str], tuple[str, float]] = OrderedDict()

    async def take(self, owner: Principal, key: str, token: str, *, seconds: float) -> Grant:
        """See Leases."""
        held = self._held(owner, key)
        if held:
            return Grant.POINTLESS if held == _POINTLESS else Grant.HELD
        self._leases[owner.require_tenant(), key] = (token, self._now() + seconds)
        if len(self._leases) > self._max_leases:
            self._leases.popitem(last=False)
        return Grant.TAKEN

    async def is_held(self, owner: Principal, key: str) -> bool:
        """See Leases."""
        return self._held(owner, key) not in ("", _POINTLESS)

    async def give_back(self, owner: Principal, key: str, token: str, *, pointless_seconds: float) -> None:
        """See Leases."""
        if self._held(owner, key) != token:
            return
        if pointless_seconds > 0:
            self._leases[owner.require_tenant(), key] = (_POINTLESS, self._now() + pointless_seconds)
        else:
            del self._leases[owner.require_tenant(), key]

    def _held(self, owner: Principal, key: str) -> str:
        place = (owner.require_tenant(), key)
        token, until = self._leases.get(place, ("", 0.0))
        if token and until <= self._now():
            del self._leases[place]
            return ""
        return token
