"""The ledger of paid calls: what is held before a call, what is charged after it, and how the sums are read."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from libs.common.errors import Exhausted
from libs.common.request_context import TenantId
from libs.common.tenants.bundle import Budget

MICRO_USD = 1_000_000
"""Micro-dollars in a dollar."""

RESERVATION_SECONDS = 120.0
"""How long an unsettled reservation holds its part: twice the longest turn, then its process is taken for dead."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One call of a paid service, or of a local model at no cost.

    `component` is `wording`, `answer`, `classic`, `routing`, `generate`, `shadow`, `embedding`, `rerank` or `speech`.
    `used` is false for an attempt that died and was thrown away: its money counts, its tokens are wasted. `at` is in
    seconds since 1970. `price_known` is false where no price list names the model; its cost is then 0 and reports say
    that it is not known. `conversation_id` and `turn_id` are digests by `nameless`, or empty: a charge outlives the
    conversation that it was made for.
    """

    tenant: TenantId
    variant: str
    component: str
    agent: str
    tier: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_micro_usd: int
    used: bool
    at: float
    conversation_id: str
    turn_id: str
    attempt: int
    price_known: bool = True

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


def nameless(tenant: TenantId, name: str) -> str:
    """Returns a digest that tells what belongs together and does not tell the name; empty for an empty one."""
    return blake2b(f"{tenant}|{name}".encode(), digest_size=12).hexdigest() if name else ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a tenant may spend in a day by UTC; 0 is no limit."""

    daily_tokens: int = 0
    daily_micro_usd: int = 0

    @classmethod
    def of(cls, budget: Budget) -> "Allowance":
        """Returns the allowance that a bundle's budget gives."""
        return cls(budget.daily_tokens, round(budget.daily_usd * MICRO_USD))


@dataclass(frozen=True, slots=True)
class Reservation:
    """A part of a day's budget that is held for one call until it is settled, or until `expires_at`.

    `day` is the UTC day whose budget it belongs to. Settling the same `id` twice counts once.
    """

    id: str
    tenant: TenantId
    day: datetime.date
    tokens: int
    micro_usd: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class SpendRow:
    """A day's sums of one tenant for one way of spending.

    `prompt_tokens` and `completion_tokens` are those of used calls, `wasted_tokens` both of the others; the cost is of
    all. `unpriced_calls` are in `calls` and cost 0 here, because no price list names their model.
    """

    tenant: TenantId
    day: datetime.date
    variant: str
    component: str
    agent: str
    tier: str
    model: str
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    wasted_tokens: int = 0
    cost_micro_usd: int = 0
    unpriced_calls: int = 0


class Ledger(Protocol):
    """Keeps budgets and charges of all tenants."""

    async def reserve(self, tenant: TenantId, allowance: Allowance, *, tokens: int, micro_usd: int) -> Reservation:
        """Holds `tokens` and `micro_usd` of today's budget, the most that the call may cost.

        Raises Exhausted (BUDGET_SPENT) when that is not left. What is asked as 0 is never refused: a model that costs
        nothing still answers when the money is spent. While the store does not answer, this process's own count
        decides, beginning from the last known sums.
        """
        ...

    async def settle(self, reservation: Reservation, charges: Sequence[Charge]) -> None:
        """Replaces the reservation by what was charged, which may be nothing or more than was held.

        The charges are all of the reservation's tenant.
        Idempotent, and never raises but for a cancellation, after which the charges are kept all the same: what the
        store cannot take at once waits in memory and is tried again.
        """
        ...


class SpendingRecords(Protocol):
    """Reads the ledger. Every method may raise Unavailable (STORE_UNAVAILABLE)."""

    async def rows(self, tenant: TenantId, first: datetime.date, last: datetime.date) -> Sequence[SpendRow]:
        """Returns the sums of the days `first` to `last`, both included, in no order."""
        ...

    async def recent(self, tenant: TenantId, *, limit: int) -> Sequence[Charge]:
        """Returns the newest charges, newest first."""
        ...

    async def tenants(self, first: datetime.date) -> Sequence[TenantId]:
        """Returns the tenants that were charged something on `first` or later, in order."""
        ...


def utc_day(at: float) -> datetime.date:
    """Returns the UTC day of a moment in seconds since 1970."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).date()


def days_in_pieces(first: datetime.date, last: datetime.date, *, size: int = 10) -> Iterator[list[datetime.date]]:
    """Returns the days `first` to `last` in lists of `size`: what a store reads in one short step."""
    days = [first + datetime.timedelta(days=count) for count in range((last - first).days + 1)]
    for start in range(0, len(days), size):
        yield days[start : start + size]


def seconds_to_midnight(at: float) -> float:
    """Returns the seconds until the next UTC day begins, above 0 and at most 86,400."""
    return 86_400.0 - at % 86_400.0


def budget_spent(at: float) -> Exhausted:
    """Returns the refusal of a call that today's budget does not hold."""
    return Exhausted(
        "BUDGET_SPENT",
        "Today's budget for language models does not hold this call. A new one begins at midnight UTC; "
        "the tenant's bundle sets it under `budget`.",
        retry_after_seconds=seconds_to_midnight(at),
    )
