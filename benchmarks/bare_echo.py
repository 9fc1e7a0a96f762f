"""The floor that a cache hit is measured against: two bare grpc.aio servers that pass the same messages on."""

import asyncio
import sys
from pathlib import Path

import grpc

from repartee.v1 import cache_pb2, cache_pb2_grpc, router_pb2, router_pb2_grpc


class BareRouter(router_pb2_grpc.RouterServiceServicer):
    """Asks the bare cache and answers a recorded reply; no credential, no context, no trace, no store."""

    def __init__(self, reply: router_pb2.ChatResponse, cache: "cache_pb2_grpc.CacheServiceAsyncStub") -> None:
        self._reply = reply
        self._cache = cache

    async def Chat(self, request: router_pb2.ChatRequest, context: grpc.aio.ServicerContext) -> router_pb2.ChatResponse:
        await self._cache.LookupAnswer(cache_pb2.LookupAnswerRequest(query=request.message, locale="fr-CI"))
        return self._reply


class BareCache(cache_pb2_grpc.CacheServiceServicer):
    """Answers a recorded hit."""

    def __init__(self, hit: cache_pb2.LookupAnswerResponse) -> None:
        self._hit = hit

    async def LookupAnswer(
        self, request: cache_pb2.LookupAnswerRequest, context: grpc.aio.ServicerContext
    ) -> cache_pb2.LookupAnswerResponse:
        return self._hit


async def main(role: str, port: int, recorded: Path, cache_port: int) -> None:
    """Serves one of the two roles until killed."""
    server = grpc.aio.server()
    if role == "cache":
        hit = cache_pb2.LookupAnswerResponse.FromString(recorded.read_bytes())
        cache_pb2_grpc.add_CacheServiceServicer_to_server(BareCache(hit), server)
    else:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{cache_port}")
        reply = router_pb2.ChatResponse.FromString(recorded.read_bytes())
        router = BareRouter(reply, cache_pb2_grpc.CacheServiceStub(channel))
        router_pb2_grpc.add_RouterServiceServicer_to_server(router, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
