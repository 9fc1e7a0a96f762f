"""The canary: asks for one reserved tenant what only another keeps, again and again; an answer is an alarm."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from libs.common.errors import ReparteeError
from libs.common.request_context import Principal, TenantId
from services.cache.answers import Answers
from services.cache.counters import CANARY_LEAKS, Counters
from services.cache.keeping import Keeping
from services.cache.lookup import Lookup, Question
from services.cache.offers import Offer

_log = logging.getLogger(__name__)

# Reserved: what is kept and asked for them is nobody's, and no statistic of companies shows it.
_KEEPER = Principal(subject="canary", tenant=TenantId("repartee-canary-a"))
_STRANGER = Principal(subject="canary", tenant=TenantId("repartee-canary-b"))
CANARY_TENANTS = frozenset((_KEEPER.require_tenant(), _STRANGER.require_tenant()))

# One article apart, so that the guard lets the second be served for the first, and any embedder finds them near.
_KEPT = "Combien coûte la livraison rapide du grand colis fragile {} devant le marché couvert ?"
_REWORDED = "Combien coûte une livraison rapide du grand colis fragile {} devant le marché couvert ?"
_ANSWER = "La sonde {}."
_LOCALE = "fr"
# Longer than a probe takes; short, so that old markers leave by themselves.
_TTL_SECONDS = 60.0
# Letters only: the cache refuses to keep what looks like a phone number or a reference.
_MARKER_LETTERS = "bcdfghjklmnpqrstvwxz"

_NOT_YET = "No probe has ended yet."
_ENDED = "The probes have stopped."
_UNPROVEN = "The last probe proved nothing: the marker could not be kept, or its own tenant or the other not answered."
_LEAKED = "A tenant was given what only another tenant keeps; flush the cache and stop it."


def _marker() -> str:
    return "".join(random.choices(_MARKER_LETTERS, k=16))  # noqa: S311  # unique, guards nothing


class Canary:
    """Use as an async context manager: it owns the task that probes every `every_seconds`, or none for 0.

    A probe goes the way of every caller: it keeps a new marker for one tenant, then asks for it as another, with the
    same words and with near ones. Then the keeper itself must be served both, else the probe proves nothing.
    """

    def __init__(
        self,
        answers: Answers,
        keeping: Keeping,
        counters: Counters,
        *,
        every_seconds: float,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        marker: Callable[[], str] = _marker,
    ) -> None:
        self._answers = answers
        self._keeping = keeping
        self._counters = counters
        self._every_seconds = every_seconds
        self._wait = wait
        self._marker = marker
        self._task: asyncio.Task[None] | None = None
        self._has_leaked = False
        self._complaint = _NOT_YET

    async def __aenter__(self) -> Self:
        if self._every_seconds > 0:
            self._task = asyncio.create_task(self._probe_forever(), name="cache-canary")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def complaint(self) -> str:
        """One sentence on why tenants are not known to be apart, '' when the last probe showed it.

        A leak stays until the process ends: what was served cannot be taken back.
        """
        if self._has_leaked:
            return _LEAKED
        return _ENDED if self._task is not None and self._task.done() else self._complaint

    async def probe(self) -> None:
        """Makes one probe. Raises nothing that a store or an embedder may."""
        marker = self._marker()
        kept_text, near_text = _KEPT.format(marker), _REWORDED.format(marker)
        try:
            offer = Offer(kept_text, _ANSWER.format(marker), locale=_LOCALE, ttl_seconds=_TTL_SECONDS)
            kept = await self._keeping.keep(_KEEPER, offer)
            given = [await self._ask(_STRANGER, text) for text in (kept_text, near_text)]
            # After the stranger, so that the marker was there while it asked.
            owned = [await self._ask(_KEEPER, text) for text in (kept_text, near_text)]
        except ReparteeError:
            self._complaint = _UNPROVEN
            return
        leaks = sum(found.hit is not None for found in given)
        if leaks:
            self._has_leaked = True
            self._counters.add(_STRANGER, CANARY_LEAKS, leaks)
            _log.error("🚨 isolation is broken: one tenant's cache served another (%d of %d)", leaks, len(given))
        # A miss without an embedding came before the index was searched.
        was_searched = all(found.vector is not None for found in given)
        was_served = all(found.hit is not None and found.hit.entry.entry_id == kept.entry_id for found in owned)
        self._complaint = "" if was_searched and was_served else _UNPROVEN

    async def _ask(self, asker: Principal, text: str) -> Lookup:
        return await self._answers.look_up(asker, Question(text, locale=_LOCALE))

    async def _probe_forever(self) -> None:
        while True:
            await self.probe()
            await self._wait(self._every_seconds)
