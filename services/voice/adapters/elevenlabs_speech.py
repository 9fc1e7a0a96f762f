"""The paid voice: ElevenLabs, streamed over HTTP."""

import asyncio
import importlib.util
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from libs.common.errors import Unavailable
from services.voice.audio import Samples, decode_mulaw
from services.voice.voices import VoiceState

if TYPE_CHECKING:
    import httpx
    from elevenlabs.client import AsyncElevenLabs

    # What carries the requests, the SDK on top of it, and the errors that the two raise.
    _Client = tuple[httpx.AsyncClient, AsyncElevenLabs, tuple[type[Exception], ...]]

_LOG = logging.getLogger(__name__)
_PIECE_BYTES = 1_024
# 429 counts generations under way: the next one may well be let in.
_RATE_LIMITED_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 600.0
# What begins other kinds of answers than the samples that were asked for: MP3, WAV, Ogg.
_OTHER_AUDIO = (b"ID3", b"\xff\xfb", b"RIFF", b"OggS")


@dataclass(frozen=True, slots=True)
class ElevenLabsOptions:
    """How to reach ElevenLabs and how long to wait for it."""

    voice: str
    model: str = "eleven_turbo_v2_5"
    base_url: str | None = None
    # From the request to the first audio, and between two pieces of it.
    first_byte_seconds: float = 0.6
    gap_seconds: float = 0.4
    # A plan allows so many generations at once; more are answered 429.
    max_concurrent: int = 4
    # Ask for µ-law where 8 kHz are wanted: half the bytes.
    mulaw: bool = False


class ElevenLabsSpeech:
    """Speaks every language of its model; billed by the character. Without an `api_key` it says so and never speaks."""

    name = "elevenlabs"
    is_paid = True

    def __init__(self, *, api_key: str | None, options: ElevenLabsOptions) -> None:
        self.model = options.model
        self._options = options
        self._state = _state(api_key)
        # The connection pool is as large: a cancelled request must never leave another one waiting for a connection.
        self._slots = asyncio.Semaphore(options.max_concurrent)
        self._errors: tuple[type[Exception], ...] = ()
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncElevenLabs | None = None
        if self._state.can_speak and api_key:
            self._http, self._client, self._errors = _open_client(api_key, options)

    def state(self) -> VoiceState:
        """Says whether a key and the SDK are there."""
        return self._state

    def voice_for(self, locale: str, asked: str) -> str | None:  # noqa: ARG002 - the port's
        """Returns `asked`, or the configured voice; every voice speaks every language."""
        return asked or self._options.voice

    async def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        """Speaks `text`.

        Raises Unavailable: ELEVENLABS_NOT_CONFIGURED, ELEVENLABS_BUSY, ELEVENLABS_RATE_LIMITED, ELEVENLABS_REFUSED,
        ELEVENLABS_SERVER_ERROR, ELEVENLABS_UNREACHABLE, ELEVENLABS_SLOW, ELEVENLABS_STALLED, ELEVENLABS_BROKEN,
        ELEVENLABS_GARBAGE, ELEVENLABS_EMPTY.
        """
        if self._client is None:
            raise Unavailable("ELEVENLABS_NOT_CONFIGURED", "ElevenLabs is not configured.")
        try:
            async with asyncio.timeout(self._options.first_byte_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("ELEVENLABS_BUSY", "Every ElevenLabs slot of this process is taken.") from None
        is_mulaw = self._options.mulaw and sample_rate_hz == 8_000
        try:
            audio = self._client.text_to_speech.stream(
                voice,
                text=text,
                model_id=self._options.model,
                language_code=locale.partition("-")[0],
                output_format="ulaw_8000" if is_mulaw else f"pcm_{sample_rate_hz}",
                request_options={"max_retries": 0, "chunk_size": _PIECE_BYTES},
            )
            watched = self._watched(audio, bytes_per_second=sample_rate_hz * (1 if is_mulaw else 2))
            async with aclosing(cast("AsyncGenerator[bytes, None]", audio)), aclosing(watched) as pieces:
                odd = b""
                async for piece in pieces:
                    whole = odd + piece
                    odd = b"" if is_mulaw else whole[len(whole) - len(whole) % 2 :]
                    samples = _samples(whole[: len(whole) - len(odd)], is_mulaw=is_mulaw)
                    if len(samples):
                        yield samples
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _watched(self, audio: AsyncIterator[bytes], *, bytes_per_second: int) -> AsyncGenerator[bytes, None]:
        """Yields what comes; fails when a listener in real time would hear a gap of more than `gap_seconds`."""
        received, waited = 0, 0.0
        while True:
            timeout = self._options.gap_seconds if received else self._options.first_byte_seconds
            begun = time.monotonic()
            try:
                async with asyncio.timeout(timeout):
                    piece = await anext(audio, None)
            except TimeoutError:
                reason = "ELEVENLABS_STALLED" if received else "ELEVENLABS_SLOW"
                raise Unavailable(reason, f"ElevenLabs sent nothing for {timeout:g} s.") from None
            except self._errors as error:
                raise _failure(error) from error
            if piece is None:
                break
            if not received and _is_garbage(piece):
                raise Unavailable("ELEVENLABS_GARBAGE", "ElevenLabs answered with something else than samples.")
            # Waiting for the first piece is no gap, and pieces that come together make up for one that is late.
            waited += time.monotonic() - begun if received else 0.0
            if waited > received / bytes_per_second + self._options.gap_seconds:
                raise Unavailable("ELEVENLABS_STALLED", "ElevenLabs sends slower than it is listened to.")
            received += len(piece)
            yield piece
        if not received:
            raise Unavailable("ELEVENLABS_EMPTY", "ElevenLabs answered without audio.")


def _samples(coded: bytes, *, is_mulaw: bool) -> Samples:
    return decode_mulaw(coded) if is_mulaw else np.frombuffer(coded, dtype="<i2").astype(np.int16)


def _is_garbage(piece: bytes) -> bool:
    # Samples of speech, or of silence, do not read as a page or a JSON document.
    head = piece[:64]
    return head.startswith(_OTHER_AUDIO) or (
        len(head) > 1 and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in head)
    )


