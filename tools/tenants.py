"""`repartee tenants`: put bundles in force, and see which are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from libs.common.errors import FieldViolation, InvalidRequest
from libs.common.tenants.bundle import TenantBundle
from libs.common.tenants.validation import parse_bundle
from repartee.v1 import tenants_pb2, tenants_pb2_grpc
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.ingest import ingest_folder

_DESCRIPTOR = tenants_pb2.DESCRIPTOR.services_by_name["TenantService"]

tenants = typer.Typer(help="Put tenants' bundles in force, check them, list them.", no_args_is_help=True)


@tenants.command()
def apply(
    folder: Annotated[Path, typer.Argument(help="A bundle's folder, or a folder of such folders.")],
    documents: Annotated[
        bool, typer.Option("--documents/--no-documents", help="Index each tenant's documents too.")
    ] = True,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")] = "applied by hand",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Store every bundle, each whole or not at all; a broken one is refused with file, line and what was expected."""
    operator = Connection.for_operator(host=host, port_base=port_base)
    run(lambda: apply_folder(operator, folder, with_documents=documents, reason=reason))


@tenants.command()
def check(folder: Annotated[Path, typer.Argument(help="A bundle's folder, or a folder of such folders.")]) -> None:
    """Validate bundles without a stack."""

    async def work() -> None:
        for path in find_bundles(folder):
            bundle = _parse(path)
            console.print(f"[green]good[/]  {path}: {bundle.id}, {bundle.name}")

    run(work)


@tenants.command("list")
def list_tenants(host: HostOption = "127.0.0.1", port_base: PortBaseOption = DEFAULT_PORT_BASE) -> None:
    """Show which tenants are in force, with their versions."""

    async def work() -> None:
        operator = Connection.for_operator(host=host, port_base=port_base)
        rows = Table(box=None, header_style="bold", pad_edge=False)
        for column in ("tenant", "name", "version", "by"):
            rows.add_column(column)
        async with operator.open("router", _DESCRIPTOR) as channel:
            stub = tenants_pb2_grpc.TenantServiceStub(channel)
            token = ""
            while True:
                page = await stub.ListTenants(tenants_pb2.ListTenantsRequest(page_token=token))
                for tenant in page.tenants:
                    rows.add_row(tenant.tenant_id, tenant.display_name, str(tenant.version), tenant.actor)
                token = page.next_page_token
                if not token:
                    break
        console.print(rows)

    run(work)


def find_bundles(folder: Path) -> list[Path]:
    """Returns the `tenant.yaml` of `folder`, or of its subfolders; raises InvalidRequest (NO_BUNDLE) without any."""
    own = folder if folder.name == "tenant.yaml" else folder / "tenant.yaml"
    found = [own] if own.is_file() else sorted(folder.glob("*/tenant.yaml"))
    if not found:
        raise InvalidRequest(
            "NO_BUNDLE",
            "There is no bundle there.",
            violations=[FieldViolation(str(folder), "expected tenant.yaml in it or in its subfolders")],
        )
    return found


def _parse(path: Path) -> TenantBundle:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as failure:
        raise InvalidRequest(
            "BUNDLE_INVALID",
            "The bundle is no UTF-8 text.",
            violations=[FieldViolation(str(path), f"byte {failure.start + 1} is not UTF-8; save it as UTF-8")],
        ) from failure
    return parse_bundle(text, source_name=str(path))


async def apply_folder(operator: Connection, folder: Path, *, with_documents: bool, reason: str) -> list[str]:
    """Stores the bundles under `folder`, indexes their documents, and returns the tenants' ids."""
    # All are checked before the first is stored, so that one mistake changes nothing.
    bundles = [(path, _parse(path)) for path in find_bundles(folder)]
    async with operator.open("router", _DESCRIPTOR) as channel:
        stub = tenants_pb2_grpc.TenantServiceStub(channel)
        for path, bundle in bundles:
            stored = await stub.PutTenant(
                tenants_pb2.PutTenantRequest(
                    tenant_id=bundle.id,
                    bundle_yaml=path.read_text(encoding="utf-8"),
                    source_name=str(path),
                    reason=reason,
                )
            )
            word = "stored" if stored.changed else "unchanged"
            console.print(f"{bundle.id}: {word}, version {stored.tenant.version}")
    if with_documents:
        for path, bundle in bundles:
            if (path.parent / "documents").is_dir():
                client = Connection.for_tenant(bundle.id, host=operator.host, port_base=operator.port_base)
                await ingest_folder(client, path.parent / "documents", tenant=bundle.id)
    return [bundle.id for _, bundle in bundles]
