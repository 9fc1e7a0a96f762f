"""`repartee preflight`: what must hold before customers come, each line a real check on the running stack."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import grpc.aio
import typer
from rich.markup import escape

from libs.common.errors import ReparteeError
from libs.common.status import from_rpc_error
from tools.connection import DEFAULT_PORT_BASE, Connection, HostOption, PortBaseOption, console, run
from tools.preflight_site import Doubtful, Failed, Site
from tools.preflight_stack import STACK_CHECKS
from tools.preflight_tenant import TENANT_CHECKS

_MARKS = {"pass": "✅", "warn": "⚠️ ", "fail": "❌"}


@dataclass(frozen=True, slots=True)
class Finding:
    """How one check ended: what was found, and what to do about it."""

    name: str
    result: Literal["pass", "warn", "fail"]
    found: str
    todo: str = ""


def preflight(
    tenant: Annotated[
        str, typer.Option("--tenant", "-t", help="Check one company before it goes live.", show_default="the stack")
    ] = "",
    redis_url: Annotated[
        str, typer.Option(help="Look at this Redis's settings too.", envvar="REPARTEE_REDIS_URL", show_default=False)
    ] = "",
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", help="HOST:PORT of an endpoint of metrics; repeatable.")
    ] = None,
    replica: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT of a router; repeatable.", show_default="every address of the host"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count ⚠️ as failed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON, for a pipeline.")] = False,
    host: HostOption = "127.0.0.1",
    port_base: PortBaseOption = DEFAULT_PORT_BASE,
) -> None:
    """Check the running stack, or one tenant, before it goes live.

    Each line says what was found and what to do. Exit code 0: nothing failed. 1: something did, or with --strict is
    doubtful. 2: the command was not understood. Turns that it plays are an operator's, in conversations of their own
    that it deletes again: they are counted as forced ones and prove nothing for either system.

    Example:  repartee preflight --redis-url redis://redis:6379 --metrics router:9464 --strict
    """
    site = Site(
        Connection.for_operator(host=host, port_base=port_base),
        tenant,
        redis_url=redis_url,
        metrics=tuple(metrics or ()),
        replicas=tuple(replica or ()),
    )
    findings = run(lambda: examine(site))
    failed = [each for each in findings if each.result == "fail" or (strict and each.result == "warn")]
    if as_json:
        typer.echo(json.dumps(_as_json(findings, scope=tenant, ready=not failed), indent=2, ensure_ascii=False))
    else:
        _print(findings, failed=len(failed))
    if failed:
        raise typer.Exit(1)


async def examine(site: Site) -> list[Finding]:
    """Runs the checks of the stack, or of the site's tenant, one after the other."""
    checks = TENANT_CHECKS if site.tenant else STACK_CHECKS
    return [await find(name, check, site) for name, check in checks.items()]


async def find(name: str, check: Callable[[Site], Awaitable[str]], site: Site) -> Finding:
    """Runs one check; what it cannot reach has failed, with the reason that was given."""
    try:
        return Finding(name, "pass", await check(site))
    except Doubtful as doubt:
        return Finding(name, "warn", doubt.found, doubt.todo)
    except Failed as missing:
        return Finding(name, "fail", missing.found, missing.todo)
    except grpc.aio.AioRpcError as failure:
        error: ReparteeError = from_rpc_error(failure)
    except ReparteeError as failure:
        error = failure
    todo = "see what the service's log says" if error.reason == "UNAVAILABLE" else ""
    return Finding(name, "fail", f"{error.reason}: {error.message}", todo)


def _print(findings: list[Finding], *, failed: int) -> None:
    for each in findings:
        todo = f" → {each.todo}" if each.todo else ""
        console.print(f"{_MARKS[each.result]} {each.name}: {escape(each.found + todo)}", soft_wrap=True)
    doubtful = sum(each.result == "warn" for each in findings)
    if failed:
        console.print(f"\n[red]Not ready[/]: {failed} of {len(findings)} checks failed.")
    elif doubtful:
        console.print(f"\n[yellow]Nothing failed[/]; {doubtful} of {len(findings)} to look at before production.")
    else:
        console.print("\n[green]PRÊT POUR PRODUCTION[/]")


def _as_json(findings: list[Finding], *, scope: str, ready: bool) -> dict[str, object]:
    return {"scope": scope or "stack", "ready": ready, "checks": [asdict(each) for each in findings]}
