"""How many hits are false: a sample is answered anew, compared, and a tenant with too many gets a higher threshold."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from libs.common.embedding.port import Embedder
from libs.common.errors import NotFound
from libs.common.facts import extract_facts
from libs.common.request_context import Principal
from services.cache.counters import FALSE_HITS, RECHECKED, Counters
from services.cache.store import AnswerStore, Policies

_log = logging.getLogger(__name__)

# Two answers to one question, worded apart, are at least this alike.
SAME_ANSWER = 0.6
# The share of false hits that is put up with.
FALSE_HIT_BUDGET = 0.01
RAISE_BY = 0.01
# Beyond, the semantic tier finds next to nothing, which is as good as off.
MAX_RAISE = 0.1
_DECIDING = frozenset(("money", "quantity", "number", "percent", "date", "time", "phone", "place", "url", "email"))
_Z_95_ONE_SIDED = 1.6449


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the served answer agrees with the new one, and the tenant's threshold after."""

    agrees: bool
    threshold: float


def upper_bound(false_count: int, sample_count: int) -> float:
    """Returns the upper end of Wilson's one-sided 95 % interval for the share of false hits; 1 without samples.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if sample_count == 0:
        return 1.0
    z, n, p = _Z_95_ONE_SIDED, sample_count, false_count / sample_count
    centre = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return min(1.0, (centre + spread) / (1 + z * z / n))


class Rechecking:
    """Compares answers of hits with answers made anew."""

    def __init__(
        self,
        store: AnswerStore,
        *,
        embedder: Embedder,
        policies: Policies,
        counters: Counters,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._now = now
        self._embedder = embedder
        self._policies = policies
        self._counters = counters

    async def compare(self, owner: Principal, *, entry_id: str, text: str) -> Verdict:
        """Returns whether the entry's answer says what `text` says. Raises NotFound (ENTRY_NOT_FOUND), Unavailable.

        An entry that served a false hit goes at once. The tenant's threshold rises by a hundredth when, of the samples
        since it last did, more may be false than is put up with.
        """
        snapshot = await self._store.read(owner, [entry_id])
        entry = snapshot.entries[0]
        if entry is None or entry.says_nothing:
            raise NotFound("ENTRY_NOT_FOUND", "The answer that was served is no longer kept; there is nothing to do.")
        agrees = await self._agree(owner, entry.text, text)
        self._counters.add(owner, RECHECKED)
        samples, false = await self._store.note_sample(owner, is_false=not agrees)
        threshold = (await self._policies.of(owner.require_tenant())).threshold
        if agrees:
            return Verdict(True, threshold + snapshot.threshold_raise)
        self._counters.add(owner, FALSE_HITS)
        await self._store.remove(owner, [entry_id], now=self._now())
        if upper_bound(false, samples) <= FALSE_HIT_BUDGET:
            return Verdict(False, threshold + snapshot.threshold_raise)
        raised = await self._store.raise_threshold(owner, RAISE_BY, at_most=MAX_RAISE)
        _log.warning(
            "cache of [%s]: %d of %d rechecked hits were false, its threshold is raised by %.2f in all",
            owner.require_tenant()[:7],
            false,
            samples,
            raised,
        )
        return Verdict(False, threshold + raised)

    async def _agree(self, owner: Principal, served: str, anew: str) -> bool:
        policy = await self._policies.of(owner.require_tenant())
        one, other = (
            frozenset(
                (fact.kind, fact.value, fact.unit)
                for fact in extract_facts(text, country=policy.country, places=policy.places)
                if fact.kind in _DECIDING
            )
            for text in (served, anew)
        )
        if one != other:
            return False
        a, b = await self._embedder.embed([served, anew])
        return float(a @ b) >= SAME_ANSWER
