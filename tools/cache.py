"""`repartee cache`: what a tenant's cache holds, why it answered so, and how to empty it."""

from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from rich.markup import escape
from rich.table import Table

from repartee.v1 import cache_pb2, cache_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, TenantOption, console, run

_ADMIN = cache_pb2.DESCRIPTOR.services_by_name["CacheAdminService"]

cache = typer.Typer(
    help="Look into the semantic cache: why a question hit or missed, how a tenant does, forget answers.",
    no_args_is_help=True,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print the response as JSON.")]


@cache.command()
def explain(
    question: Annotated[str, typer.Argument(help="A customer's question.")],
    tenant: TenantOption,
    agent: Annotated[str, typer.Option(help="The agent asked for, if any.")] = "",
    locale: Annotated[str, typer.Option(help="Language; the tenant's when empty.")] = "",
    as_json: JsonOption = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Show every stored question that came near, its similarity, and the rule that refused it. Changes nothing."""

    async def work() -> None:
        operator = Connection.for_operator(host=host, port_base=port_base)
        lookup = cache_pb2.LookupAnswerRequest(tenant_id=tenant, query=question, agent=agent, locale=locale)
        async with operator.open("cache", _ADMIN) as channel:
            stub = cache_pb2_grpc.CacheAdminServiceStub(channel)
            found = await stub.ExplainLookup(cache_pb2.ExplainLookupRequest(lookup=lookup))
        console.print_json(_json(found)) if as_json else _show_explanation(found)

    run(work)


@cache.command()
def stats(
    tenant: Annotated[
        str, typer.Option("--tenant", "-t", help="One tenant; all of them without it.", envvar="REPARTEE_TENANT")
    ] = "",
    as_json: JsonOption = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Show hits, misses and their reasons, size, and how many hits were found to be false."""

    async def work() -> None:
        operator = Connection.for_operator(host=host, port_base=port_base)
        async with operator.open("cache", _ADMIN) as channel:
            stub = cache_pb2_grpc.CacheAdminServiceStub(channel)
            if not tenant:
                everything = await stub.GetGlobalStats(cache_pb2.GetGlobalStatsRequest())
                console.print_json(_json(everything)) if as_json else _show_all(everything)
                return
            one = await stub.GetTenantStats(cache_pb2.GetTenantStatsRequest(tenant_id=tenant))
        console.print_json(_json(one)) if as_json else _show_tenant(one)

    run(work)


@cache.command()
def flush(
    tenant: TenantOption,
    reason: Annotated[str, typer.Option(help="Why; it is logged.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Forget every answer of a tenant. Documents and conversations stay; answers are made anew when they are asked."""
    if not yes:
        typer.confirm(f"Forget every cached answer of {tenant}?", abort=True)

    async def work() -> None:
        operator = Connection.for_operator(host=host, port_base=port_base)
        async with operator.open("cache", _ADMIN) as channel:
            stub = cache_pb2_grpc.CacheAdminServiceStub(channel)
            done = await stub.FlushTenant(cache_pb2.FlushTenantRequest(tenant_id=tenant, reason=reason))
        console.print(f"{tenant}: {done.removed_count} answers forgotten")

    run(work)


def _json(message: cache_pb2.GetTenantStatsResponse | cache_pb2.GetGlobalStatsResponse | object) -> str:
    return MessageToJson(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)  # type: ignore[arg-type]


def _show_explanation(found: cache_pb2.ExplainLookupResponse) -> None:
    rows = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("entry", "similarity", "refused by", "what the rule saw"):
        rows.add_column(column, justify="right" if column == "similarity" else "left")
    for each in found.candidates:
        colour = "red" if each.refused_by else "green"
        rows.add_row(
            each.entry_id[:12],
            f"{each.score:.3f}",
            f"[{colour}]{each.refused_by or 'nothing: it serves'}[/]",
            escape(each.detail),
        )
    if found.candidates:
        console.print(rows)
    console.print(f"outcome [bold]{found.outcome}[/], threshold {found.threshold:.2f}")


def _show_tenant(one: cache_pb2.GetTenantStatsResponse) -> None:
    console.print(
        f"[bold]{one.hit_rate_percent:.1f} %[/] hits: {one.cache_hits} ({one.exact_hits} exact) "
        f"of {one.cache_hits + one.cache_misses} lookups"
    )
    console.print(
        f"{one.cache_size} answers, {one.cache_bytes / 1024:.0f} KiB, threshold {one.threshold:.2f}, "
        f"{one.guard_rejects} look-alikes refused"
    )
    checked = f"{one.false_hits} of {one.rechecked_hits}" if one.rechecked_hits else "none yet"
    console.print(f"hits answered anew to find false ones: {checked}")
    for title, reasons in (("misses", one.miss_reasons), ("not kept", one.refused_reasons)):
        if reasons:
            ranked = sorted(reasons.items(), key=lambda pair: -pair[1])
            console.print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in ranked))


def _show_all(everything: cache_pb2.GetGlobalStatsResponse) -> None:
    console.print(
        f"[bold]{everything.global_hit_rate_percent:.1f} %[/] hits over {everything.total_companies} companies, "
        f"{everything.total_entries} answers"
    )
    broken = everything.seal_failures + everything.canary_leaks
    colour = "red" if broken else "green"
    console.print(
        f"[{colour}]isolation: {everything.seal_failures} values with another's seal, "
        f"{everything.canary_leaks} markers of the canary seen by another[/]"
    )
