"""The double of an OpenAI-compatible server as tests use it: with embeddings, and as a fixture."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from tests.fakes.embedder import HashEmbedder
from tools.fake_llm.script import Billed, Scripted, count_tokens
from tools.fake_llm.server import FakeLlm
from tools.fake_llm.wire import error_response

__all__ = ["Billed", "OpenAIDouble", "Scripted", "count_tokens"]


class OpenAIDouble(FakeLlm):
    """Answers POST /v1/embeddings too."""

    def add_routes(self, app: web.Application) -> None:
        """Adds what is served."""
        super().add_routes(app)
        app.router.add_post("/v1/embeddings", self._embeddings)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body, _, answered = await self.admit(request)
        if answered is not None:
            return answered
        texts: list[str] = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if not all(texts):
            return error_response(400, "input must not be empty")
        # Not of length 1, as some compatible servers answer.
        rows = 3.0 * await HashEmbedder(int(body.get("dimensions", 1536))).embed(texts)
        in_base64 = body.get("encoding_format") == "base64"
        items = [
            {"object": "embedding", "index": n, "embedding": _base64(row) if in_base64 else row.tolist()}
            for n, row in enumerate(rows)
        ]
        usage = self.bill(request, body, " ".join(texts), "")
        del usage["completion_tokens"]
        return web.json_response({"object": "list", "model": body["model"], "data": items, "usage": usage})


def _base64(row: Any) -> str:
    return base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode()


@pytest.fixture
async def openai_double() -> AsyncIterator[OpenAIDouble]:
    """A running double; its `base_url` ends in /v1."""
    double = OpenAIDouble()
    await double.start()
    yield double
    await double.stop()
