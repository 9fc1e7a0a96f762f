"""The two systems side by side over a window: figures, recommendation, and what it rests on."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from services.router.judging.counts import Counts, read_counts
from services.router.judging.standing import Standing
from services.router.judging.store import MetricsStore
from services.router.judging.verdict import Verdict, judge
from services.router.judging.windows import Bucket, Grain, Window, trailing
from services.router.turn import Variant
from services.router.variant_names import KNOWN_NAMES, VariantNames

# Everything that is kept by time: as long as the buckets live.
_KEPT_MINUTES, _KEPT_HOURS = 122, 8 * 24 + 2


@dataclass(frozen=True, slots=True)
class Report:
    """How the systems did since `start` (seconds since 1970; 0 when the step has no known beginning).

    `conversations` are distinct ones, within 1 %.
    """

    window: Window
    start: float
    hybrid_enabled: bool
    counts: Counts
    conversations: Mapping[Variant, int]
    verdict: Verdict

    @property
    def turns(self) -> int:
        """Turns of both systems."""
        return self.counts.old.count + self.counts.hybrid.count


class Judge:
    """Compares the systems for a tenant, or for all together (""). All methods raise Unavailable."""

    def __init__(
        self,
        store: MetricsStore,
        *,
        standing: Callable[[str], Standing],
        note: Callable[..., Awaitable[None]],
        names: VariantNames = KNOWN_NAMES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`note(tenant, actor=…, action=…, reason=…)` adds an audit entry; `clock` counts seconds since 1970."""
        self._store = store
        self._standing = standing
        self._note = note
        self.names = names
        self._clock = clock

    async def report(self, tenant: str, window: Window, *, conversations: bool = False) -> Report:
        """Returns the comparison; a tenant without turns, known or not, has empty figures.

        Distinct conversations are counted only when asked for.
        """
        standing = self._standing(tenant)
        buckets = window.buckets(self._clock(), standing.step_at)
        counted = await self._store.counts(tenant, buckets, conversations=conversations)
        counts = read_counts(counted.fields)
        return Report(
            window=window,
            start=buckets[0].start,
            hybrid_enabled=standing.hybrid_enabled,
            counts=counts,
            conversations=counted.conversations,
            verdict=judge(counts, self.names),
        )

    async def reset(self, tenant: str, *, actor: str, reason: str) -> None:
        """Starts counters and evidence again, once the audit says so. Those of other scopes stay.

        Turns that were made before and are counted later are left out.
        """
        await self._note(tenant, actor=actor, action="ResetMetrics", reason=reason)
        now = self._clock()
        step = Bucket(Grain.STEP, int(self._standing(tenant).step_at))
        buckets = (*trailing(Grain.MINUTE, _KEPT_MINUTES, now), *trailing(Grain.HOUR, _KEPT_HOURS, now), step)
        await self._store.reset(tenant, buckets=buckets, at=now)

    async def samples(self, tenant: str, since: float) -> Mapping[Variant, int]:
        """Returns the turns of each system in the step of the rollout that began at `since`, seconds since 1970."""
        counted = await self._store.counts(tenant, (Bucket(Grain.STEP, int(since)),))
        counts = read_counts(counted.fields)
        return {Variant.CLASSIC: counts.old.count, Variant.HYBRID: counts.hybrid.count}
