"""The outermost layer of every handler: whatever happens inside, the caller gets one rich status."""

import asyncio
import logging
import traceback
from typing import Any, NoReturn, cast

import grpc
import grpc.aio

from libs.common.errors import ReparteeError
from libs.common.status import code_of, from_rpc_error, trailing_metadata

_log = logging.getLogger(__name__)

_INTERNAL_TEXT = "Something failed inside the service; the request id finds it in the log."


def is_cancelled_by_caller() -> bool:
    """Says whether a CancelledError comes from outside: the caller left, its deadline passed, or the server stops.

    Only then may it escape a handler. Any other one would leave the caller without a status until its deadline.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def to_error(problem: BaseException, *, rpc: str, request_id: str) -> ReparteeError:
    """Returns the error to answer with; logs whatever nobody foresaw, without the texts of exceptions."""
    named = _named(problem)
    if named is not None:
        _log.info("%s refused with %s, request %s", rpc, named.reason, request_id)
        return named
    _log.error("%s failed, request %s\n%s", rpc, request_id, stack_without_text(problem))
    return ReparteeError("INTERNAL", _INTERNAL_TEXT)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: ReparteeError, *, request_id: str) -> NoReturn:
    """Ends the call with the rich status of `error`. Always raises: gRPC's own way to end a handler."""
    await context.abort(code_of(error), error.message, trailing_metadata(error, request_id=request_id))


def stack_without_text(problem: BaseException) -> str:
    """Returns the traceback of `problem` and of its causes with types only: texts may quote a customer."""
    lines: list[str] = []
    seen: BaseException | None = problem
    while seen is not None:
        lines += traceback.format_tb(seen.__traceback__)
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}\n")
        if members := _members(seen):
            lines.append(f"holding {', '.join(type(each).__qualname__ for each in members)}\n")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        if seen is not None:
            lines.append("caused by\n")
    return "".join(lines)


def _members(problem: BaseException) -> tuple[BaseException, ...]:
    if not isinstance(problem, BaseExceptionGroup):
        return ()
    return cast("BaseExceptionGroup[BaseException]", problem).exceptions


def _named(problem: BaseException) -> ReparteeError | None:
    if isinstance(problem, ReparteeError):
        return problem
    if isinstance(problem, grpc.aio.AioRpcError):
        return from_rpc_error(problem)
    # A task group wraps what its tasks raise.
    for each in _members(problem):
        if (found := _named(each)) is not None:
            return found
    return None
