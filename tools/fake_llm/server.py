"""The double itself: real HTTP on loopback, scripted failures, an invoice."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Self, cast

from aiohttp import web

from tools.fake_llm.script import Billed, Scripted, count_tokens, scripted_from
from tools.fake_llm.wire import cut, envelope, error_response, usage_of, words_of

Responder = Callable[[Mapping[str, Any]], str]


def echo(request: Mapping[str, Any]) -> str:
    """Returns the last message."""
    return str(request["messages"][-1]["content"])


class FakeLlm:
    """Answers POST /v1/chat/completions, streamed or not, and GET /v1/models.

    `script(Scripted(...), ...)` is used up one entry a request, oldest first; with none left requests go well.
    `responder` words replies. `requests` keeps every body, `headers` their headers, `invoice` what was billed, calls
    that the client left included. `word_seconds` passes before each word. With `api_key` set, any other key gets 401.

    A running double can also be told by HTTP: POST /script with a list of steps, GET /invoice.
    """

    def __init__(self, *, responder: Responder = echo, word_seconds: float = 0.0) -> None:
        self.base_url = ""
        self.api_key: str | None = None
        self.models = ["double-small", "double-large"]
        # Sent in place of the list of models, whatever it is.
        self.models_body: bytes | None = None
        self.responder = responder
        self.word_seconds = word_seconds
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

    def forget_script(self) -> None:
        """Lets the next requests go well."""
        self._script.clear()

    @property
    def tokens(self) -> int:
        """All tokens on the invoice."""
        return sum(line.prompt_tokens + line.completion_tokens for line in self.invoice)

    async def start(self, port: int = 0) -> None:
        """Listens on a loopback port, a free one for 0; `base_url` is set then."""
        app = web.Application()
        self.add_routes(app)
        # A client that leaves cancels its handler, as with a real server that stops generating.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def stop(self) -> None:
        """Stops listening; a stopped server refuses connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def add_routes(self, app: web.Application) -> None:
        """Adds what is served."""
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/invoice", self._show_invoice)
        app.router.add_post("/script", self._take_script)

    async def admit(self, request: web.Request) -> tuple[dict[str, Any], Scripted, web.StreamResponse | None]:
        """Returns the body of a request, its step of the script, and what answers it already, if anything does."""
        body: dict[str, Any] = await request.json() if request.can_read_body else {}
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        if self.api_key is not None and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return body, Scripted(), error_response(401, "Incorrect API key provided")
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
        if step.reset:
            cut(request)
            return body, step, web.Response()
        if step.status != 200:
            self.bill(request, body, "", "", status=step.status)
            return body, step, error_response(step.status, f"scripted {step.status}", step.headers, code=step.code)
        if isinstance(step.body, bytes | str):
            sent = step.body.encode() if isinstance(step.body, str) else step.body
            return body, step, web.Response(body=sent, content_type=step.body_type)
        return body, step, web.json_response(step.body) if step.body is not None else None

    def bill(
        self,
        request: web.Request,
        body: Mapping[str, Any],
        prompt: str,
        completion: str,
        *,
        status: int = 200,
        complete: bool = True,
    ) -> dict[str, int]:
        """Writes a line on the invoice, and returns it as `usage`."""
        line = Billed(
            request.path, str(body.get("model", "")), count_tokens(prompt), count_tokens(completion), status, complete
        )
        self.invoice.append(line)
        return usage_of(line.prompt_tokens, line.completion_tokens)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if self.api_key is not None and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return error_response(401, "Incorrect API key provided")
        if self.models_body is not None:
            return web.Response(body=self.models_body, content_type="application/json")
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "double"} for name in self.models]
        return web.json_response({"object": "list", "data": listed})

    async def _show_invoice(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"tokens": self.tokens, "lines": [asdict(line) for line in self.invoice]})

    async def _take_script(self, request: web.Request) -> web.StreamResponse:
        try:
            steps = [scripted_from(step) for step in cast("list[dict[str, Any]]", await request.json())]
        except (ValueError, TypeError) as error:
            return error_response(400, str(error))
        self.script(*steps)
        return web.json_response({"waiting": len(self._script)})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body, step, answered = await self.admit(request)
        if answered is not None:
            return answered
        reply = step.reply if step.reply is not None else self.responder(body)
        prompt = " ".join(str(message["content"]) for message in body["messages"])
        if body.get("stream"):
            return await self._stream(request, body, step, prompt, reply)
        await asyncio.sleep(self._pace(step) * count_tokens(reply))
        usage = self.bill(request, body, prompt, reply)
        finish = None if step.no_finish else step.finish_reason
        choice = {"index": 0, "message": {"role": "assistant", "content": reply}, "finish_reason": finish}
        return web.json_response({**envelope(body, "chat.completion"), "choices": [choice], "usage": usage})

    async def _stream(
        self, request: web.Request, body: Mapping[str, Any], step: Scripted, prompt: str, reply: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **step.headers})
        await response.prepare(request)
        options = cast("Mapping[str, Any]", body.get("stream_options") or {})
        pace, sent, complete = self._pace(step), list[str](), False

        async def send(choices: list[dict[str, Any]], **more: Any) -> None:
            if options.get("continuous_usage_stats"):
                more["usage"] = usage_of(count_tokens(prompt), count_tokens("".join(sent)))
            event = {**envelope(body, "chat.completion.chunk"), "choices": choices, **more}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())

        async def delta(content: str) -> None:
            if pace:
                await asyncio.sleep(pace)
            sent.append(content)
            await send([{"index": 0, "delta": {"content": content}, "finish_reason": None}])

        try:
            await send([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
            for n, word in enumerate(words_of(reply)):
                if n in (step.cut_after, step.hold_after, step.malformed_after, step.error_after):
                    # What is on its way arrives before what happens now.
                    await asyncio.sleep(pace)
                    if await self._mishap(request, response, step, n):
                        return response
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
            usage = self.bill(request, body, prompt, "".join(sent), complete=complete)
        if options.get("include_usage"):
            await send([], usage=usage)
        if step.no_done:
            await asyncio.Event().wait()
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _mishap(self, request: web.Request, response: web.StreamResponse, step: Scripted, word: int) -> bool:
        """Does what is scripted before a word; true when the stream ends there."""
        if step.cut_after == word:
            cut(request)
            return True
        if step.error_after == word:
            error = {"error": {"message": "scripted", "code": 502}}
            await response.write(f"data: {json.dumps(error)}\n\n".encode())
            return True
        if step.malformed_after == word:
            await response.write(b'data: {"choices": [{"delta": {"content": \n\n')
        if step.hold_after == word:
            await asyncio.Event().wait()
        return False

    def _pace(self, step: Scripted) -> float:
        return self.word_seconds if step.word_seconds is None else step.word_seconds
