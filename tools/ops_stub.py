"""How the verbs of `repartee ops` reach the switch, and the options that they share."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import grpc.aio
import typer

from repartee.v1 import rollout_pb2, rollout_pb2_grpc
from tools.connection import Connection, run

DESCRIPTOR = rollout_pb2.DESCRIPTOR.services_by_name["RolloutService"]

ForTenant = Annotated[str, typer.Option("--tenant", "-t", help="One tenant.", show_default="all of them")]
Window = Annotated[str, typer.Option("--window", "-w", help="`1h`, `24h`, `7d`, or `step` of the plan.")]

# The stub's asyncio type exists for type checkers only, and cannot be named here.
Work = Callable[[Any], Awaitable[None]]


def stub_of(channel: grpc.aio.Channel) -> Any:
    """Returns the asyncio stub of the switch."""
    return rollout_pb2_grpc.RolloutServiceStub(channel)


def call(work: Work, host: str, port_base: int) -> None:
    """Runs `work` with a stub of the running stack's router; a failure is printed and exits with 1."""

    async def connected() -> None:
        operator = Connection.for_operator(host=host, port_base=port_base)
        async with operator.open("router", DESCRIPTOR) as channel:
            await work(stub_of(channel))

    run(connected)
