"""`repartee preflight`: what must hold before customers come, each line a real check on the running stack."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import grpc.aio
import typer
from rich.markup import escape

from libs.common.errors import ReparteeError
from libs.common.status import from_rpc_error
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.preflight_stack import STACK_CHECKS
from tools.preflight_tenant import TENANT_CHECKS
from tools.preflight_turns import Failed, Site


@dataclass(frozen=True, slots=True)
class Finding:
    """How one check ended."""

    name: str
    passed: bool
    detail: str


def preflight(
    tenant: Annotated[
        str, typer.Option("--tenant", "-t", help="Check one company before it goes live.", show_default="the stack")
    ] = "",
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Check the running stack, or one tenant, before it goes live; exits with 1 when something is missing.

    Turns that it plays are an operator's, in conversations of their own that it deletes again: they are counted as
    forced ones and prove nothing for either system.
    """
    checks = TENANT_CHECKS if tenant else STACK_CHECKS

    async def work() -> list[Finding]:
        site = Site(Connection.for_operator(host=host, port_base=port_base), tenant)
        return [await _find(name, check, site) for name, check in checks.items()]

    findings = run(work)
    for each in findings:
        mark = "[green]pass[/]" if each.passed else "[red]FAIL[/]"
        console.print(f"{mark}  {each.name}: {escape(each.detail)}", soft_wrap=True)
    missing = sum(not each.passed for each in findings)
    if missing:
        console.print(f"\n[red]Not ready[/]: {missing} of {len(findings)} checks failed.")
        raise typer.Exit(1)
    console.print("\n[green]PRÊT POUR PRODUCTION[/]")


async def _find(name: str, check: Callable[[Site], Awaitable[str]], site: Site) -> Finding:
    try:
        return Finding(name, True, await check(site))
    except Failed as missing:
        return Finding(name, False, str(missing))
    except grpc.aio.AioRpcError as failure:
        error: ReparteeError = from_rpc_error(failure)
    except ReparteeError as failure:
        error = failure
    return Finding(name, False, f"{error.reason}: {error.message}")
