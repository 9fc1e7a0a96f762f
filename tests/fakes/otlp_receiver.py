"""A collector on loopback: keeps every span that processes send it, and the text of every metric."""

# ruff: noqa: N802 - names and signatures are the generated stub's

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from tools.waterfall import Span

_VALUE_KINDS = ("string_value", "bool_value", "int_value", "double_value")


class OtlpReceiver:
    """`spans` as they came; `metrics` holds the text of each export."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Span] = []
        self.metrics: list[str] = []

    def of(self, trace_id: str) -> list[Span]:
        """Returns the spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    async def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        del context
        for resource in request.resource_spans:
            service = str(_attributes(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                self._receiver.spans += [_span(service, span) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    async def Export(
        self, request: metrics_service_pb2.ExportMetricsServiceRequest, context: object
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        del context
        self._receiver.metrics.append(str(request))
        return metrics_service_pb2.ExportMetricsServiceResponse()


@asynccontextmanager
async def otlp_receiver() -> AsyncGenerator[OtlpReceiver]:
    """Runs one on a free port; `address` is `http://127.0.0.1:PORT`, as OTEL_EXPORTER_OTLP_ENDPOINT takes it."""
    receiver, server = OtlpReceiver(), grpc.aio.server()
    # The generated functions are untyped.
    cast("Any", trace_service_pb2_grpc).add_TraceServiceServicer_to_server(_Traces(receiver), server)
    cast("Any", metrics_service_pb2_grpc).add_MetricsServiceServicer_to_server(_Metrics(receiver), server)
    receiver.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield receiver
    finally:
        await server.stop(None)


def _span(service: str, span: trace_pb2.Span) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        service,
        span.name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in _VALUE_KINDS:
            found[pair.key] = getattr(pair.value, kind)
        elif kind == "array_value":
            found[pair.key] = [getattr(each, each.WhichOneof("value")) for each in pair.value.array_value.values]
    return found
