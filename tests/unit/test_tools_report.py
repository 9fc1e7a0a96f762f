"""The cost report: its figures, what it assumes, and that it needs no stack."""

from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from libs.common.errors import InvalidRequest
from libs.common.spending.prices import Prices
from repartee.v1 import tenants_pb2
from tools.cli import app
from tools.cost_model import ASSUMED_MIX, Calls, Mix, load_mix, month, saving, totals
from tools.report import month_sentences, month_table, spent_sentences, spent_table


def shown(table: RenderableType) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_a_month_is_messages_times_calls_times_price() -> None:
    mix = Mix(
        messages=5000,
        ways={
            "new": (
                Calls(component="agents", model="gpt-4o-mini", prompt_tokens=1000, completion_tokens=100),
                Calls(component="rerank", model="rerank-v3.5", searches=1, per_message=0.5),
            ),
            "odd": (Calls(component="agents", model="nobody-knows", prompt_tokens=10),),
        },
        against={"new": "odd"},
    )
    lines = month(mix, Prices())
    assert [(line.count, line.usd) for line in lines] == [(5000, Decimal("1.05")), (2500, Decimal("5.0")), (5000, None)]
    assert totals(lines) == {"new": Decimal("6.05"), "odd": Decimal(0)}
    assert "price unknown" in shown(month_table(lines, mix))
    said = " ".join(month_sentences(lines, mix, Prices()))
    assert "Price unknown, left out of the totals: nobody-knows." in said
    assert "new against odd, by these assumptions: nothing to compare with." in said


def test_the_assumed_month_has_every_way_and_says_that_it_assumes() -> None:
    lines = month(ASSUMED_MIX, Prices())
    assert all(line.usd is not None for line in lines)
    assert list(totals(lines)) == ["v1", "v2", "classic", "hybrid"]
    assert "assumptions" in month_sentences(lines, ASSUMED_MIX, Prices())[-1]


def test_savings_have_words_for_both_directions() -> None:
    assert (saving(35, 100), saving(120, 100)) == ("65 % cheaper", "20 % dearer")


def test_the_ledgers_table_shows_what_has_no_price_and_the_comparison_that_was_measured() -> None:
    def row(variant: str, component: str, usd: float, unpriced: int = 0) -> tenants_pb2.UsageRow:
        group = {"tenant": "shop", "variant": variant, "component": component}
        return tenants_pb2.UsageRow(group=group, calls=10, prompt_tokens=1000, cost_usd=usd, unpriced_calls=unpriced)

    rows = [row("hybrid", "wording", 0.001), row("classic", "classic", 0.01), row("hybrid", "generate", 0.0, 7)]
    table = shown(spent_table(rows, days=7))
    assert "0.000100" in table
    assert "unpriced" in table
    turns = [
        tenants_pb2.UsageRow(group={"variant": "hybrid"}, messages=10, conversations=2, cost_usd=0.001),
        tenants_pb2.UsageRow(group={"variant": "classic"}, messages=10, conversations=2, cost_usd=0.01),
    ]
    said = spent_sentences(rows, turns, ASSUMED_MIX)
    assert said[0] == "7 calls are of models that no price list names: their money is missing here."
    assert "5,000 such messages cost 0.50 dollars" in said[1]
    assert said[-1] == "hybrid against classic, measured: 90 % cheaper a message."
    assert spent_sentences([], [], ASSUMED_MIX) == ["No turn was counted in that time."]


def test_a_mix_with_a_mistake_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mix.yaml"
    file.write_text("ways:\n  x:\n    - {component: a, model: m, prompt_tokens: -1}\n", encoding="utf-8")
    with pytest.raises(InvalidRequest) as refused:
        load_mix(file)
    assert refused.value.violations[0].field == f"{file}:3 ways.x[0].prompt_tokens"


def test_without_a_stack_the_command_computes_from_prices() -> None:
    done = CliRunner().invoke(app, ["report", "cost", "--assume"])
    assert done.exit_code == 0
    assert "5,000 messages" in done.output
