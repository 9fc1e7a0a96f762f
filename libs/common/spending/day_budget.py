"""Arithmetic of daily budgets: what is spent, what is held, and whether a call still fits."""

import datetime
from dataclasses import dataclass, field

from libs.common.spending.ledger import Allowance, Charge, Reservation


@dataclass(slots=True)
class DayBudget:
    """One tenant's spending on one UTC day."""

    day: datetime.date
    tokens: int = 0
    micro_usd: int = 0
    held: dict[str, Reservation] = field(default_factory=dict[str, Reservation])

    def fits(self, allowance: Allowance, *, tokens: int, micro_usd: int, now: float) -> bool:
        """Returns whether both amounts are left beside what is spent and held; an amount of 0 always is."""
        self.held = {key: each for key, each in self.held.items() if each.expires_at > now}
        held_tokens = sum(each.tokens for each in self.held.values())
        held_micro_usd = sum(each.micro_usd for each in self.held.values())
        return _left(allowance.daily_tokens, self.tokens + held_tokens, tokens) and _left(
            allowance.daily_micro_usd, self.micro_usd + held_micro_usd, micro_usd
        )

    def hold(self, reservation: Reservation) -> None:
        """Sets the reservation's part aside."""
        self.held[reservation.id] = reservation

    def settle(self, reservation: Reservation, charges: tuple[Charge, ...]) -> None:
        """Gives the held part back, if it still is, and counts what was charged."""
        self.held.pop(reservation.id, None)
        self.tokens += sum(each.tokens for each in charges)
        self.micro_usd += sum(each.cost_micro_usd for each in charges)


def _left(limit: int, gone: int, asked: int) -> bool:
    return not limit or not asked or gone + asked <= limit