def _state(api_key: str | None) -> VoiceState:
    if not api_key:
        detail = "ElevenLabs has no key: set REPARTEE_ELEVENLABS_API_KEY for a better voice."
        return VoiceState(False, "ELEVENLABS_NOT_CONFIGURED", detail)
    if importlib.util.find_spec("elevenlabs") is None:
        return VoiceState(False, "ELEVENLABS_NOT_INSTALLED", "The `elevenlabs` package is missing: install it.")
    return VoiceState(True)


def _open_client(api_key: str, options: ElevenLabsOptions) -> "_Client":
    # Imported only when it is used: the SDK takes a second to load.
    import httpx  # noqa: PLC0415
    from elevenlabs.client import AsyncElevenLabs  # noqa: PLC0415
    from elevenlabs.core.api_error import ApiError  # noqa: PLC0415

    limits = httpx.Limits(max_connections=options.max_concurrent, max_keepalive_connections=options.max_concurrent)
    timeout = httpx.Timeout(options.first_byte_seconds + options.gap_seconds)
    http = httpx.AsyncClient(limits=limits, timeout=timeout, follow_redirects=False)
    client = AsyncElevenLabs(api_key=api_key, base_url=options.base_url, httpx_client=http)
    return http, client, (ApiError, httpx.HTTPError, httpx.StreamError)


def _failure(error: Exception) -> Unavailable:
    """Maps what the SDK raised; an error without a status is no answer of the API but a broken connection."""
    status: int | None = getattr(error, "status_code", None)
    if status is None and type(error).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout"):
        return Unavailable("ELEVENLABS_UNREACHABLE", "No connection to ElevenLabs could be made.")
    if status is None:
        _LOG.warning("ElevenLabs broke off: %s", type(error).__name__)
        return Unavailable("ELEVENLABS_BROKEN", "The connection to ElevenLabs broke.")
    if status == 429:
        return Unavailable(
            "ELEVENLABS_RATE_LIMITED",
            "ElevenLabs has too many generations of this key.",
            retry_after_seconds=_retry_after(error) or _RATE_LIMITED_SECONDS,
        )
    if status >= 500:
        return Unavailable(
            "ELEVENLABS_SERVER_ERROR", f"ElevenLabs answered {status}.", retry_after_seconds=_retry_after(error)
        )
    _LOG.warning("ElevenLabs refused with %d: check the key, the voice and the model", status)
    return Unavailable("ELEVENLABS_REFUSED", f"ElevenLabs answered {status}: check the key, the voice and the model.")


def _retry_after(error: Exception) -> float | None:
    """Returns the seconds of a `Retry-After` header; a date there is not read."""
    headers: dict[str, str] = getattr(error, "headers", None) or {}
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(asked), _LONGEST_RETRY_SECONDS) if asked.isdecimal() else None
