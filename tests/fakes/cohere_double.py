"""A loopback server that speaks `POST /v2/rerank` as Cohere does, and can be slow, refuse or talk nonsense."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class CohereDouble:
    """Ranks texts by how many words they share with the query. `requests` keeps what was asked."""

    def __init__(self) -> None:
        self.base_url = ""
        self.status = 200
        # When set, a request waits for it before it is answered.
        self.gate: asyncio.Event | None = None
        # When set, the body instead of a ranking.
        self.body: Any = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        # Searches of every answer: one for each hundred texts that was begun.
        self.invoice: list[int] = []

    async def _rerank(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.requests.append(asked)
        self.keys.append(request.headers.get("Authorization", ""))
        if self.gate is not None:
            await self.gate.wait()
        if self.status != 200:
            return web.json_response({"message": "no"}, status=self.status)
        if self.body is not None:
            return web.json_response(self.body)
        wanted = set(asked["query"].lower().split())
        scores = [len(wanted & set(document.lower().split())) / max(1, len(wanted)) for document in asked["documents"]]
        order = sorted(range(len(scores)), key=lambda index: -scores[index])[: asked.get("top_n")]
        results = [{"index": index, "relevance_score": scores[index]} for index in order]
        self.invoice.append(-(-len(asked["documents"]) // 100))
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": self.invoice[-1]}}
        return web.json_response({"id": "double", "results": results, "meta": meta})


@asynccontextmanager
async def running_cohere_double() -> AsyncIterator[CohereDouble]:
    """Runs the double on a free port of loopback."""
    double = CohereDouble()
    application = web.Application()
    application.router.add_post("/v2/rerank", double._rerank)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = runner.addresses[0]
        double.base_url = f"http://{address[0]}:{address[1]}"
        yield double
    finally:
        if double.gate is not None:
            double.gate.set()
        await runner.cleanup()
