"""`repartee learn` and `repartee patterns`: what a tenant's documents taught, and what operators do with it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from rich.markup import escape
from rich.table import Table

from libs.common.errors import InvalidRequest
from repartee.v1 import rag_pb2, rag_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, TenantOption, console, run

_RAG = rag_pb2.DESCRIPTOR.services_by_name["RagService"]
_ADMIN = rag_pb2.DESCRIPTOR.services_by_name["RagAdminService"]
_LEARN_SECONDS = 120.0

patterns = typer.Typer(
    help="Look at a tenant's patterns, carry them from one installation to another, or go back to earlier ones.",
    no_args_is_help=True,
)

VersionOption = Annotated[int, typer.Option("--version", help="An earlier version; the one in use when 0.", min=0)]
ReasonOption = Annotated[
    str, typer.Option("--reason", "-r", help="Why; it is kept with the patterns.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the response as JSON.")]


def learn(
    tenant: Annotated[str, typer.Argument(help="The tenant whose documents are read.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Learn and keep nothing.")] = False,
    as_json: JsonOption = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Learn prices, phones, zones, hours and references from a tenant's documents. Takes seconds, and no model."""

    async def work() -> None:
        connection = Connection.for_tenant(tenant, host=host, port_base=port_base)
        async with connection.open("rag", _RAG) as channel:
            stub = rag_pb2_grpc.RagServiceStub(channel)
            learned = await stub.LearnPatterns(rag_pb2.LearnPatternsRequest(dry_run=dry_run), timeout=_LEARN_SECONDS)
        if as_json:
            print(json.dumps(MessageToDict(learned, preserving_proto_field_name=True), ensure_ascii=False, indent=2))
            return
        console.print(_table(learned.patterns))
        country = f"{learned.country} ({learned.country_confidence:.0%} sure)" if learned.country else "not decided"
        kept = "nothing was kept" if dry_run else f"kept as version {learned.version}"
        active = sum(pattern.status == "active" for pattern in learned.patterns)
        console.print(f"{learned.documents} documents, {active} active patterns, country {country}; {kept}")

    run(work)


@patterns.command()
def show(
    tenant: TenantOption,
    version: VersionOption = 0,
    as_json: JsonOption = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Show a tenant's patterns, with what they found and what they must not find, over those that every tenant has."""

    async def work() -> None:
        found = await _get(tenant, version, host, port_base)
        console.print_json(_json(found)) if as_json else console.print(_table(found.patterns))

    run(work)


@patterns.command("export")
def export_patterns(
    tenant: TenantOption,
    file: Annotated[Path, typer.Argument(help="Where to write them, as JSON.")],
    version: VersionOption = 0,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Write a tenant's own patterns to a file."""

    async def work() -> None:
        found = await _get(tenant, version, host, port_base)
        own = rag_pb2.GetPatternsResponse(
            patterns=[pattern for pattern in found.patterns if not pattern.generic], version=found.version
        )
        file.write_text(_json(own) + "\n", encoding="utf-8")
        console.print(f"{len(own.patterns)} patterns of version {own.version} written to {escape(str(file))}")

    run(work)


@patterns.command("import")
def import_patterns(
    tenant: TenantOption,
    file: Annotated[Path, typer.Argument(help="A file that `patterns export` wrote.")],
    reason: ReasonOption,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Put the patterns of a file in place of the tenant's. They stay until `repartee learn` is run."""

    async def work() -> None:
        request = rag_pb2.ImportPatternsRequest(tenant_id=tenant, patterns=read_patterns(file), reason=reason)
        operator = Connection.for_operator(host=host, port_base=port_base)
        async with operator.open("rag", _ADMIN) as channel:
            kept = await rag_pb2_grpc.RagAdminServiceStub(channel).ImportPatterns(request)
        console.print(f"{tenant}: version {kept.version}")

    run(work)


@patterns.command()
def rollback(
    tenant: TenantOption,
    version: Annotated[int, typer.Argument(help="The version to go back to.", min=1)],
    reason: ReasonOption,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Make an earlier version the one in use again."""

    async def work() -> None:
        request = rag_pb2.RollbackPatternsRequest(tenant_id=tenant, version=version, reason=reason)
        operator = Connection.for_operator(host=host, port_base=port_base)
        async with operator.open("rag", _ADMIN) as channel:
            kept = await rag_pb2_grpc.RagAdminServiceStub(channel).RollbackPatterns(request)
        console.print(f"{tenant}: version {kept.version} equals version {version}")

    run(work)


def read_patterns(file: Path) -> list[rag_pb2.Pattern]:
    """Returns the patterns of an exported file; raises InvalidRequest (FILE_UNUSABLE) for any other."""
    try:
        return list(ParseDict(json.loads(file.read_text(encoding="utf-8")), rag_pb2.GetPatternsResponse()).patterns)
    except (ParseError, json.JSONDecodeError):
        raise InvalidRequest("FILE_UNUSABLE", "That is no file that `repartee patterns export` wrote.") from None


async def _get(tenant: str, version: int, host: str, port_base: int) -> rag_pb2.GetPatternsResponse:
    connection = Connection.for_tenant(tenant, host=host, port_base=port_base)
    async with connection.open("rag", _RAG) as channel:
        return await rag_pb2_grpc.RagServiceStub(channel).GetPatterns(rag_pb2.GetPatternsRequest(version=version))


def _json(found: rag_pb2.GetPatternsResponse) -> str:
    return json.dumps(MessageToDict(found, preserving_proto_field_name=True), ensure_ascii=False, indent=2)


def _table(found: Iterable[rag_pb2.Pattern]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("field", "status", "documents", "precision", "finds", "must not find"):
        table.add_column(name, justify="right" if name in ("documents", "precision") else "left")
    for pattern in found:
        counts = ("", "") if pattern.generic else (str(pattern.support), f"{pattern.precision:.2f}")
        table.add_row(
            pattern.field,
            "generic" if pattern.generic else pattern.status,
            *counts,
            escape("; ".join(pattern.examples)),
            escape("; ".join(pattern.counter_examples)),
        )
    return table
