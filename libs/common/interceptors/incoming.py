"""The one wrapper around each handler of a server, composed when the handler is registered."""

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from opentelemetry.trace import Tracer

from libs.common.credentials import Authenticator
from libs.common.errors import DeadlineExceeded, Denied, InvalidRequest, NotBuilt, overloaded
from libs.common.interceptors import admission, guard, tracing, validation
from libs.common.interceptors.measuring import method_calls
from libs.common.measures import Measures
from libs.common.metrics import Meter
from libs.common.request_context import Budget, RequestContext, use_context
from libs.common.status import code_of

_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one server demands of every call. Times in seconds."""

    authenticator: Authenticator
    load: admission.Load
    # Listens on loopback only, so that every peer is on this machine.
    local_only: bool
    tracer: Tracer | None
    default_deadline: float
    max_deadline: float
    max_stream: float
    meter: Meter | None = None


class Incoming:
    """Serves one RPC: admits, validates, traces and guards every call of it."""

    def __init__(self, rules: Rules, method: MethodDescriptor, handler: Any, *, is_built: bool) -> None:
        self._rules = rules
        self._load = rules.load
        self._rpc = f"{method.containing_service.full_name}/{method.name}"
        self._spans = tracing.method_spans(rules.tracer, self._rpc)
        self._calls = method_calls(rules.meter, Measures.SERVED, self._rpc)
        self._operator_only = admission.is_operator_only(method.containing_service.name)
        streams = bool(handler.request_streaming or handler.response_streaming)
        self._default_seconds = rules.max_stream if streams else rules.default_deadline
        self._max_seconds = rules.max_stream if streams else rules.max_deadline
        self._parse: Callable[[bytes], Any] = handler.request_deserializer
        self._tenant_of = admission.tenant_reader(method.input_type)
        self._validate = validation.validator_for(method.input_type) if is_built else None
        behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        self._behaviour: Callable[[Any, Any], Any] = behaviour if is_built else _unbuilt(self._rpc)
        self._generates = inspect.isasyncgenfunction(self._behaviour)
        if not self._generates and not inspect.iscoroutinefunction(self._behaviour):
            raise TypeError(f"the handler of {self._rpc} is neither a coroutine function nor an async generator")
        self._respond = self._write if handler.response_streaming else self._behaviour
        self._serve = self._serve_stream if handler.request_streaming else self._serve_one

    async def serve(self, payload: Any, context: _Context) -> Any:  # noqa: PLR0912  # each function more costs every call
        """Serves one call. `payload` is the request's bytes, or a stream of them."""
        authorizations: list[str | bytes] = []
        request_id: str | bytes | None = None
        traceparent: str | bytes | None = None
        for key, value in context.invocation_metadata() or ():
            if key == admission.AUTHORIZATION:
                authorizations.append(value)
            elif key == tracing.TRACEPARENT:
                traceparent = value
            elif key == admission.REQUEST_ID:
                request_id = value
        if self._spans is None:
            span, request_id = None, admission.request_id_of(request_id)
        else:
            span = self._spans.start_served(traceparent)
            request_id = span.request_id = admission.request_id_of(request_id, span.trace_id)
        code, reason = grpc.StatusCode.OK, ""
        load, rules = self._load, self._rules
        load.in_flight += 1
        began = time.perf_counter()
        try:
            if load.in_flight > load.limit:
                raise overloaded()
            principal, authorization = admission.verify(
                rules.authenticator, authorizations, rules.local_only or admission.is_loopback(context.peer())
            )
            if span is not None:
                span.tenant = principal.tenant or ""
            if self._operator_only:
                admission.require_operator(principal)
            left = context.time_remaining()
            seconds = admission.deadline_of(left, default_seconds=self._default_seconds, max_seconds=self._max_seconds)
            call = RequestContext(principal, request_id, Budget.of(seconds), authorization)
            if left != seconds:
                # gRPC ends a call at the caller's own deadline, but knows of no other.
                return await self._serve_within(seconds, payload, context, call)
            return await self._serve(payload, context, call)
        except grpc.aio.AbortError:
            code = grpc.StatusCode.UNKNOWN
            raise
        except (asyncio.CancelledError, Exception) as problem:
            if isinstance(problem, asyncio.CancelledError) and guard.is_cancelled_by_caller():
                code = grpc.StatusCode.CANCELLED
                raise
            error = guard.to_error(problem, rpc=self._rpc, request_id=request_id)
            code, reason = code_of(error), error.reason
            return await guard.abort(context, error, request_id=request_id)
        finally:
            load.in_flight -= 1
            if span is not None:
                tracing.finish(span, code, reason)
            if self._calls is not None:
                self._calls.ended(code, time.perf_counter() - began, span)

    async def _serve_within(self, seconds: float, payload: Any, context: _Context, call: RequestContext) -> Any:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._serve(payload, context, call)
        except TimeoutError:
            if limit.expired():
                raise DeadlineExceeded("DEADLINE_EXCEEDED", "The time for this call is over.") from None
            raise

    async def _serve_one(self, payload: bytes, context: _Context, call: RequestContext) -> Any:
        request, call = self._admit_message(payload, call)
        with use_context(call):
            return await self._respond(request, context)

    async def _serve_stream(self, payload: AsyncIterator[bytes], context: _Context, call: RequestContext) -> Any:
        requests, call = await self._admit_stream(payload, call)
        with use_context(call):
            return await self._respond(requests, context)

    async def _write(self, request: Any, context: _Context) -> None:
        """Writes the responses from this coroutine, so that no context is held across a generator's `yield`."""
        if not self._generates:
            await self._behaviour(request, context)
            return
        async with contextlib.aclosing(self._behaviour(request, context)) as responses:
            async for response in responses:
                await context.write(response)

    def _admit_message(self, raw: bytes, call: RequestContext) -> tuple[Any, RequestContext]:
        try:
            message = self._parse(raw)
        except DecodeError:
            raise InvalidRequest("INVALID_FIELD", "The request is not a message of this call's type.") from None
        if self._tenant_of is not None:
            call = admission.rescoped(call, admission.scoped(call.principal, self._tenant_of(message)))
        if self._validate is not None:
            self._validate(message)
        return message, call

    async def _admit_stream(
        self, raw_requests: AsyncIterator[bytes], call: RequestContext
    ) -> tuple[AsyncIterator[Any], RequestContext]:
        """Reads the first message, because it may name the tenant that an operator acts on."""
        async for raw in raw_requests:
            first, call = self._admit_message(raw, call)
            return _Requests(first, raw_requests, self._admit_message, call), call
        return _Requests(None, raw_requests, self._admit_message, call), call


