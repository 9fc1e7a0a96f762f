"""The servers of the hop benchmark: a bare grpc.aio one, and one as every process of ours runs it."""

import asyncio
import sys

import grpc

from libs.common.channel import open_channel
from libs.common.server import Registration, running_server
from libs.common.settings import ServiceSettings
from libs.common.telemetry import start_telemetry
from repartee.v1 import cache_pb2, cache_pb2_grpc

SERVICE = cache_pb2.DESCRIPTOR.services_by_name["CacheService"]
RESPONSE = cache_pb2.LookupAnswerResponse(miss_reason="NO_CANDIDATE")


class Echo(cache_pb2_grpc.CacheServiceServicer):
    """Answers at once, or what the next one answers."""

    def __init__(self, following: "cache_pb2_grpc.CacheServiceAsyncStub | None") -> None:
        self._following = following

    async def LookupAnswer(
        self, request: cache_pb2.LookupAnswerRequest, context: object
    ) -> cache_pb2.LookupAnswerResponse:
        del context
        if self._following is not None:
            return await self._following.LookupAnswer(request)
        return RESPONSE


async def serve_bare() -> None:
    """Serves with gRPC's defaults until killed."""
    server = grpc.aio.server()
    cache_pb2_grpc.add_CacheServiceServicer_to_server(Echo(None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


async def serve_ours(next_port: int, traces: str, metrics: str = "none") -> None:
    """Serves with everything that a process of ours adds, until SIGTERM."""
    settings = ServiceSettings(port=0, traces=traces, metrics=metrics, drain_seconds=0)
    telemetry = start_telemetry(f"hop-{next_port}", settings)
    channel = open_channel(f"127.0.0.1:{next_port}", services=[SERVICE], tracer=telemetry.tracer, meter=telemetry.meter)
    echo = Echo(cache_pb2_grpc.CacheServiceStub(channel) if next_port else None)
    registration = Registration(SERVICE, cache_pb2_grpc.add_CacheServiceServicer_to_server, echo)
    try:
        async with (
            channel,
            running_server(
                settings,
                name="cache",
                registrations=[registration],
                tracer=telemetry.tracer,
                meter=telemetry.meter,
            ) as server,
        ):
            print(server.port, flush=True)
            await server.serve_until_signal()
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    asyncio.run(serve_bare() if sys.argv[1] == "bare" else serve_ours(int(sys.argv[2]), *sys.argv[3:]))
