"""How the command reaches a running stack: addresses, credentials, and errors as one sentence."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import grpc
import typer
from google.protobuf.descriptor import ServiceDescriptor
from rich.console import Console
from rich.markup import escape

from libs.common.channel import ClientTls, open_channel
from libs.common.errors import InvalidRequest, ReparteeError
from libs.common.status import from_rpc_error

T = TypeVar("T")

PORTS = {"router": 0, "hybrid-engine": 1, "rag": 2, "cache": 3, "voice": 4, "classic-engine": 5}
"""Each service's distance from the base port."""

DEFAULT_PORT_BASE = 50051

TenantOption = Annotated[
    str, typer.Option("--tenant", "-t", help="The tenant to speak for.", envvar="REPARTEE_TENANT", show_default=False)
]
HostOption = Annotated[str, typer.Option("--host", help="Where the stack listens.", envvar="REPARTEE_CLI_HOST")]
PortBaseOption = Annotated[
    int,
    typer.Option(
        "--port-base",
        help="The router's port; the other services follow it.",
        envvar="REPARTEE_PORT_BASE",
        min=1,
        max=65_535 - max(PORTS.values()),
    ),
]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """One stack, and who speaks to it.

    `authorization` is a whole header value; in development `Bearer dev:TENANT` or `Bearer dev-operator`, elsewhere a
    token that the operator issued, read from REPARTEE_TOKEN. Plaintext, unless REPARTEE_UPSTREAM_CA_FILE names the
    roots by which the services are known; the files of REPARTEE_TLS_CERT_FILE and …_KEY_FILE are then shown to them.
    """

    host: str = "127.0.0.1"
    port_base: int = DEFAULT_PORT_BASE
    authorization: str = ""
    tls: ClientTls | None = None

    @classmethod
    def for_tenant(cls, tenant: str, *, host: str = "127.0.0.1", port_base: int = DEFAULT_PORT_BASE) -> "Connection":
        """Returns a connection of a client of `tenant`."""
        return cls(host, port_base, _token() or f"Bearer dev:{tenant}", _tls())

    @classmethod
    def for_operator(cls, *, host: str = "127.0.0.1", port_base: int = DEFAULT_PORT_BASE) -> "Connection":
        """Returns a connection of an operator."""
        return cls(host, port_base, _token() or "Bearer dev-operator", _tls())

    def target(self, service: str) -> str:
        """Returns `host:port` of a service by its short name."""
        return f"{self.host}:{self.port_base + PORTS[service]}"

    def open(self, service: str, descriptor: ServiceDescriptor) -> grpc.aio.Channel:
        """Opens a channel to a service; the caller closes it with `async with`."""
        return open_channel(self.target(service), services=[descriptor], authorization=self.authorization, tls=self.tls)


def _token() -> str:
    token = os.environ.get("REPARTEE_TOKEN", "")
    return f"Bearer {token}" if token else ""


def _tls() -> ClientTls | None:
    ca, cert, key = (
        Path(value) if (value := os.environ.get(f"REPARTEE_{name}_FILE")) else None
        for name in ("UPSTREAM_CA", "TLS_CERT", "TLS_KEY")
    )
    return ClientTls(ca_file=ca, cert_file=cert, key_file=key) if ca else None


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a verb to its end; a failure is printed as its reason, one sentence and the places, and exits with 1."""
    try:
        return asyncio.run(work())
    except grpc.aio.AioRpcError as failure:
        error: ReparteeError = from_rpc_error(failure)
    except ReparteeError as failure:
        error = failure
    except (OSError, UnicodeDecodeError) as failure:
        error = unusable_file(failure)
    except KeyboardInterrupt:
        sys.exit(130)
    print_error(error)
    raise typer.Exit(1)


def unusable_file(failure: OSError | UnicodeDecodeError) -> InvalidRequest:
    """Returns what the system said of a file, as an error for people."""
    if isinstance(failure, UnicodeDecodeError):
        return InvalidRequest("FILE_UNUSABLE", f"That file is no UTF-8 text: byte {failure.start + 1} is none.")
    return InvalidRequest("FILE_UNUSABLE", f"{failure.filename or 'A file'}: {failure.strerror or failure}.")


def print_error(error: ReparteeError) -> None:
    """Prints a failure for people on standard error; lines are left whole, for narrow terminals and for files."""
    if error.reason == "UNAVAILABLE":
        errors.print(
            "[bold red]UNAVAILABLE[/]  No stack answers there. Start it with [bold]repartee up[/], "
            "or name it with --host and --port-base.",
            soft_wrap=True,
        )
        return
    errors.print(f"[bold red]{error.reason}[/]  {escape(error.message)}", soft_wrap=True)
    # A precondition without a place repeats the message.
    for violation in (each for each in error.violations if each.description != error.message):
        errors.print(f"  [yellow]{escape(violation.field)}[/]  {escape(violation.description)}", soft_wrap=True)
