"""Writing a decision: read, change, append, and again on what is there now when somebody was faster."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from libs.common.errors import Unavailable
from services.router.rollout.audit import AuditEntry, chained
from services.router.rollout.changes import Transition, check_version, stamped
from services.router.rollout.state import RolloutState, canonical_json
from services.router.rollout.store import Commit, Kept, RolloutStore
from services.router.rollout.view import View, combined, inherited

_LOG = logging.getLogger(__name__)

# More replicas than this do not write in the same millisecond, and each writes one decision at a time.
_MAX_TRIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A change of one scope that somebody decided at `at`, seconds since 1970.

    `action` is what the audit calls it; `expected_version` 0 is any; `evidence` goes into the audit beside the state.
    """

    scope: str
    action: str
    actor: str
    reason: str
    change: Transition
    at: float
    request_id: str = ""
    expected_version: int = 0
    evidence: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def request(self) -> str:
        """What a retry of the same call has in common with it; empty when the caller gave no id."""
        return f"{self.action}:{self.scope}:{self.request_id}" if self.request_id else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scope's record after a decision, whether it changed, and the audit's sequence by which it is written."""

    record: RolloutState
    changed: bool
    sequence: int


class Writer:
    """Writes decisions one after the other; takes over what it wrote into `view`."""

    def __init__(self, store: RolloutStore, view: View) -> None:
        self._store = store
        self._view = view
        self._one_at_a_time = asyncio.Lock()

    async def write(self, decision: Decision) -> Outcome:
        """Returns what became of `decision`; a retry of an earlier one gets the first outcome.

        Raises what its change raises, Conflict (VERSION_MISMATCH), and Unavailable (STORE_UNAVAILABLE, ROLLOUT_BUSY).
        """
        async with self._one_at_a_time:
            for _ in range(_MAX_TRIES):
                kept = await self._store.read(decision.scope, decision.request)
                if kept.outcome:
                    first = _read_outcome(kept.outcome)
                    self._view.keep(first.record)
                    return first
                outcome, commit = self._prepared(decision, kept)
                if commit is None or await self._store.append(commit):
                    self._view.keep(outcome.record)
                    _log(outcome)
                    return outcome
        raise Unavailable(
            "ROLLOUT_BUSY",
            "Others changed the rollout all the time; nothing was changed, try again.",
            retry_after_seconds=0.2,
        )

    async def current(self, scope: str) -> RolloutState:
        """Returns the scope's record as the store has it, or what its first one would begin from."""
        return self._before(scope, await self._store.read(scope))

    async def note(self, scope: str, *, action: str, actor: str, reason: str, at: float, before: str = "") -> None:
        """Adds an audit entry that changes no state; `before` is JSON, the state in force when empty."""
        async with self._one_at_a_time:
            for _ in range(_MAX_TRIES):
                kept = await self._store.read(scope)
                after = combined(
                    scope,
                    own=kept.record,
                    everybody=kept.everybody,
                    ground=self._view.ground,
                ).to_json()
                entry = _entry(scope, action=action, actor=actor, reason=reason, at=at, states=(before or after, after))
                if await self._store.append(Commit(kept.head, entry=chained(entry, kept.head))):
                    return
        raise Unavailable(
            "ROLLOUT_BUSY", "Others changed the rollout all the time; try again.", retry_after_seconds=0.2
        )

    async def restore(self, record: RolloutState, *, replica: str, at: float) -> None:
        """Writes a record again that the store has lost, as a version after it; leaves a newer one alone."""

        def lost(state: RolloutState) -> RolloutState:
            return state if state.version >= record.version else replace(record, version=state.version)

        await self.write(
            Decision(
                scope=record.tenant,
                action="restore",
                actor=record.actor,
                reason=f"The store had lost it; written again by {replica}.",
                change=lost,
                at=at,
            )
        )

    def _before(self, scope: str, kept: Kept) -> RolloutState:
        return kept.record or inherited(scope, everybody=kept.everybody, ground=self._view.ground)

    def _prepared(self, decision: Decision, kept: Kept) -> tuple[Outcome, Commit | None]:
        before = self._before(decision.scope, kept)
        check_version(before, decision.expected_version)
        after = decision.change(before)
        # A scope without a record gets one even if it says the same: what it says must outlive a change of the ground.
        if after is before or (kept.record is not None and after == before):
            outcome = Outcome(before, changed=False, sequence=kept.head.sequence)
            if not decision.request:
                return outcome, None
            return outcome, Commit(kept.head, request=decision.request, outcome=_write_outcome(outcome))
        # A store that has lost what it had counts from the start; no replica believes a version that does not grow.
        known = self._view.record(decision.scope)
        floor = replace(before, version=max(before.version, known.version if known else 0))
        record = decided(decision, floor, after)
        entry = chained(
            _entry(
                decision.scope,
                action=decision.action,
                actor=decision.actor,
                reason=decision.reason,
                at=decision.at,
                states=(before.to_json(), _with_evidence(record, decision.evidence)),
            ),
            kept.head,
        )
        outcome = Outcome(record, changed=True, sequence=entry.sequence)
        return outcome, Commit(
            kept.head,
            record=record,
            entry=entry,
            request=decision.request,
            outcome=_write_outcome(outcome) if decision.request else "",
        )


def _log(outcome: Outcome) -> None:
    record = outcome.record
    if outcome.changed:
        mark = {"tenant": record.tenant, "version": record.version, "actor": record.actor}
        whom = f"tenant {record.tenant}" if record.tenant else "all tenants"
        _LOG.info("hybrid gets %g %% of %s (%s)", record.percent, whom, record.source, extra=mark)


def decided(decision: Decision, before: RolloutState, after: RolloutState) -> RolloutState:
    """Returns `after` as the version that `decision` makes of `before`."""
    return stamped(before, after, actor=decision.actor, reason=decision.reason, at=decision.at)


def _entry(scope: str, *, action: str, actor: str, reason: str, at: float, states: tuple[str, str]) -> AuditEntry:
    before, after = states
    return AuditEntry(
        sequence=0,
        tenant=scope,
        at_ms=round(at * 1000),
        actor=actor,
        action=action,
        reason=reason,
        before=before,
        after=after,
    )


def _with_evidence(record: RolloutState, evidence: Mapping[str, object]) -> str:
    if not evidence:
        return record.to_json()
    return canonical_json({**record.to_fields(), "evidence": dict(evidence)})


def _write_outcome(outcome: Outcome) -> str:
    fields = {"record": outcome.record.to_json(), "changed": outcome.changed, "sequence": outcome.sequence}
    return canonical_json(fields)


def _read_outcome(text: str) -> Outcome:
    fields = json.loads(text)
    return Outcome(RolloutState.from_json(fields["record"]), fields["changed"], fields["sequence"])
