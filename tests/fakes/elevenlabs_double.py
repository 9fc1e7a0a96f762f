"""A loopback HTTP server that speaks ElevenLabs' streaming protocol, with scripted failures."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from aiohttp import web

from services.voice.audio import encode_mulaw

API_KEY = "double-key"
_PIECE_MS = 64


@dataclass(frozen=True)
class Answer:
    """How one request is answered. Pieces are 64 ms of tone; `hang_after` never goes on, `die_after` drops the line.

    `garbage` is sent in place of audio; each piece waits for `piece_delay_seconds`.
    """

    status: int = 200
    hang_after: int | None = None
    die_after: int | None = None
    pieces: int | None = None
    retry_after: str = ""
    garbage: bytes = b""
    piece_delay_seconds: float = 0.0


@dataclass
class ElevenLabsDouble:
    """Use as an async context manager; `answers` are consumed request by request, then all goes well."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    base_url: str = ""
    in_flight: int = 0
    most_in_flight: int = 0
    # The vendor's own invoice: characters of every request that it began to speak, however it ended.
    invoiced_characters: int = 0

    async def __aenter__(self) -> Self:
        self._over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/text-to-speech/{voice_id}/stream", self._speak)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await self._runner.cleanup()

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("xi-api-key") != API_KEY:
            return web.json_response({"detail": {"status": "invalid_api_key"}}, status=401)
        body = await request.json()
        output_format = request.query.get("output_format", "mp3_44100_128")
        self.requests.append({"voice": request.match_info["voice_id"], "output_format": output_format, **body})
        answer = self.answers.pop(0) if self.answers else Answer()
        if answer.status != 200:
            headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
            return web.json_response({"detail": {"status": "scripted"}}, status=answer.status, headers=headers)
        self.invoiced_characters += len(body["text"])
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._stream(request, answer, output_format, body["text"])
        except (asyncio.CancelledError, ConnectionResetError):
            self.dropped.set()
            raise
        finally:
            self.in_flight -= 1

    async def _stream(self, request: web.Request, answer: Answer, output_format: str, text: str) -> web.StreamResponse:
        coding, rate = output_format.split("_")
        assert coding in ("pcm", "ulaw")
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        if answer.garbage:
            await response.write(answer.garbage)
            await response.write_eof()
            return response
        size = int(rate) * _PIECE_MS // 1_000
        count = max(1, len(text) * 66 // _PIECE_MS) if answer.pieces is None else answer.pieces
        for piece in range(count):
            if piece == answer.hang_after:
                await self._over.wait()
            if piece == answer.die_after:
                assert request.transport is not None
                request.transport.abort()
                return response
            await asyncio.sleep(answer.piece_delay_seconds)
            time = (np.arange(size) + piece * size) / int(rate)
            tone = (8_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
            await response.write(encode_mulaw(tone) if coding == "ulaw" else tone.astype("<i2").tobytes())
        await response.write_eof()
        return response
