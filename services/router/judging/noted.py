"""Turns as they wait to be counted, and what a batch of them adds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from libs.common.request_context import TenantId
from services.router.afterwards.sequel import Sequel
from services.router.judging.counts import Fields, add_dealt, add_event, add_sequel, add_turn
from services.router.judging.store import DEALT, EVERYBODY, Additions, Mark, Slice
from services.router.judging.windows import Bucket, buckets_of
from services.router.turn import Variant
from services.router.turn_record import TurnRecord


@dataclass(frozen=True, slots=True)
class Noted:
    """A turn, and what was in force when it was made.

    `share` is hybrid's part, 0 to 1, if the share dealt this turn's variant, else None. `step_at` and `global_step_at`
    are when the tenant's and the global step of the rollout began.
    """

    turn: TurnRecord
    share: float | None
    step_at: float
    global_step_at: float

    @property
    def dealt_share(self) -> float | None:
        """The share if chance played a part, else None."""
        return self.share if self.share is not None and 0.0 < self.share < 1.0 else None

    @property
    def digest(self) -> str:
        """Names the conversation, without telling its id; a turn without one is its own."""
        unit = f"{self.turn.tenant}|{self.turn.conversation_id or self.turn.turn_id}"
        return blake2b(unit.encode(), digest_size=8).hexdigest()


def marks_of(noted: Noted, *, slow_seconds: float) -> list[Mark]:
    """Returns what the turn would be the first of in its conversation; only turns that were dealt prove anything."""
    turn = noted.turn
    if turn.cache_hit or noted.dealt_share is None:
        return []
    happened = {
        DEALT: True,
        "error": turn.failed,
        "slow": turn.seconds > slow_seconds,
        "soft": turn.template or turn.escalated or turn.asked_again,
    }
    digest = noted.digest
    return [Mark(kind, digest, turn.at) for kind, is_so in happened.items() if is_so]


@dataclass(frozen=True, slots=True)
class NotedSequel:
    """What became known of a turn later, and what was in force when it did, as in `Noted`."""

    sequel: Sequel
    step_at: float
    global_step_at: float


@dataclass(slots=True)
class _Open:
    last_at: float
    fields: Fields = field(default_factory=dict[str, int | float])
    conversations: dict[Variant, set[str]] = field(default_factory=dict[Variant, set[str]])


def fold(turns: Iterable[tuple[Noted, Sequence[str]]], sequels: Iterable[NotedSequel] = (), *, scope: str) -> Additions:
    """Returns what turns add to a scope; each comes with the kinds of mark that it was the first of."""
    slices: dict[tuple[Bucket, ...], _Open] = {}
    outcomes: list[tuple[float, bool]] = []
    suspects: set[TenantId] = set()
    for noted, firsts in turns:
        turn = noted.turn
        step_at = noted.global_step_at if scope == EVERYBODY else noted.step_at
        into = slices.setdefault(buckets_of(turn.at, step_at), _Open(turn.at))
        into.last_at = max(into.last_at, turn.at)
        add_turn(into.fields, turn)
        if turn.cache_hit:
            continue
        into.conversations.setdefault(turn.assigned, set()).add(noted.digest)
        share = noted.dealt_share
        if share is not None:
            _add_firsts(into.fields, turn, firsts, share)
            if any(kind != DEALT for kind in firsts):
                suspects.add(turn.tenant)
        if turn.assigned is Variant.HYBRID:
            outcomes.append((turn.at, turn.failed))
            if turn.failed:
                suspects.add(turn.tenant)
    for noted in sequels:
        at, step_at = noted.sequel.at, noted.global_step_at if scope == EVERYBODY else noted.step_at
        buckets = buckets_of(at, step_at)
        # A turn of an earlier step says nothing about the one that has begun since.
        into = slices.setdefault(buckets if at >= step_at else buckets[:2], _Open(at))
        into.last_at = max(into.last_at, at)
        add_sequel(into.fields, noted.sequel)
    outcomes.sort(key=lambda outcome: outcome[0])
    return Additions(
        slices=tuple(
            Slice(
                buckets,
                each.last_at,
                each.fields,
                {variant: tuple(sorted(digests)) for variant, digests in each.conversations.items()},
            )
            for buckets, each in slices.items()
        ),
        recent="".join("1" if failed else "0" for _, failed in outcomes),
        suspects=tuple(sorted(suspects)) if scope == EVERYBODY else (),
    )


def _add_firsts(fields: Fields, turn: TurnRecord, kinds: Sequence[str], share: float) -> None:
    for kind in kinds:
        if kind == DEALT:
            add_dealt(fields, turn.assigned, share)
        else:
            add_event(fields, kind, turn.assigned, share)
