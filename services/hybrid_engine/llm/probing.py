"""Looks after tiers from outside of requests: what is there at the start, and what has come back since."""

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from services.hybrid_engine.llm.faults import Fault, TierFailure
from services.hybrid_engine.llm.guarded_tier import Detection, GuardedTier, TierState
from services.hybrid_engine.llm.mode import LlmMode

_log = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
_FIRST_INTERVAL, _LONGEST_INTERVAL = 15.0, 300.0
# Only ever longer: no tier is probed twice within 15 s.
_JITTER = 0.2
_TICK_SECONDS = 1.0
# With thousands of tenants' tiers, the others wait for the next second: requests come first.
_MOST_AT_ONCE = 50

DETECTED = "✅ LLM détecté : %s"
NOT_DETECTED = "⚠️ LLM non disponible → mode fallback activé"


@dataclass
class Prober:
    """Probes tiers with GET {base}/models; in mode `disabled` it opens no socket.

    A tier that is down is probed again after 15 s; one that has never served, after twice as long each further time, up
    to 300 s. One that answers requests is left alone: they tell more than a probe. With `warm_up` a server that lists
    no model is asked for one token, so that the wait for loading it is nobody's.
    """

    tiers: Callable[[], Sequence[GuardedTier]]
    mode: Callable[[], LlmMode]
    warm_up: bool = False
    jitter: Random = field(default_factory=Random)
    _due: dict[GuardedTier, float] = field(default_factory=dict[GuardedTier, float])
    _intervals: dict[GuardedTier, float] = field(default_factory=dict[GuardedTier, float])
    _warmed: set[GuardedTier] = field(default_factory=set[GuardedTier])

    async def detect(self) -> tuple[bool, str]:
        """Probes every tier at once, within 2 s; returns whether any answered and the line that says so."""
        if self.mode() is LlmMode.DISABLED:
            return False, NOT_DETECTED
        tiers = [tier for tier in self.tiers() if tier.has_key]
        await self._probe_all(tiers)
        found = [tier for tier in tiers if tier.detection in (Detection.UP, Detection.EMPTY)]
        for tier in found:
            _log.info(DETECTED, tier.traits.address)
        if not found and tiers:
            _log.warning(NOT_DETECTED)
        return bool(found), DETECTED % found[0].traits.address if found else NOT_DETECTED

    async def run(self, *, again: bool = True) -> None:
        """Detects once and then, with `again`, looks after the tiers until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            await self.detect()
            self._warm(group)
            while again:
                await asyncio.sleep(_TICK_SECONDS)
                await self._probe_all(self._due_now())
                self._warm(group)

    async def _probe_all(self, tiers: Sequence[GuardedTier]) -> None:
        await asyncio.gather(*(self._probe(tier) for tier in tiers))

    async def _probe(self, tier: GuardedTier) -> None:
        now = asyncio.get_running_loop().time()
        interval = _FIRST_INTERVAL if tier.has_served else self._intervals.get(tier, _FIRST_INTERVAL)
        self._intervals[tier] = min(2 * interval, _LONGEST_INTERVAL)
        self._due[tier] = now + interval * self.jitter.uniform(1, 1 + _JITTER)
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                models = await tier.model.probe()
        except TimeoutError:
            tier.missed(TierFailure(Fault.TIMEOUT, tier.name))
        except TierFailure as failure:
            # A server that does not list models still answers.
            if failure.fault in (Fault.MODEL_GONE, Fault.BAD_REQUEST, Fault.RATE_LIMITED):
                tier.found(tier.model.models)
            else:
                tier.missed(failure)
        else:
            tier.found(models)

    def _due_now(self) -> Sequence[GuardedTier]:
        now, mode = asyncio.get_running_loop().time(), self.mode()
        if mode is LlmMode.DISABLED:
            return ()
        known = self.tiers()
        for gone in set(self._due) - set(known):
            del self._due[gone], self._intervals[gone]
            self._warmed.discard(gone)
        due = [
            tier
            for tier in known
            if tier.has_key
            and tier.state(mode) not in (TierState.UP, TierState.DEGRADED)
            and self._due.get(tier, 0.0) <= now
        ]
        return heapq.nsmallest(_MOST_AT_ONCE, due, key=lambda tier: self._due.get(tier, 0.0))

    def _warm(self, group: asyncio.TaskGroup) -> None:
        if not self.warm_up or self.mode() is LlmMode.DISABLED:
            return
        for tier in self.tiers():
            if tier.detection is Detection.EMPTY and tier not in self._warmed:
                self._warmed.add(tier)
                group.create_task(self._warm_one(tier))

    async def _warm_one(self, tier: GuardedTier) -> None:
        try:
            await tier.model.warm_up()
        except TierFailure as failure:
            _log.warning("[MODEL] %s: %s", tier.name, failure.reason)
        else:
            tier.found(tier.model.models)
