"""`repartee report`: what was spent and what a month costs, as tables."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.table import Table

from libs.common.spending.price_file import load_prices
from libs.common.spending.price_list import READ_ON
from libs.common.spending.prices import Prices
from repartee.v1 import tenants_pb2, tenants_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.cost_model import ASSUMED_MIX, COMPARED_MODELS, CostLine, Mix, load_mix, month, saving, totals

_DESCRIPTOR = tenants_pb2.DESCRIPTOR.services_by_name["UsageService"]
_Rows = Sequence[tenants_pb2.UsageRow]

report = typer.Typer(help="Draw up what was used and what it costs.", no_args_is_help=True)


@report.callback()
def _group() -> None:  # pyright: ignore[reportUnusedFunction]  # a group keeps its name with a single verb
    pass


@report.command()
def cost(
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Only this tenant; all when empty.")] = "",
    days: Annotated[int, typer.Option(help="Days to look back over, today included.", min=1, max=400)] = 30,
    mix: Annotated[Path | None, typer.Option(help="YAML file of a month's messages and their calls.")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="YAML file of prices of your own.", envvar="REPARTEE_PRICES_FILE")
    ] = None,
    assume: Annotated[
        bool, typer.Option("--assume", help="Compute from prices and the mix alone, without a stack.")
    ] = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Show what a month costs: from the ledger of a running stack, or from list prices and assumptions."""

    async def work() -> None:
        the_mix, the_prices = load_mix(mix), load_prices(prices)
        if not assume:
            operator = Connection.for_operator(host=host, port_base=port_base)
            by_component, by_variant = await usage_of(operator, tenant, days=days)
            console.print(spent_table(by_component, days=days))
            for sentence in spent_sentences(by_component, by_variant, the_mix):
                console.print(sentence, soft_wrap=True)
            console.print()
        lines = month(the_mix, the_prices)
        console.print(month_table(lines, the_mix))
        for sentence in month_sentences(lines, the_mix, the_prices):
            console.print(sentence, soft_wrap=True)
        console.print()
        console.print(vendor_table(lines, the_prices))

    run(work)


async def usage_of(operator: Connection, tenant: str, *, days: int) -> tuple[_Rows, _Rows]:
    """Returns usage by tenant, variant and component, and by variant; of all tenants when `tenant` is empty."""
    start = Timestamp()
    start.FromDatetime(datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days - 1))
    async with operator.open("router", _DESCRIPTOR) as channel:
        stub = tenants_pb2_grpc.UsageServiceStub(channel)

        async def ask(*group_by: str) -> _Rows:
            request = tenants_pb2.QueryUsageRequest(tenant_id=tenant, start_time=start, group_by=group_by)
            return (await stub.QueryUsage(request)).rows

        return await ask("tenant", "variant", "component"), await ask("variant")


def spent_table(rows: _Rows, *, days: int) -> Table:
    """Returns what the ledger says was spent, a row a tenant, variant and component."""
    table = _table(f"Spent in {days} day{'s' if days > 1 else ''}, from the ledger")
    for name in ("tenant", "variant", "component"):
        table.add_column(name)
    for name in ("calls", "unpriced", "prompt", "completion", "wasted", "dollars", "a call"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.group["tenant"],
            row.group["variant"],
            row.group["component"],
            f"{row.calls:,}",
            f"{row.unpriced_calls:,}" if row.unpriced_calls else "",
            f"{row.prompt_tokens:,.0f}",
            f"{row.completion_tokens:,.0f}",
            f"{row.wasted_tokens:,.0f}",
            f"{row.cost_usd:,.4f}",
            f"{row.cost_usd / row.calls:.6f}" if row.calls else "",
        )
    table.add_section()
    calls, usd = sum(row.calls for row in rows), sum(row.cost_usd for row in rows)
    table.add_row("total", "", "", f"{calls:,}", "", "", "", "", f"{usd:,.4f}", "")
    return table


