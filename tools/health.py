"""Whether a service on this machine serves, by the standard health protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import grpc
from grpc_health.v1 import health_pb2

_CHECK = "/grpc.health.v1.Health/Check"
_SERVING = health_pb2.HealthCheckResponse.SERVING

Ask = Callable[[health_pb2.HealthCheckRequest], Awaitable[health_pb2.HealthCheckResponse]]


async def is_serving(host: str, port: int, *, timeout_seconds: float = 2.0) -> bool:
    """Returns True when the process at `host:port` says it serves; never raises for its absence."""
    async with grpc.aio.insecure_channel(f"{host}:{port}") as channel:
        ask = cast(
            Ask,
            channel.unary_unary(
                _CHECK,
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            ),
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await ask(health_pb2.HealthCheckRequest())
        except (grpc.aio.AioRpcError, TimeoutError):
            return False
    return answer.status == _SERVING
