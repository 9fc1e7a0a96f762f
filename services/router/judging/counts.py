"""What is counted of the two systems: named counters that add up over replicas and over time."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache

from services.router.afterwards.sequel import Sequel
from services.router.judging.evidence import BETTER_GRID, HARM_GRID, log_factors
from services.router.judging.histogram import bucket_of
from services.router.turn import Rung, Variant
from services.router.turn_record import TurnRecord

# The kinds of bad event that hybrid is guarded against.
GUARDS = ("error", "slow", "soft")
_CODES = {Variant.CLASSIC: "c", Variant.HYBRID: "h"}

# Whole numbers are exact counters; floats are sums of logarithms and shares.
Fields = MutableMapping[str, int | float]


def add_turn(fields: Fields, turn: TurnRecord) -> None:
    """Counts a turn for the system it was assigned to; one that the cache answered is only counted as such."""
    code = _CODES[turn.assigned]

    def add(name: str, by: int = 1) -> None:
        fields[f"{code}.{name}"] = fields.get(f"{code}.{name}", 0) + by

    if turn.cache_hit:
        add("hits")
        return
    add("turns")
    add("micros", round(turn.seconds * 1e6))
    add(f"t{bucket_of(turn.seconds)}")
    add(f"level{turn.rung.value}")
    if turn.failed:
        add("errors")
    if turn.rung is Rung.OTHER_ENGINE:
        add("rescued")
    if turn.template:
        add("templates")
    if turn.escalated:
        add("escalations")
    if turn.asked_again:
        add("asked")
    if turn.usage.cost_micro_usd:
        add("cost", turn.usage.cost_micro_usd)


def add_sequel(fields: Fields, sequel: Sequel) -> None:
    """Counts what became known of a turn later; a reply that the cache gave counts for neither system."""
    if sequel.cache_hit:
        return
    name = f"{_CODES[sequel.assigned]}.{sequel.kind.value}"
    for each in (name, *([f"{name}.{sequel.reason}"] if sequel.reason else [])):
        fields[each] = fields.get(each, 0) + 1


def add_dealt(fields: Fields, variant: Variant, share: float) -> None:
    """Counts a conversation that was dealt to `variant` while hybrid's share was `share`, between 0 and 1."""
    _add(fields, f"dealt.{_CODES[variant]}", 1)
    _add(fields, "dealt.expected", share)
    _add(fields, "dealt.variance", share * (1.0 - share))


def add_event(fields: Fields, guard: str, variant: Variant, share: float) -> None:
    """Counts a bad event of `guard` with what it proves."""
    _add(fields, f"{guard}.{_CODES[variant]}", 1)
    for name, by in _factors(guard, variant is Variant.HYBRID, share):
        _add(fields, name, by)


def is_proof(name: str) -> bool:
    """Says whether a counter is evidence, rather than one of a system's figures."""
    return not name.startswith(("c.", "h."))


def _add(fields: Fields, name: str, by: float) -> None:
    fields[name] = fields.get(name, 0) + by


@lru_cache(maxsize=1024)
def _factors(guard: str, is_hybrid: bool, share: float) -> tuple[tuple[str, float], ...]:
    harm = log_factors(share, HARM_GRID, is_hybrid=is_hybrid)
    better = log_factors(share, BETTER_GRID, is_hybrid=is_hybrid)
    return tuple(
        (f"{guard}.{name}.{place}", by)
        for name, grid in (("harm", harm), ("better", better))
        for place, by in enumerate(grid)
    )


@dataclass(frozen=True, slots=True)
class SystemCounts:
    """One system's turns. `errors` hold those that the other system rescued; `durations` are buckets of the histogram.

    Turns that the cache answered are `cache_hits` alone: no system answered them.
    """

    count: int
    errors: int
    seconds: float
    rescued: int
    levels: tuple[int, ...]
    templates: int
    escalations: int
    asked_again: int
    cache_hits: int
    cost_micro_usd: int
    rated_good: int
    rated_bad: int
    bad_reasons: Mapping[str, int]
    abandoned: int
    durations: Mapping[int, int]

    @property
    def mean_seconds(self) -> float:
        """Mean seconds of a turn, to the millisecond; 0 without turns."""
        return round(self.seconds / self.count, 3) if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Events:
    """Bad events of one guard, the first of each conversation, and the logarithms of the products they make."""

    old: int
    hybrid: int
    harm: tuple[float, ...]
    better: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything that was counted in a while.

    `dealt_*` are conversations, not turns: all turns of one go to the same system and say nothing more about the deal.
    """

    old: SystemCounts
    hybrid: SystemCounts
    dealt_old: int
    dealt_hybrid: int
    dealt_expected: float
    dealt_variance: float
    events: Mapping[str, Events]


def read_counts(fields: Mapping[str, float]) -> Counts:
    """Returns what the counters say; those that are missing are 0."""
    return Counts(
        old=_system(fields, "c"),
        hybrid=_system(fields, "h"),
        dealt_old=int(fields.get("dealt.c", 0)),
        dealt_hybrid=int(fields.get("dealt.h", 0)),
        dealt_expected=fields.get("dealt.expected", 0.0),
        dealt_variance=fields.get("dealt.variance", 0.0),
        events={guard: read_events(fields, guard) for guard in GUARDS},
    )


def read_events(fields: Mapping[str, float], guard: str) -> Events:
    """Returns the bad events of one guard."""
    return Events(
        old=int(fields.get(f"{guard}.c", 0)),
        hybrid=int(fields.get(f"{guard}.h", 0)),
        harm=tuple(fields.get(f"{guard}.harm.{place}", 0.0) for place in range(len(HARM_GRID))),
        better=tuple(fields.get(f"{guard}.better.{place}", 0.0) for place in range(len(BETTER_GRID))),
    )


def _system(fields: Mapping[str, float], code: str) -> SystemCounts:
    def whole(name: str) -> int:
        return int(fields.get(f"{code}.{name}", 0))

    start, reason_start = f"{code}.t", f"{code}.bad."
    return SystemCounts(
        count=whole("turns"),
        errors=whole("errors"),
        seconds=whole("micros") / 1e6,
        rescued=whole("rescued"),
        levels=tuple(whole(f"level{rung.value}") for rung in Rung),
        templates=whole("templates"),
        escalations=whole("escalations"),
        asked_again=whole("asked"),
        cache_hits=whole("hits"),
        cost_micro_usd=whole("cost"),
        rated_good=whole("good"),
        rated_bad=whole("bad"),
        bad_reasons={
            name[len(reason_start) :]: int(by) for name, by in fields.items() if name.startswith(reason_start)
        },
        abandoned=whole("abandoned"),
        durations={
            int(name[len(start) :]): int(by)
            for name, by in fields.items()
            if name.startswith(start) and name[len(start) :].isdigit()
        },
    )
