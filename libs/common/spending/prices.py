"""What a call costs, from a list of dated prices."""

import datetime
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING
from urllib.parse import urlsplit

from libs.common.linear_pattern import linear_pattern
from libs.common.spending.ledger import MICRO_USD
from libs.common.spending.price_list import PRICES, Price

# What may follow a listed name and still be that model: `-2024-07-18`, `-20241022`, `-v2`, `@001`, `-latest`. Not
# `-mini` or `-realtime`, which are other models at other prices.
_VERSION = linear_pattern(r"(?:[-@]v?[0-9][0-9.-]*|-latest)")
_LOCAL_SUFFIXES = (".local", ".localhost", ".internal", ".lan", ".svc", ".cluster.local")


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call costs; `known` is false, and the cost 0, when no list names its model."""

    cost_micro_usd: int
    known: bool


FREE = Quote(0, known=True)
"""What a call of a local model costs."""


class Prices:
    """A list of prices. Of several for one model, the newest that had begun on the day counts."""

    def __init__(self, prices: Iterable[Price] = PRICES) -> None:
        self._prices: dict[str, list[Price]] = {}
        for price in sorted(prices, key=lambda each: each.since):
            self._prices.setdefault(price.model, []).append(price)

    def with_own(self, prices: Sequence[Price]) -> "Prices":
        """Returns these prices with those of `prices` in place of all that they had for the same models."""
        own = {price.model for price in prices}
        kept = [price for name, each in self._prices.items() if name not in own for price in each]
        return Prices([*kept, *prices])

    def find(self, model: str, *, at: datetime.date | None = None) -> Price | None:
        """Returns the price of `model` on the day `at`, its newest without one; None for a model that is not listed.

        A name that is not listed itself is taken for the longest listed one that it is a version of. For a day before
        the first price, the first counts.
        """
        listed = self._prices.get(model) or self._prices.get(self._family(model))
        if not listed:
            return None
        begun = listed if at is None else [price for price in listed if price.since <= at]
        return begun[-1] if begun else listed[0]

    def quote(
        self,
        model: str,
        *,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
        searches: int = 0,
        characters: int = 0,
        at: datetime.date | None = None,
    ) -> Quote:
        """Returns the cost of one call, rounded up to a whole micro-dollar, and whether the model is listed."""
        price = self.find(model, at=at)
        if price is None:
            return Quote(0, known=False)
        usd = price.usd(
            prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, searches=searches, characters=characters
        )
        return Quote(int((usd * MICRO_USD).to_integral_value(ROUND_CEILING)), known=True)

    def cost_micro_usd(
        self, model: str, *, prompt_tokens: int, completion_tokens: int, at: datetime.date | None = None
    ) -> int:
        """Returns the cost of one call in micro-dollars, rounded up; 0 for a model that is not listed (see `quote`)."""
        return self.quote(model, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, at=at).cost_micro_usd

    def _family(self, model: str) -> str:
        families = (name for name in self._prices if model.startswith(name) and _VERSION.fullmatch(model[len(name) :]))
        return max(families, key=len, default="")


def is_local(base_url: str) -> bool:
    """Returns whether a model at this address costs nothing: loopback, a private address, or a name without a domain.

    A gateway on a private address that pays a vendor is taken for local too; its models' cost is not seen.
    """
    host = urlsplit(base_url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host != "" and ("." not in host or host.endswith(_LOCAL_SUFFIXES))
    return address.is_loopback or address.is_private
