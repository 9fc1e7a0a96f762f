"""Sums of charges by day, tenant and way of spending."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

from libs.common.request_context import TenantId
from libs.common.spending.ledger import Charge, SpendRow, utc_day

_Place = tuple[datetime.date, TenantId, str, str, str, str, str]


def row_of(charge: Charge) -> SpendRow:
    """Returns what one charge adds to the sums."""
    used = charge.used
    return SpendRow(
        tenant=charge.tenant,
        day=utc_day(charge.at),
        variant=charge.variant,
        component=charge.component,
        agent=charge.agent,
        tier=charge.tier,
        model=charge.model,
        calls=1,
        prompt_tokens=charge.prompt_tokens if used else 0,
        completion_tokens=charge.completion_tokens if used else 0,
        wasted_tokens=0 if used else charge.tokens,
        cost_micro_usd=charge.cost_micro_usd,
        unpriced_calls=0 if charge.price_known else 1,
    )


def plus(one: SpendRow, other: SpendRow) -> SpendRow:
    """Returns `one` with the figures of `other` added; what they are sums of is taken from `one`."""
    return replace(
        one,
        calls=one.calls + other.calls,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        wasted_tokens=one.wasted_tokens + other.wasted_tokens,
        cost_micro_usd=one.cost_micro_usd + other.cost_micro_usd,
        unpriced_calls=one.unpriced_calls + other.unpriced_calls,
    )


class SpendSums:
    """Sums that charges are added to."""

    def __init__(self) -> None:
        self._rows: dict[_Place, SpendRow] = {}

    def add(self, charge: Charge) -> None:
        """Adds one charge."""
        row = row_of(charge)
        place = (row.day, row.tenant, row.variant, row.component, row.agent, row.tier, row.model)
        known = self._rows.get(place)
        self._rows[place] = row if known is None else plus(known, row)

    def rows(self) -> Iterator[SpendRow]:
        """Returns every sum, in no order."""
        return iter(self._rows.values())

    def forget_before(self, day: datetime.date) -> None:
        """Drops the sums of days before `day`."""
        self._rows = {place: row for place, row in self._rows.items() if row.day >= day}
