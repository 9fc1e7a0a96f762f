"""Prices: dated, exact, and never silently wrong."""

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from libs.common.errors import InvalidRequest
from libs.common.spending.price_file import load_prices, parse_prices
from libs.common.spending.price_list import PRICES, Price
from libs.common.spending.prices import Prices, Quote, is_local


def test_a_call_costs_its_tokens_rounded_up_to_a_micro_dollar() -> None:
    prices = Prices()
    # 100 at 0.15 and 20 at 0.60 dollars a million: 27 micro-dollars.
    assert prices.cost_micro_usd("gpt-4o-mini", prompt_tokens=100, completion_tokens=20) == 27
    assert prices.cost_micro_usd("text-embedding-3-small", prompt_tokens=1, completion_tokens=0) == 1
    assert prices.quote("rerank-v3.5", searches=1).cost_micro_usd == 2000
    assert prices.quote("eleven_turbo_v2_5", characters=100).cost_micro_usd == 5000


def test_a_thousand_calls_of_floats_that_do_not_add_up_are_exact() -> None:
    price = Price("m", datetime.date(2026, 1, 1), "contract", prompt_usd=Decimal("0.1"), completion_usd=Decimal("0.2"))
    assert price.usd(prompt_tokens=1_000_000, completion_tokens=1_000_000) == Decimal("0.3")


@pytest.mark.parametrize("model", ["gpt-4o-mini-realtime", "gpt-4o-audio-preview", "gpt-4", "", "mistral-large"])
def test_a_model_that_is_not_listed_is_said_to_be_unknown(model: str) -> None:
    """A dearer sibling must not get the price of the name that it begins with."""
    assert Prices().quote(model, prompt_tokens=1000) == Quote(0, known=False)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
    ],
)
def test_a_version_of_a_listed_model_has_its_price(model: str, family: str) -> None:
    assert Prices().find(model) == Prices().find(family)


def test_an_old_day_keeps_its_price() -> None:
    prices = Prices()
    july, today = datetime.date(2024, 7, 1), datetime.date(2026, 11, 20)
    assert prices.cost_micro_usd("gpt-4o", prompt_tokens=100, completion_tokens=0, at=july) == 500
    assert prices.cost_micro_usd("gpt-4o", prompt_tokens=100, completion_tokens=0, at=today) == 250
    assert prices.cost_micro_usd("gpt-4o", prompt_tokens=100, completion_tokens=0) == 250


def test_every_shipped_price_says_where_it_is_from_and_costs_something() -> None:
    for price in PRICES:
        assert price.source
        assert price.usd(prompt_tokens=1, completion_tokens=1, searches=1, characters=1) > 0


def test_a_file_replaces_the_models_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(
        "prices:\n"
        "  - {model: gpt-4o-mini, since: 2026-01-01, source: contract, prompt_usd: 0.1, completion_usd: 0.4}\n"
        "  - {model: our-own, since: 2026-01-01, source: contract}\n",
        encoding="utf-8",
    )
    prices = load_prices(file)
    assert prices.cost_micro_usd("gpt-4o-mini", prompt_tokens=100, completion_tokens=20) == 18
    assert prices.quote("our-own", prompt_tokens=5) == Quote(0, known=True)
    assert prices.find("gpt-4o") is not None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("prices:\n  - model: a\n    since: 2026-13-01\n    source: b\n", "p.yaml:3 prices[0].since"),
        ("prices:\n  - {model: a, since: 2026-01-01, source: b, prompt_usd: -1}\n", "p.yaml:2 prices[0].prompt_usd"),
        ("prices:\n  - {model: a, since: 2026-01-01, source: b, typo: 1}\n", "p.yaml:2 prices[0].typo"),
        ("- a\n", "p.yaml:1"),
        ("prices: [\n", "p.yaml:2:1"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_prices(text, source_name="p.yaml")
    assert refused.value.reason == "PRICES_INVALID"
    assert refused.value.violations[0].field == place


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        load_prices(Path("/nowhere/prices.yaml"))


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1234/v1", True),
        ("http://localhost:1234/v1", True),
        ("http://[::1]:1234/v1", True),
        ("http://192.168.1.7/v1", True),
        ("http://ollama:11434/v1", True),
        ("http://llm.apps.svc.cluster.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("", False),
    ],
)
def test_a_model_at_home_costs_nothing(url: str, local: bool) -> None:
    assert is_local(url) is local
