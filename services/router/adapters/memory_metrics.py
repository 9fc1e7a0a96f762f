"""Counters and evidence of one process, for when there is no Redis."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from libs.common.request_context import TenantId
from services.router.judging.counts import is_proof
from services.router.judging.store import DEALT, DEALT_SECONDS, EVENT_SECONDS, Additions, Counted, Journal, Mark, Stamp
from services.router.judging.tripwires import RECENT_TURNS
from services.router.judging.windows import Bucket
from services.router.turn import Variant


@dataclass(slots=True)
class _Bucket:
    last_at: float = 0.0
    fields: defaultdict[str, float] = field(default_factory=lambda: defaultdict[str, float](float))
    conversations: defaultdict[Variant, set[str]] = field(default_factory=lambda: defaultdict[Variant, set[str]](set))


@dataclass(slots=True)
class _Journal:
    fields: defaultdict[str, float] = field(default_factory=lambda: defaultdict[str, float](float))
    recent: str = ""
    suspects: set[TenantId] = field(default_factory=set[TenantId])
    closed_at: float = 0.0
    since: float = 0.0
    reset_at: float = 0.0


@dataclass(slots=True)
class _Scope:
    buckets: dict[Bucket, _Bucket] = field(default_factory=dict[Bucket, _Bucket])
    journal: _Journal = field(default_factory=_Journal)
    dealt: dict[str, float] = field(default_factory=dict[str, float])
    events: dict[str, float] = field(default_factory=dict[str, float])
    claimed: dict[str, tuple[int, Sequence[bool]]] = field(default_factory=dict[str, tuple[int, Sequence[bool]]])
    added: dict[str, int] = field(default_factory=dict[str, int])


class MemoryMetrics:
    """The store of metrics and evidence of a single process. Old buckets and marks go when new ones come."""

    def __init__(self) -> None:
        self._scopes: defaultdict[str, _Scope] = defaultdict(_Scope)

    async def claim(self, tenant: TenantId, stamp: Stamp, marks: Sequence[Mark]) -> Sequence[bool]:
        """Claims at once."""
        scope = self._scopes[tenant]
        number, answer = scope.claimed.get(stamp.recorder, (0, ()))
        if number >= stamp.number:
            return answer
        firsts: list[bool] = []
        for mark in marks:
            known, begun = scope.events, scope.journal.since
            if mark.kind == DEALT:
                known, begun = scope.dealt, scope.journal.reset_at
            key = mark.kind + mark.conversation
            firsts.append(key not in known and mark.at > begun)
            if firsts[-1]:
                known[key] = mark.at
        newest = max((mark.at for mark in marks), default=0.0)
        _forget(scope.dealt, newest - DEALT_SECONDS)
        _forget(scope.events, newest - EVENT_SECONDS)
        scope.claimed[stamp.recorder] = (stamp.number, firsts)
        return firsts

    async def add(self, scope: str, stamp: Stamp, additions: Additions) -> None:
        """Adds at once."""
        into = self._scopes[scope]
        if into.added.get(stamp.recorder, 0) >= stamp.number:
            return
        into.added[stamp.recorder] = stamp.number
        journal = into.journal
        for piece in additions.slices:
            if piece.last_at > journal.reset_at:
                for each in piece.buckets:
                    bucket = into.buckets.setdefault(each, _Bucket())
                    bucket.last_at = max(bucket.last_at, piece.last_at)
                    _add(bucket.fields, piece.fields)
                    for variant, digests in piece.conversations.items():
                        bucket.conversations[variant].update(digests)
            if piece.last_at > journal.since:
                _add(journal.fields, {name: by for name, by in piece.fields.items() if is_proof(name)})
        journal.recent = (journal.recent + additions.recent)[-RECENT_TURNS:]
        journal.suspects.update(additions.suspects)
        now = max((piece.last_at for piece in additions.slices), default=0.0)
        for each in [each for each, kept in into.buckets.items() if kept.last_at <= now - each.ttl_seconds]:
            del into.buckets[each]

    async def counts(self, scope: str, buckets: Sequence[Bucket], *, conversations: bool = False) -> Counted:
        """Sums at once."""
        into = self._scopes[scope]
        found = [into.buckets[each] for each in buckets if each in into.buckets]
        total: defaultdict[str, float] = defaultdict(float)
        for bucket in found:
            _add(total, bucket.fields)
        distinct = {
            variant: len(set[str]().union(*(bucket.conversations[variant] for bucket in found))) for variant in Variant
        }
        return Counted(dict(total), distinct if conversations else {})

    async def reset(self, scope: str, *, buckets: Sequence[Bucket], at: float) -> None:
        """Empties at once."""
        into = self._scopes[scope]
        into.journal = _Journal(since=at, reset_at=at)
        into.dealt.clear()
        into.events.clear()
        for each in buckets:
            into.buckets.pop(each, None)

    async def journal(self, scope: str) -> Journal:
        """Returns a copy."""
        kept = self._scopes[scope].journal
        return Journal(dict(kept.fields), kept.recent, frozenset(kept.suspects), kept.closed_at)

    async def close(self, scope: str, *, at: float) -> None:
        """Notes the first rollback only."""
        journal = self._scopes[scope].journal
        journal.closed_at = journal.closed_at or at

    async def restart(self, scope: str, *, at: float) -> None:
        """Empties the journal."""
        into = self._scopes[scope]
        into.journal = _Journal(since=at, reset_at=into.journal.reset_at)
        into.events.clear()


def _forget(marks: dict[str, float], until: float) -> None:
    # Marks come in the order of time, nearly.
    while marks and next(iter(marks.values())) <= until:
        del marks[next(iter(marks))]


def _add(total: defaultdict[str, float], fields: Mapping[str, float]) -> None:
    for name, by in fields.items():
        total[name] += by
