"""A channel that adds to every call what the next service needs: credential, request id, deadline and trace.

A thin layer over gRPC's channel instead of interceptors, which make two tasks of every call.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from opentelemetry.trace import Tracer

from libs.common.errors import DeadlineExceeded
from libs.common.interceptors import tracing
from libs.common.interceptors.admission import AUTHORIZATION, MIN_DEADLINE_SECONDS, REQUEST_ID
from libs.common.interceptors.measuring import MethodCalls, method_calls
from libs.common.measures import Measures
from libs.common.metrics import Meter
from libs.common.request_context import current_or_none
from libs.common.spans import RecordedSpan

# Kept back from what is left of the caller's deadline, so that this side can still answer after the called one gave up.
MARGIN_SECONDS = 0.010
DEFAULT_TIMEOUT_SECONDS = 8.0
# The status of a stream comes with its last message, or right behind it.
_STATUS_SECONDS = 0.05


class CallingChannel(grpc.aio.Channel):
    """Wraps a channel; everything made from it calls as the context of the call being served."""

    def __init__(
        self,
        inner: grpc.aio.Channel,
        *,
        authorization: str | None,
        tracer: Tracer | None,
        meter: Meter | None = None,
    ) -> None:
        self._inner = inner
        self._authorization = authorization
        self._tracer = tracer
        self._meter = meter

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self._inner.close()

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return _UnaryCalls(self._inner.unary_unary(method, *args, **kwargs), self._preparer(method, is_unary=True))

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return _UnaryCalls(self._inner.unary_stream(method, *args, **kwargs), self._preparer(method, is_unary=False))

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return _StreamCalls(self._inner.stream_unary(method, *args, **kwargs), self._preparer(method, is_unary=False))

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return _StreamCalls(self._inner.stream_stream(method, *args, **kwargs), self._preparer(method, is_unary=False))

    def _preparer(self, method: str, *, is_unary: bool) -> "_Preparer":
        spans = tracing.method_spans(self._tracer, method)
        calls = method_calls(self._meter, Measures.SENT, method)
        return _Preparer(self._authorization, spans, calls, DEFAULT_TIMEOUT_SECONDS if is_unary else None)


class _Pairs(grpc.aio.Metadata):
    """Metadata of one call. gRPC's own class is a dictionary of lists, built and taken apart again for every call."""

    def __init__(self, pairs: list[tuple[str, str | bytes]]) -> None:
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[str, str | bytes]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


class _Preparer:
    """Makes metadata, timeout and span of each call of one RPC."""

    __slots__ = ("_authorization", "_default_timeout", "_spans", "calls")

    def __init__(
        self,
        authorization: str | None,
        spans: tracing.MethodSpans | None,
        calls: MethodCalls | None,
        default_timeout: float | None,
    ) -> None:
        self._authorization = authorization
        self._spans = spans
        self.calls = calls
        self._default_timeout = default_timeout

    def prepare(self, timeout: float | None, given: Any) -> tuple[float | None, Any, RecordedSpan | None]:
        """Returns timeout in seconds, metadata and span; raises DeadlineExceeded when nothing is left."""
        if timeout is None:
            timeout = self._default_timeout
        authorization = self._authorization
        request_id = None
        context = current_or_none()
        if context is not None:
            left = context.budget.remaining() - MARGIN_SECONDS
            if timeout is None or left < timeout:
                timeout = left
            if timeout < MIN_DEADLINE_SECONDS:
                raise DeadlineExceeded(
                    "DEADLINE_EXCEEDED", "Too little of the deadline is left to ask another service."
                )
            authorization = authorization or context.authorization
            request_id = context.request_id
        pairs: list[tuple[str, str | bytes]] = [(AUTHORIZATION, authorization)] if authorization else []
        span = None
        if self._spans is not None:
            span = self._spans.start_sent()
            trace_id = span.trace_id
            pairs.append((tracing.TRACEPARENT, tracing.write_traceparent(span)))
            span.request_id = request_id or trace_id
            if context is not None:
                span.tenant = context.principal.tenant or ""
            if request_id == trace_id:
                # The next service takes the trace's id for the request's when none is sent.
                request_id = None
        if request_id is not None:
            pairs.append((REQUEST_ID, request_id))
        if given:
            pairs.extend(given)
        return timeout, _Pairs(pairs), span


class _UnaryCalls:
    """Calls an RPC that takes one request."""

    __slots__ = ("_call", "_calls", "_prepare")

    def __init__(self, call: Any, preparer: _Preparer) -> None:
        self._call = call
        self._calls = preparer.calls
        self._prepare = preparer.prepare

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,  # gRPC's own signature
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> Any:
        timeout, metadata, span = self._prepare(timeout, metadata)
        call = self._call(
            request,
            timeout=timeout,
            metadata=metadata,
            credentials=credentials,
            wait_for_ready=wait_for_ready,
            compression=compression,
        )
        if span is not None or self._calls is not None:
            _finish_with(call, span, self._calls)
        return call


class _StreamCalls:
    """Calls an RPC that takes a stream of requests."""

    __slots__ = ("_call", "_calls", "_prepare")

    def __init__(self, call: Any, preparer: _Preparer) -> None:
        self._call = call
        self._calls = preparer.calls
        self._prepare = preparer.prepare

    def __call__(
        self,
        request_iterator: Any = None,
        timeout: float | None = None,  # gRPC's own signature
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> Any:
        timeout, metadata, span = self._prepare(timeout, metadata)
        call = self._call(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)
        if span is not None or self._calls is not None:
            _finish_with(call, span, self._calls)
        return call


async def let_end(call: Any) -> None:
    """Waits for the status of a stream whose last message was read: cancelled before, it would count as left early.

    Gives up after 50 ms, as the stream has brought all that was wanted.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STATUS_SECONDS):
            await call.code()


def _finish_with(call: Any, span: RecordedSpan | None, calls: MethodCalls | None) -> None:
    """Ends `span` and counts the call when it ends: answered, failed, cancelled, or forgotten by its caller."""
    began = time.perf_counter()

    def finish(done: Any) -> None:
        code = _code_of(done)
        if span is not None:
            tracing.finish(span, code)
        if calls is not None:
            calls.ended(code, time.perf_counter() - began, span)

    call.add_done_callback(finish)


def _code_of(done: Any) -> grpc.StatusCode:
    """Returns the status of a call that is done. Its coroutine then returns at the first step, without waiting."""
    asking = done.code()
    try:
        asking.send(None)
    except StopIteration as answer:
        code: grpc.StatusCode = answer.value
        return code
    except asyncio.CancelledError:
        return grpc.StatusCode.CANCELLED
    asking.close()
    return grpc.StatusCode.UNKNOWN
