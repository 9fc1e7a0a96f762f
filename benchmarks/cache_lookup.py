"""What a lookup costs with a real Redis: exact and semantic hits, in the use case and over gRPC.

`python -m benchmarks.cache_lookup --redis URL [--entries N] [--tenants N]`; writes to database 5 of that server.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import grpc.aio
from pydantic import SecretStr

from libs.common.redis_store import RedisStore
from libs.common.request_context import Principal, TenantId
from repartee.v1 import cache_pb2, cache_pb2_grpc
from services.cache.adapters.redis_answers import RedisAnswers
from services.cache.app import running
from services.cache.settings import CacheSettings

KEPT = "Combien coûte la livraison à Cocody ?"
REWORDED = "Combien coûte une livraison à Cocody ?"


async def measure(name: str, count: int, call: Callable[[], Awaitable[object]]) -> None:
    """Prints p50 and p99 of sequential calls."""
    took: list[float] = []
    for _ in range(count):
        begun = time.perf_counter()
        await call()
        took.append((time.perf_counter() - begun) * 1e3)
    took.sort()
    print(f"{name:34} p50 {statistics.median(took):7.3f} ms   p99 {took[int(count * 0.99)]:7.3f} ms   ({count} calls)")


async def main() -> None:
    """Fills a tenant and asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    settings = CacheSettings(port=0, redis_url=SecretStr(options.redis))
    metadata = (("authorization", "Bearer dev:bench"),)
    store = RedisStore.connect(options.redis, db=5)
    answers = RedisAnswers(store)
    owner = Principal(subject="bench", tenant=TenantId("bench"))
    async with running(settings) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        cache = cache_pb2_grpc.CacheServiceStub(channel)

        async def keep(question: str) -> str:
            request = cache_pb2.StoreAnswerRequest(query=question, text="Voici. " * 30, locale="fr")
            return (await cache.StoreAnswer(request, metadata=metadata)).entry_id

        async def look_up(question: str) -> cache_pb2.LookupAnswerResponse:
            request = cache_pb2.LookupAnswerRequest(query=question, locale="fr")
            return await cache.LookupAnswer(request, metadata=metadata)

        begun = time.perf_counter()
        for number in range(options.entries - 1):
            await keep(f"Quel est le prix du produit numéro {number} de la boutique ?")
        entry_id = await keep(KEPT)
        print(f"kept {options.entries} answers, {(time.perf_counter() - begun) / options.entries * 1e3:.2f} ms each")
        print(f"exact: {(await look_up(KEPT)).hit.type!r}, reworded: {(await look_up(REWORDED)).hit.type!r}")
        await measure("store: one entry (1 round trip)", options.calls, lambda: answers.read(owner, [entry_id]))
        await measure("gRPC: exact hit", options.calls, lambda: look_up(KEPT))
        await measure("gRPC: semantic hit", options.calls // 4, lambda: look_up(REWORDED))
        await measure("gRPC: passed over (elliptical)", options.calls, lambda: look_up(" "))
        await measure("store: every row (cold tenant)", 20, lambda: answers.changes(owner, None))
    await answers.remove(owner, None, now=time.time())
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main())
