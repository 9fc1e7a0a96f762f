"""A double of an OpenAI-compatible server: real HTTP on loopback, scripted failures, and its own invoice."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from tests.fakes.embedder import HashEmbedder


@dataclass
class Scripted:
    """What the server does with one request, instead of answering it well.

    `status` other than 200 answers an error with `headers` (such as Retry-After). `delay_seconds` passes before the
    first byte; `gate` holds the answer until it is set. `body` replaces the whole answer (bytes are sent as they are).
    For streams: `hold_after` stops after that many words until the client leaves; `cut_after` breaks the connection
    there; `no_finish` ends cleanly without a finish_reason; `endless` repeats the last word until the client leaves.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_seconds: float = 0.0
    gate: asyncio.Event | None = None
    body: Any = None
    reply: str | None = None
    finish_reason: str = "stop"
    cut_after: int | None = None
    hold_after: int | None = None
    no_finish: bool = False
    endless: bool = False


@dataclass(frozen=True)
class Billed:
    """One line of the invoice: what the server did, whether or not the client ever read it."""

    path: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    status: int
    complete: bool


Responder = Callable[[Mapping[str, Any]], str]


def _echo(request: Mapping[str, Any]) -> str:
    return str(request["messages"][-1]["content"])


def count_tokens(text: str) -> int:
    """The double's own measure: a token is a word."""
    return len(text.split())


