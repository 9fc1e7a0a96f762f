"""The guard: takes hybrid back, once, when the evidence of harm is enough or a tripwire is touched."""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from services.router.judging.counts import read_counts, read_events
from services.router.judging.evidence import e_value
from services.router.judging.standing import Standing
from services.router.judging.store import EVERYBODY, EvidenceStore, Journal, MetricsStore
from services.router.judging.tripwires import SLOW_MINUTES, TRIPWIRES, Durations, Tripped, failures_in_a_row, slowness
from services.router.judging.windows import Grain, trailing
from services.router.turn import Variant
from services.router.variant_names import KNOWN_NAMES, VariantNames

_log = logging.getLogger(__name__)

# The risk of a rollback without a cause, for each kind of bad event; together 1 %, over all time and all looks.
RISKS: Mapping[str, float] = {"error": 0.005, "slow": 0.003, "soft": 0.002}
# What may touch it off.
CAUSES = (*(f"harm_{kind}" for kind in RISKS), *TRIPWIRES)
# Replicas follow a rollback within 3 seconds; until then one of them may still believe that nothing has happened.
SETTLING_SECONDS = 10.0
_MAX_SCOPES = 10_000


class RollsBack(Protocol):
    """The switch, as far as the guard may use it."""

    async def roll_back(self, tenant: str, *, reason: str, evidence: Mapping[str, object]) -> bool:
        """Gives classic all traffic of a tenant, or of all for "", until a person acknowledges it.

        Returns True for the one caller, over all replicas, whose call did it; False when it was so already.
        """
        ...


class Outcome(Enum):
    """What a check came to."""

    CLEAR = "clear"
    ROLLED_BACK = "rolled_back"
    # It was rolled back before, here or by another replica.
    SETTLED = "settled"


class Guard:
    """Judges one scope at a time. A rollback of one tenant is tried before one of all.

    A scope without hybrid traffic is not judged. After a rollback its evidence can be read until a person
    acknowledges; it then begins anew. If this process dies between a rollback and the note that it happened, the
    same evidence rolls back once more after the acknowledgement.
    """

    def __init__(
        self,
        metrics: MetricsStore,
        evidence: EvidenceStore,
        switch: RollsBack,
        *,
        standing: Callable[[str], Standing],
        names: VariantNames = KNOWN_NAMES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`standing` gives the state in force for a tenant or, for "", for all; `clock` counts seconds since 1970."""
        self._metrics = metrics
        self._evidence = evidence
        self._switch = switch
        self._standing = standing
        self._names = names
        self._clock = clock
        self._minutes_judged: OrderedDict[str, float] = OrderedDict()
        # The e-value of each kind of bad event, of all tenants together, when they were last judged.
        self.evidence: Mapping[str, float] = dict.fromkeys(RISKS, 1.0)
        # What this replica rolled back, by what touched it off and `tenant` or `all`.
        self.rollbacks: Counter[tuple[str, str]] = Counter()

    async def check(self, scope: str) -> Outcome:
        """Judges a tenant, or all tenants together for "", and rolls back if it must. Raises Unavailable."""
        standing = self._standing(scope)
        journal = await self._evidence.journal(scope)
        now = self._clock()
        if journal.closed_at:
            if standing.needs_acknowledgement or now - journal.closed_at < SETTLING_SECONDS:
                return Outcome.SETTLED
            await self._evidence.restart(scope, at=now)
            return Outcome.CLEAR
        if not standing.hybrid_enabled:
            return Outcome.CLEAR
        evidence = {guard: e_value(read_events(journal.fields, guard).harm) for guard in RISKS}
        if scope == EVERYBODY:
            self.evidence = evidence
        cause = _harm(evidence) or failures_in_a_row(journal.recent) or await self._slowness(scope, now)
        if cause is None:
            return Outcome.CLEAR
        if scope == EVERYBODY and await self._is_one_tenants(journal):
            # What remains may be no harm at all: it is judged from here on.
            await self._evidence.restart(scope, at=now)
            return Outcome.SETTLED
        return await self._roll_back(scope, cause, journal)

    async def _roll_back(self, scope: str, cause: Tripped, journal: Journal) -> Outcome:
        reason = f"{cause.name} {cause.value:.4g} (limit {cause.limit:g})"
        is_first = await self._switch.roll_back(scope, reason=reason, evidence=_evidence_of(cause, journal))
        await self._evidence.close(scope, at=self._clock())
        if not is_first:
            return Outcome.SETTLED
        self.rollbacks[cause.name, "tenant" if scope else "all"] += 1
        _log.warning(
            "[ROUTER] RETOUR AUTOMATIQUE vers %s: %s",
            self._names[Variant.CLASSIC].logged_in_full,
            reason,
            extra={"tenant": scope or "*", "guard": cause.name},
        )
        return Outcome.ROLLED_BACK

    async def _is_one_tenants(self, journal: Journal) -> bool:
        """Says whether a tenant accounts for it, after having judged each one that had bad events.

        The journal of all was read before theirs, and is written after theirs: what it proves about one tenant, that
        tenant's own journal proves already.
        """
        outcomes = [await self.check(tenant) for tenant in sorted(journal.suspects)]
        return any(outcome is not Outcome.CLEAR for outcome in outcomes)

    async def _slowness(self, scope: str, now: float) -> Tripped | None:
        """Looks at the last whole minutes, once a minute."""
        minute = now // 60
        if self._minutes_judged.get(scope) == minute:
            return None
        minutes: list[Durations] = []
        for bucket in trailing(Grain.MINUTE, SLOW_MINUTES + 1, now)[:-1]:
            counts = read_counts((await self._metrics.counts(scope, (bucket,))).fields)
            minutes.append(Durations(counts.old.durations, counts.hybrid.durations))
        tripped = None
        if all(each.hybrid for each in minutes):
            day = read_counts((await self._metrics.counts(scope, trailing(Grain.HOUR, 24, now))).fields)
            tripped = slowness(minutes, day.old.durations)
        if tripped is None:
            self._minutes_judged[scope] = minute
            self._minutes_judged.move_to_end(scope)
            if len(self._minutes_judged) > _MAX_SCOPES:
                self._minutes_judged.popitem(last=False)
        return tripped


def _harm(evidence: Mapping[str, float]) -> Tripped | None:
    for guard, risk in RISKS.items():
        if evidence[guard] >= 1.0 / risk:
            return Tripped(f"harm_{guard}", evidence[guard], 1.0 / risk)
    return None


def _evidence_of(cause: Tripped, journal: Journal) -> Mapping[str, object]:
    """Returns what an audit keeps: numbers, and nothing that was said."""
    evidence: dict[str, object] = {"cause": cause.name, "value": cause.value, "limit": cause.limit}
    for guard in RISKS:
        events = read_events(journal.fields, guard)
        evidence[guard] = {"e_value": e_value(events.harm), "old": events.old, "hybrid": events.hybrid}
    evidence["recent"] = journal.recent
    return evidence
