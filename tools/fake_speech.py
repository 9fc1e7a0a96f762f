"""A double of ElevenLabs' streaming API on loopback, as slow as the real one, with a made-up voice."""

import asyncio
import secrets
from random import Random
from typing import Self

import numpy as np
from aiohttp import web

API_KEY = "double-key"
"""The only key it takes."""

# First audio of the fast models as measured from Europe in public reports: about 300 ms, now and then much more.
_FIRST_AUDIO_SECONDS, _SPREAD_SECONDS = 0.28, 0.06
_SLOW_SHARE, _SLOW_SECONDS = 0.1, 0.25
# It makes speech faster than people listen to it.
_TIMES_REAL_TIME = 5.0
_PIECE_SECONDS = 0.1
_CHARACTERS_PER_SECOND = 15.0


class FakeSpeech:
    """Use as an async context manager. The same `seed` gives the same latencies in the same order."""

    def __init__(self, *, seed: int = 7) -> None:
        # Latencies that can be repeated, nothing secret.
        self._random = Random(seed)  # noqa: S311
        self.base_url = ""
        self.requests = 0
        self.characters = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/text-to-speech/{voice_id}/stream", self._speak)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if not secrets.compare_digest(request.headers.get("xi-api-key", ""), API_KEY):
            return web.json_response({"detail": {"status": "invalid_api_key"}}, status=401)
        coding, _, rate_text = request.query.get("output_format", "").partition("_")
        if coding != "pcm":
            return web.json_response({"detail": {"status": "invalid_output_format"}}, status=422)
        text = str((await request.json())["text"])
        self.requests += 1
        self.characters += len(text)
        await asyncio.sleep(self._first_audio_seconds())
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        speech = _babble(len(text) / _CHARACTERS_PER_SECOND, int(rate_text))
        size = int(int(rate_text) * _PIECE_SECONDS)
        for at in range(0, len(speech), size):
            await response.write(speech[at : at + size].astype("<i2").tobytes())
            await asyncio.sleep(_PIECE_SECONDS / _TIMES_REAL_TIME)
        await response.write_eof()
        return response

    def _first_audio_seconds(self) -> float:
        slow = _SLOW_SECONDS if self._random.random() < _SLOW_SHARE else 0.0
        return _FIRST_AUDIO_SECONDS + self._random.uniform(-_SPREAD_SECONDS, _SPREAD_SECONDS) + slow


def _babble(seconds: float, rate: int) -> np.ndarray:
    """Returns a buzz at the pitch of a voice, in four syllables a second."""
    time = np.arange(int(max(seconds, 0.3) * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 20))
    return 9_000 * buzz * np.clip(np.sin(2 * np.pi * 2 * time), 0.05, 1)