class _Requests:
    """The messages of a stream, each admitted like a single request. Later ones may not name another tenant."""

    def __init__(
        self,
        first: Any,
        raw_requests: AsyncIterator[bytes],
        admit: Callable[[bytes, RequestContext], tuple[Any, RequestContext]],
        call: RequestContext,
    ) -> None:
        self._first = first
        self._raw_requests = raw_requests
        self._admit = admit
        self._call = call

    def __aiter__(self) -> "_Requests":
        return self

    async def __anext__(self) -> Any:
        if self._first is not None:
            message, self._first = self._first, None
            return message
        message, call = self._admit(await anext(self._raw_requests), self._call)
        if call is not self._call:
            raise Denied("TENANT_MISMATCH", "A stream is for one tenant: the one that its first message names.")
        return message


def wrap(rules: Rules, method: MethodDescriptor, handler: Any, *, is_built: bool) -> Any:
    """Returns the handler to register in place of `handler`. Requests stay bytes until they are inside the guard."""
    incoming = Incoming(rules, method, handler, is_built=is_built)
    serialize = handler.response_serializer
    serve = incoming.serve
    make: Any
    if handler.request_streaming and handler.response_streaming:
        make = grpc.stream_stream_rpc_method_handler
    elif handler.request_streaming:
        make = grpc.stream_unary_rpc_method_handler
    elif handler.response_streaming:
        make = grpc.unary_stream_rpc_method_handler
    else:
        make = grpc.unary_unary_rpc_method_handler
    return make(serve, None, serialize)


def _unbuilt(rpc: str) -> Callable[[Any, Any], Awaitable[None]]:
    async def refuse(_request: Any, _context: Any) -> None:
        raise NotBuilt("NOT_BUILT", f"This version of Repartee does not serve {rpc} yet.")

    return refuse