class OpenAIDouble:
    """Answers POST /v1/embeddings, POST /v1/chat/completions (streamed or not) and GET /v1/models.

    `script(Scripted(...), ...)` is used up one entry a request, oldest first; with none left requests go well.
    `responder` words chat replies (default: echoes the last message). `requests` keeps every body, `headers` their
    headers, `invoice` what was billed. With `api_key` set, any other key gets 401.
    """

    def __init__(self) -> None:
        self.base_url = ""
        self.api_key: str | None = None
        self.models = ["double-small", "double-large"]
        self.responder: Responder = _echo
        self.requests: list[Mapping[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.invoice: list[Billed] = []
        # Set whenever a client goes away before the end of its answer.
        self.client_left = asyncio.Event()
        # Set whenever a request has arrived and taken its step of the script.
        self.arrived = asyncio.Event()
        self._script: list[Scripted] = []
        self._runner: web.AppRunner | None = None

    def script(self, *steps: Scripted) -> None:
        """Adds what to do with the next requests."""
        self._script.extend(steps)

    @property
    def tokens(self) -> int:
        """All tokens on the invoice."""
        return sum(line.prompt_tokens + line.completion_tokens for line in self.invoice)

    async def start(self) -> None:
        """Listens on a free loopback port; `base_url` is set then."""
        app = web.Application()
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        # A client that leaves cancels its handler, as with a real server that stops generating.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """Stops listening; a stopped server refuses connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _admit(self, request: web.Request) -> tuple[dict[str, Any], Scripted, web.Response | None]:
        body: dict[str, Any] = await request.json() if request.can_read_body else {}
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        if self.api_key is not None and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return body, Scripted(), _error(401, "Incorrect API key provided")
        step = self._script.pop(0) if self._script else Scripted()
        self.arrived.set()
        try:
            if step.delay_seconds:
                await asyncio.sleep(step.delay_seconds)
            if step.gate is not None:
                await step.gate.wait()
        except asyncio.CancelledError:
            self.client_left.set()
            raise
        if step.status != 200:
            self._bill(request, body, "", "", status=step.status)
            return body, step, _error(step.status, f"scripted {step.status}", step.headers)
        if isinstance(step.body, bytes):
            return body, step, web.Response(body=step.body, content_type="application/json")
        return body, step, web.json_response(step.body) if step.body is not None else None

    def _bill(
        self,
        request: web.Request,
        body: Mapping[str, Any],
        prompt: str,
        completion: str,
        *,
        status: int = 200,
        complete: bool = True,
    ) -> dict[str, int]:
        line = Billed(
            request.path, str(body.get("model", "")), count_tokens(prompt), count_tokens(completion), status, complete
        )
        self.invoice.append(line)
        return {
            "prompt_tokens": line.prompt_tokens,
            "completion_tokens": line.completion_tokens,
            "total_tokens": line.prompt_tokens + line.completion_tokens,
        }

    async def _models(self, request: web.Request) -> web.Response:
        _, _, refusal = await self._admit(request)
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "double"} for name in self.models]
        return refusal or web.json_response({"object": "list", "data": listed})

    async def _embeddings(self, request: web.Request) -> web.Response:
        body, _, refusal = await self._admit(request)
        if refusal is not None:
            return refusal
        texts: list[str] = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if not all(texts):
            return _error(400, "input must not be empty")
        # Not of length 1, as some compatible servers answer.
        rows = 3.0 * await HashEmbedder(int(body.get("dimensions", 1536))).embed(texts)
        in_base64 = body.get("encoding_format") == "base64"
        items = [
            {"object": "embedding", "index": n, "embedding": _base64(row) if in_base64 else row.tolist()}
            for n, row in enumerate(rows)
        ]
        usage = self._bill(request, body, " ".join(texts), "")
        del usage["completion_tokens"]
        return web.json_response({"object": "list", "model": body["model"], "data": items, "usage": usage})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body, step, refusal = await self._admit(request)
        if refusal is not None:
            return refusal
        reply = step.reply if step.reply is not None else self.responder(body)
        prompt = " ".join(str(message["content"]) for message in body["messages"])
        if body.get("stream"):
            return await self._stream(request, body, step, prompt, reply)
        usage = self._bill(request, body, prompt, reply)
        finish = None if step.no_finish else step.finish_reason
        choice = {"index": 0, "message": {"role": "assistant", "content": reply}, "finish_reason": finish}
        return web.json_response({**_envelope(body, "chat.completion"), "choices": [choice], "usage": usage})

    async def _stream(
        self, request: web.Request, body: Mapping[str, Any], step: Scripted, prompt: str, reply: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **step.headers})
        await response.prepare(request)
        sent: list[str] = []

        async def send(choices: list[dict[str, Any]], **more: Any) -> None:
            event = {**_envelope(body, "chat.completion.chunk"), "choices": choices, **more}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())

        async def delta(content: str) -> None:
            sent.append(content)
            await send([{"index": 0, "delta": {"content": content}, "finish_reason": None}])

        complete = False
        try:
            await send([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
            for n, word in enumerate(_words(reply)):
                if step.cut_after == n:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if step.hold_after == n:
                    await asyncio.Event().wait()
                await delta(word)
            while step.endless:
                await delta(sent[-1] if sent else "…")
                await asyncio.sleep(0)
            if not step.no_finish:
                await send([{"index": 0, "delta": {}, "finish_reason": step.finish_reason}])
            complete = True
        except (asyncio.CancelledError, ConnectionError):
            self.client_left.set()
            raise
        finally:
            usage = self._bill(request, body, prompt, "".join(sent), complete=complete)
        if (body.get("stream_options") or {}).get("include_usage"):
            await send([], usage=usage)
        await response.write(b"data: [DONE]\n\n")
        return response


def _envelope(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-double", "object": kind, "created": 0, "model": body["model"]}


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    detail = {"message": message, "type": "double", "param": None, "code": None}
    return web.json_response({"error": detail}, status=status, headers=headers)


def _base64(row: Any) -> str:
    return base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode()


def _words(text: str) -> list[str]:
    words = text.split(" ")
    return [word + " " for word in words[:-1]] + words[-1:]


@pytest.fixture
async def openai_double() -> AsyncIterator[OpenAIDouble]:
    """A running double; its `base_url` ends in /v1."""
    double = OpenAIDouble()
    await double.start()
    yield double
    await double.stop()
