"""The driver that needs no other program: grpc.aio, serialized requests, latency counted from when a call was due."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol, cast

import grpc
import grpc.aio

from libs.common.status import from_rpc_error
from tools.load.calls import LoadedCall
from tools.load.outcome import OK, Outcome, Tally
from tools.load.pace import Pace
from tools.load.target import Target

Send = Callable[[int], Awaitable[object]]
"""Sends the call of that number, over the connection whose turn it is."""


class _Call(Protocol):
    """A unary call over one channel, in bytes."""

    def __call__(self, request: bytes, *, metadata: Sequence[tuple[str, str]], timeout: float) -> Awaitable[bytes]: ...


class OwnDriver:
    """Sends from this process, which shares the machine's cores with a stack that runs beside it."""

    name = "own"

    async def version(self) -> str:
        return f"own, grpcio {grpc.__version__}"  # pyright: ignore[reportAttributeAccessIssue]  # the stubs lack it

    def cannot(self, call: LoadedCall, target: Target) -> str:
        del target
        return "a stream has no single latency" if call.stream else ""

    async def send(self, call: LoadedCall, target: Target, pace: Pace) -> Outcome:
        async with AsyncExitStack() as exits:
            payload = call.payload(target.tenant)
            metadata = (("authorization", target.credential_of(call)),)
            channels = [await exits.enter_async_context(target.open(call.service)) for _ in range(pace.connections)]
            await asyncio.gather(*(each.channel_ready() for each in channels))
            calls = [cast("_Call", each.unary_unary(call.path)) for each in channels]

            def send(number: int) -> Awaitable[object]:
                body = payload.with_id(str(uuid.uuid4()))
                return calls[number % len(calls)](body, metadata=metadata, timeout=pace.timeout_seconds)

            return await (_closed(send, pace) if pace.is_closed else _open(send, pace))


async def _open(send: Send, pace: Pace) -> Outcome:
    """Sends each call when it is due, and counts from then: a driver that falls behind hides no waiting."""
    tally, begun = Tally(), time.perf_counter()
    async with asyncio.TaskGroup() as calls:
        for number, due in enumerate(pace.arrivals()):
            wait = begun + due - time.perf_counter()
            # Also when late: replies would wait for a loop that never rests.
            await asyncio.sleep(max(0.0, wait))
            tally.lateness.append(max(0.0, time.perf_counter() - begun - due))
            calls.create_task(_one(send, number, begun + due, tally))
    return tally.outcome(time.perf_counter() - begun)


async def _closed(send: Send, pace: Pace) -> Outcome:
    tally, begun = Tally(), time.perf_counter()
    numbers = iter(range(pace.calls))

    async def caller() -> None:
        for number in numbers:
            if (now := time.perf_counter()) - begun >= pace.seconds:
                return
            await _one(send, number, now, tally)

    await asyncio.gather(*(caller() for _ in range(pace.concurrency)))
    return tally.outcome(time.perf_counter() - begun)


async def _one(send: Send, number: int, due: float, tally: Tally) -> None:
    try:
        await send(number)
    except grpc.aio.AioRpcError as failure:
        error = from_rpc_error(failure)
        code = failure.code().name
        tally.note(code if error.reason == code else f"{code} {error.reason}", time.perf_counter() - due)
    else:
        tally.note(OK, time.perf_counter() - due)
