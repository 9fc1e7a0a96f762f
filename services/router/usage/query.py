"""The question that operators ask: what was used, by whatever they group it."""

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.request_context import TenantId
from libs.common.spending.ledger import MICRO_USD, SpendingRecords, SpendRow, utc_day
from services.router.judging.histogram import quantile
from services.router.usage.counts import (
    ABANDONED,
    CACHE_HITS,
    ERRORS,
    ESCALATIONS,
    MESSAGES,
    RATED_BAD,
    RATED_GOOD,
    Counts,
    Place,
    UsageStore,
)

GROUPS = ("tenant", "variant", "agent", "tier", "day", "component")
RETENTION_DAYS = 400
"""Days that usage and charges are kept, by default: a year, and the month to compare it with."""

_Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """A tenant or None for all, the days `first` to `last` (both included), and names of `GROUPS` without repeats."""

    tenant: TenantId | None
    first: datetime.date
    last: datetime.date
    group_by: tuple[str, ...]

    def check(self) -> None:
        """Raises InvalidRequest (UNKNOWN_GROUP, INVALID_FIELD)."""
        for place, name in enumerate(self.group_by):
            if name not in GROUPS or name in self.group_by[:place]:
                known = f"expected one of {', '.join(GROUPS)}, each once"
                raise InvalidRequest(
                    "UNKNOWN_GROUP",
                    "Usage cannot be grouped by that.",
                    violations=[FieldViolation(f"group_by[{place}]", known)],
                )
        if self.last < self.first:
            raise InvalidRequest(
                "INVALID_FIELD",
                "The span of days is empty.",
                violations=[FieldViolation("end_time", "expected a later day than that of start_time")],
            )


@dataclass(slots=True)
class UsageLine:
    """Usage of one group: turns in `counts`, calls and tokens and money from the ledger."""

    group: Mapping[str, str]
    counts: Counts = field(default_factory=Counts)
    conversations: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    wasted_tokens: int = 0
    cost_micro_usd: int = 0
    # In `calls`, and in the money with nothing: no price list names their model.
    unpriced_calls: int = 0

    @property
    def messages(self) -> int:
        """Turns."""
        return self.counts.by_name[MESSAGES]

    @property
    def errors(self) -> int:
        """Turns that failed."""
        return self.counts.by_name[ERRORS]

    @property
    def escalations(self) -> int:
        """Turns handed to a person."""
        return self.counts.by_name[ESCALATIONS]

    @property
    def cache_hits(self) -> int:
        """Turns served from the cache."""
        return self.counts.by_name[CACHE_HITS]

    @property
    def rated_good(self) -> int:
        """Replies rated good."""
        return self.counts.by_name[RATED_GOOD]

    @property
    def rated_bad(self) -> int:
        """Replies rated bad."""
        return self.counts.by_name[RATED_BAD]

    @property
    def abandoned(self) -> int:
        """Conversations that were asked for something and did not go on."""
        return self.counts.by_name[ABANDONED]

    @property
    def cost_usd(self) -> float:
        """Money, in dollars."""
        return self.cost_micro_usd / MICRO_USD

    def seconds(self, share: float) -> float:
        """Returns the duration in seconds that `share` of the turns are not longer than."""
        return quantile(self.counts.seconds, share)


class UsageQuery:
    """Answers questions from the counts of turns and the ledger, a few round trips a tenant.

    `clock` counts seconds since 1970.
    """

    def __init__(self, store: UsageStore, ledger: SpendingRecords, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock

    def today(self) -> datetime.date:
        """Returns the UTC day that it is."""
        return utc_day(self._clock())

    async def ask(self, question: UsageQuestion) -> Sequence[UsageLine]:
        """Returns a line a group, in the order of the groups' values; one empty line when nothing is grouped by.

        Turns are counted by the variant they were assigned to and the tier that served them, charges by the tier that
        was paid: a tier that only failed has money and no turns. Raises InvalidRequest (UNKNOWN_GROUP, INVALID_FIELD)
        and Unavailable (STORE_UNAVAILABLE).
        """
        question.check()
        question = self._kept_part(question)
        lines: dict[_Group, UsageLine] = {}
        if not question.group_by:
            _line(lines, question, {})
        if question.last < question.first:
            return list(lines.values())
        for tenant in await self._tenants(question):
            if "component" not in question.group_by:
                await self._add_turns(lines, question, tenant)
            for row in await self._ledger.rows(tenant, question.first, question.last):
                _add_charges(_line(lines, question, _named_row(row)), row)
        return [lines[group] for group in sorted(lines)]

    def _kept_part(self, question: UsageQuestion) -> UsageQuestion:
        """Returns the question without the days of which nothing is kept: every day costs a read."""
        one_day = datetime.timedelta(days=1)
        first = max(question.first, self.today() - RETENTION_DAYS * one_day)
        return replace(question, first=first, last=min(question.last, self.today() + one_day))

    async def _tenants(self, question: UsageQuestion) -> Sequence[TenantId]:
        if question.tenant is not None:
            return [question.tenant]
        spent, used = await self._ledger.tenants(question.first), await self._store.tenants(question.first)
        return sorted({*spent, *used})

    async def _add_turns(self, lines: dict[_Group, UsageLine], question: UsageQuestion, tenant: TenantId) -> None:
        places: dict[_Group, list[Place]] = {}
        for place, counts in (await self._store.counts(tenant, question.first, question.last)).items():
            named = _named_place(tenant, place)
            _line(lines, question, named).counts.by_name.update(counts.by_name)
            places.setdefault(_group(question, named), []).append(place)
        if not places:
            return
        found = await self._store.conversations(tenant, list(places.values()))
        for group, count in zip(places, found, strict=True):
            # Conversations belong to one tenant, so that tenants' numbers add up.
            lines[group].conversations += count


def _named_place(tenant: TenantId, place: Place) -> dict[str, str]:
    return {
        "tenant": tenant,
        "variant": place.variant,
        "agent": place.agent,
        "tier": place.tier,
        "day": place.day.isoformat(),
    }


def _named_row(row: SpendRow) -> dict[str, str]:
    return {
        "tenant": row.tenant,
        "variant": row.variant,
        "agent": row.agent,
        "tier": row.tier,
        "day": row.day.isoformat(),
        "component": row.component,
    }


def _group(question: UsageQuestion, named: Mapping[str, str]) -> _Group:
    return tuple(named[name] for name in question.group_by)


def _line(lines: dict[_Group, UsageLine], question: UsageQuestion, named: Mapping[str, str]) -> UsageLine:
    group = _group(question, named)
    if group not in lines:
        lines[group] = UsageLine(dict(zip(question.group_by, group, strict=True)))
    return lines[group]


def _add_charges(line: UsageLine, row: SpendRow) -> None:
    line.calls += row.calls
    line.prompt_tokens += row.prompt_tokens
    line.completion_tokens += row.completion_tokens
    line.wasted_tokens += row.wasted_tokens
    line.cost_micro_usd += row.cost_micro_usd
    line.unpriced_calls += row.unpriced_calls