def spent_sentences(by_component: _Rows, by_variant: _Rows, mix: Mix) -> list[str]:
    """Returns what the spent table does not show: cost a message, the month it makes, and hybrid against classic."""
    said: list[str] = []
    unpriced = sum(row.unpriced_calls for row in by_component)
    if unpriced:
        said.append(f"{unpriced:,} calls are of models that no price list names: their money is missing here.")
    each = {row.group["variant"]: row for row in by_variant if row.messages}
    for variant, row in each.items():
        usd, tokens = row.cost_usd / row.messages, row.prompt_tokens / row.messages
        said.append(
            f"{variant}: {row.messages:,} messages of {row.conversations:,} conversations, {tokens:,.0f} prompt tokens "
            f"and {usd:.6f} dollars a message; {mix.messages:,} such messages cost {usd * mix.messages:,.2f} dollars."
        )
    if "hybrid" in each and "classic" in each:
        hybrid, classic = each["hybrid"], each["classic"]
        compared = saving(hybrid.cost_usd / hybrid.messages, classic.cost_usd / classic.messages)
        said.append(f"hybrid against classic, measured: {compared} a message.")
    return said or ["No turn was counted in that time."]


def month_table(lines: Sequence[CostLine], mix: Mix) -> Table:
    """Returns the computed month, a row a component of each way to answer."""
    table = _table(f"A month of {mix.conversations:,} conversations and {mix.messages:,} messages, from list prices")
    for name in ("way", "component", "model"):
        table.add_column(name)
    for name in ("calls", "prompt", "completion", "a call", "dollars", "promised"):
        table.add_column(name, justify="right")
    for way, total in totals(lines).items():
        for line in (line for line in lines if line.way == way):
            calls = line.calls
            table.add_row(
                way,
                calls.component,
                calls.model,
                f"{line.count:,}",
                f"{calls.prompt_tokens:,}",
                f"{calls.completion_tokens:,}",
                "" if line.usd is None or not line.count else f"{line.usd / line.count:.6f}",
                "price unknown" if line.usd is None else _dollars(line.usd),
                calls.promised_usd,
            )
        table.add_row(way, "[bold]total[/]", "", "", "", "", "", f"[bold]{_dollars(total)}[/]", "")
        table.add_section()
    return table


def month_sentences(lines: Sequence[CostLine], mix: Mix, prices: Prices) -> list[str]:
    """Returns what the month's table rests on, and its comparisons, each with its own baseline."""
    sums = totals(lines)
    said = [
        f"{new} against {old}, by these assumptions: {saving(sums[new], sums[old])}."
        for new, old in mix.against.items()
        if new in sums and old in sums
    ]
    unknown = sorted({line.calls.model for line in lines if line.usd is None})
    if unknown:
        said.append(f"Price unknown, left out of the totals: {', '.join(unknown)}.")
    known = {line.calls.model: price for line in lines if (price := prices.find(line.calls.model)) is not None}
    for model, price in sorted(known.items()):
        parts = ((price.prompt_usd, "M prompt tokens"), (price.completion_usd, "M completion tokens"))
        shown = [f"{usd} dollars/{unit}" for usd, unit in (*parts, (price.search_usd, "1,000 searches")) if usd]
        said.append(f"{model}: {', '.join(shown)} since {price.since} ({price.source}).")
    said.append(
        f"The shipped prices were read on {READ_ON}. Calls a message and tokens a call are "
        + ("assumptions; a mix of your own comes with --mix." if mix is ASSUMED_MIX else "those of the mix file.")
    )
    return said


def vendor_table(lines: Sequence[CostLine], prices: Prices) -> Table:
    """Returns what the dearest component would cost by other models, against the first of them."""
    dearest = max(lines, key=lambda line: line.usd or 0)
    calls = dearest.calls
    table = _table(f"The {dearest.count:,} calls of {calls.component} in {dearest.way} by other models")
    table.add_column("model")
    table.add_column("prices of")
    table.add_column("dollars", justify="right")
    table.add_column(f"against {COMPARED_MODELS[0]}")
    first: Decimal | None = None
    for model in COMPARED_MODELS:
        price = prices.find(model)
        if price is not None:
            each = price.usd(prompt_tokens=calls.prompt_tokens, completion_tokens=calls.completion_tokens)
            usd = each * dearest.count
            first = usd if first is None else first
            table.add_row(model, price.source, _dollars(usd), "" if usd is first else saving(usd, first))
    return table


def _dollars(usd: Decimal) -> str:
    return f"{usd:,.2f}" if usd >= 1 else f"{usd:.4f}"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, header_style="bold", pad_edge=False)
