"""Single flight: of the callers who miss on one question, one makes the answer, and the others wait for it."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from libs.common.errors import Unavailable
from libs.common.measures import Measures
from libs.common.metrics import Meter
from libs.common.request_context import Principal, TenantId
from services.cache.answers import Answers
from services.cache.lookup import (
    ELLIPTICAL,
    EMPTY_QUERY,
    IN_FLIGHT,
    NOTHING_FOUND,
    SLOT_IN_PROGRESS,
    STORE_UNAVAILABLE,
    Lookup,
    Question,
)

# How long the first caller may take. After that another one tries: the first may have died.
LEASE_SECONDS = 8.0
MAX_WAIT_SECONDS = 10.0
# A question whose answer was not kept is answered by everybody who asks it, for so long: nobody waits in vain.
NOT_KEPT_SECONDS = 60.0
_POLL_SECONDS = 0.03
# Misses after which no answer will be kept, or none is wanted.
_NOT_WORTH_LEADING = frozenset({ELLIPTICAL, EMPTY_QUERY, SLOT_IN_PROGRESS, STORE_UNAVAILABLE, NOTHING_FOUND})


class Grant(Enum):
    """What came of asking for a lease: it is the caller's, it is another one's, or nobody should have it."""

    TAKEN = "taken"
    HELD = "held"
    POINTLESS = "pointless"


class Leases(Protocol):
    """Who is making which answer, across all replicas. Raises Unavailable (STORE_UNAVAILABLE)."""

    async def take(self, owner: Principal, key: str, token: str, *, seconds: float) -> Grant:
        """Gives `token` the lease of `key` for at most `seconds`, if it is to be had."""
        ...

    async def is_held(self, owner: Principal, key: str) -> bool:
        """Returns whether anybody holds the lease."""
        ...

    async def give_back(self, owner: Principal, key: str, token: str, *, pointless_seconds: float) -> None:
        """Ends the lease, if it is still this token's; for `pointless_seconds`, if any, nobody gets another."""
        ...


@dataclass(frozen=True, slots=True)
class Led:
    """A lookup, and on a miss the lease of a caller that is to make the answer; IN_FLIGHT when another one does."""

    lookup: Lookup
    lease: str = ""


class Flights:
    """Looks answers up with leases. Without a store for leases every caller makes its own answer."""

    def __init__(
        self,
        answers: Answers,
        leases: Leases,
        *,
        new_token: Callable[[], str] = lambda: secrets.token_hex(8),
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        meter: Meter | None = None,
    ) -> None:
        self._answers = answers
        self._leases = leases
        self._meter = meter or Meter()
        self._new_token = new_token
        self._wait = wait
        # One watcher for each answer that callers of this replica wait for, whatever their number.
        self._landings: dict[tuple[TenantId, str], asyncio.Task[None]] = {}

    async def look_up(self, owner: Principal, question: Question, *, may_lead: bool, wait_seconds: float) -> Led:
        """Returns what is there now, or once the caller who makes it is done, at most `wait_seconds` later."""
        found = await self._answers.find(owner, question)
        if may_lead and found.hit is None and found.miss_reason not in _NOT_WORTH_LEADING:
            led = await self._lead(owner, question, found, min(wait_seconds, MAX_WAIT_SECONDS))
        else:
            led = Led(found)
        self._answers.note(owner, led.lookup)
        return led

    async def give_back(self, owner: Principal, key: str, lease: str, *, is_kept: bool) -> None:
        """Ends a lease, so that whoever waits goes on. Never raises: a lease also ends by itself."""
        try:
            await self._leases.give_back(owner, key, lease, pointless_seconds=0.0 if is_kept else NOT_KEPT_SECONDS)
        except Unavailable:
            return

    async def _lead(self, owner: Principal, question: Question, found: Lookup, wait_seconds: float) -> Led:
        token = self._new_token()
        try:
            grant = await self._leases.take(owner, found.key, token, seconds=LEASE_SECONDS)
            if grant is not Grant.HELD:
                return Led(found, token if grant is Grant.TAKEN else "")
            if wait_seconds <= 0:
                return Led(_in_flight(found))
            if not await self._landed(owner, found.key, wait_seconds):
                return Led(_in_flight(found))
            again = await self._answers.find(owner, question)
            if again.hit is not None or again.miss_reason in _NOT_WORTH_LEADING:
                return Led(again)
            grant = await self._leases.take(owner, again.key, token, seconds=LEASE_SECONDS)
        except Unavailable:
            return Led(found)
        if grant is Grant.HELD:
            return Led(_in_flight(again))
        return Led(again, token if grant is Grant.TAKEN else "")

    async def _landed(self, owner: Principal, key: str, wait_seconds: float) -> bool:
        """Waits until nobody holds the lease; False when that takes too long."""
        place = (owner.require_tenant(), key)
        watcher = self._landings.get(place)
        if watcher is None:
            watcher = self._landings[place] = asyncio.create_task(self._watch(owner, key), name="cache-flight")
            watcher.add_done_callback(lambda done: self._forget(place, done))
        began = time.perf_counter()
        done, _ = await asyncio.wait({watcher}, timeout=wait_seconds)
        waits = self._meter.histogram(Measures.CACHE_WAITS, "landed" if done else "timeout")
        waits.observe(time.perf_counter() - began)
        return bool(done)

    async def _watch(self, owner: Principal, key: str) -> None:
        # A lease ends by itself, and with it this loop.
        while await self._leases.is_held(owner, key):
            await self._wait(_POLL_SECONDS)

    def _forget(self, place: tuple[TenantId, str], done: "asyncio.Task[None]") -> None:
        self._landings.pop(place, None)
        if not done.cancelled():
            # A store that fails while it is watched lets every waiter go on; their next step meets the fault itself.
            done.exception()

    async def aclose(self) -> None:
        """Ends what still watches."""
        watchers = list(self._landings.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


def _in_flight(found: Lookup) -> Lookup:
    return replace(found, miss_reason=IN_FLIGHT)
