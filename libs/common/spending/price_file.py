"""Prices of one's own: a YAML file whose models replace those of the shipped list."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.common.errors import FieldViolation
from libs.common.spending.price_list import Price
from libs.common.spending.prices import Prices
from libs.common.yaml_document import invalid_document, read_document

_Dollars = Annotated[Decimal, Field(ge=0, le=1_000_000)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1, max_length=200)]
    since: datetime.date
    source: Annotated[str, Field(min_length=1, max_length=500)]
    prompt_usd: _Dollars = Decimal(0)
    completion_usd: _Dollars = Decimal(0)
    search_usd: _Dollars = Decimal(0)
    character_usd: _Dollars = Decimal(0)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    prices: Annotated[tuple[_Entry, ...], Field(max_length=1000)]


def load_prices(path: Path | None) -> Prices:
    """Returns the shipped prices, with those of the file in front when there is one.

    Raises InvalidRequest (PRICES_INVALID) with one violation per problem, its field being the place, such as
    `prices.yaml:4 prices[0].prompt_usd`.
    """
    if path is None:
        return Prices()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        unreadable = FieldViolation(str(path), "cannot be read as a UTF-8 text file")
        raise invalid_document("PRICES_INVALID", unreadable) from failure
    return Prices().with_own(parse_prices(text, source_name=str(path)))


def parse_prices(text: str, *, source_name: str) -> list[Price]:
    """Returns the prices of a document; raises as `load_prices`."""
    document = read_document(_Document, text, source_name=source_name, reason="PRICES_INVALID")
    return [Price(**entry.model_dump()) for entry in document.prices]
