"""The last-resort local voice: eSpeak NG in a process of its own, where Pico could not be compiled."""

import asyncio
import ctypes
import importlib.util
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np

from libs.common.errors import Unavailable
from services.voice.audio import Resampler, Samples, SilenceTrimmer
from services.voice.voices import VoiceState

_VOICES_BY_LANGUAGE = {"fr": ("fr",), "en": ("en", "en-us")}
_CHILD = Path(__file__).with_name("espeak_child.py")
_PIECE_BYTES = 4_096


def _find() -> tuple[str, str] | None:
    """Returns the library and the folder of its data, empty where the library knows it itself; or None."""
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        return str(home / "libespeak-ng.so"), str(home)
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return None
    return "libespeak-ng.so.1", ""


class EspeakSpeech:
    """Speaks French and English, hard to understand on a telephone line; a process of 10 MB for each text."""

    name = "espeak"
    is_paid = False
    model = "espeak-ng"

    def __init__(self, *, at_once: int = 2) -> None:
        self._found = _find()
        self._slots = asyncio.Semaphore(at_once)

    def state(self) -> VoiceState:
        """Says whether the library is there."""
        if self._found is None:
            return VoiceState(False, "ESPEAK_NOT_INSTALLED", "The last-resort voice (eSpeak NG) is missing too.")
        return VoiceState(True)

    def voice_for(self, locale: str, asked: str) -> str | None:
        """Returns `asked`, the very locale or the language's first choice; None for other languages than fr and en."""
        voices = _VOICES_BY_LANGUAGE.get(locale.partition("-")[0], ())
        if asked:
            return asked if asked in voices else None
        return locale.lower() if locale.lower() in voices else next(iter(voices), None)

    async def stream(
        self,
        text: str,
        *,
        locale: str,  # noqa: ARG002 - the port's; the voice says it
        voice: str,
        sample_rate_hz: int,
    ) -> AsyncGenerator[Samples, None]:
        """Speaks `text`; raises Unavailable (ESPEAK_NOT_INSTALLED, ESPEAK_FAILED)."""
        if self._found is None:
            raise Unavailable("ESPEAK_NOT_INSTALLED", "eSpeak NG is not installed.")
        async with self._slots:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_CHILD), *self._found, voice), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
            )
            # Both are there because both are pipes.
            to_child, from_child = cast(asyncio.StreamWriter, child.stdin), cast(asyncio.StreamReader, child.stdout)
            try:
                to_child.write(text.encode())
                to_child.close()
                rate = await from_child.readline()
                from_hz = int(rate) if rate.strip().isdigit() else sample_rate_hz
                trimmer, resampler = SilenceTrimmer(from_hz), Resampler(from_hz, sample_rate_hz)
                odd = b""
                while block := await from_child.read(_PIECE_BYTES):
                    whole = odd + block
                    odd = whole[len(whole) - len(whole) % 2 :]
                    heard = np.frombuffer(whole[: len(whole) - len(odd)], dtype=np.int16)
                    samples = resampler.push(trimmer.push(heard))
                    if len(samples):
                        yield samples
                if await child.wait() != 0:
                    raise Unavailable("ESPEAK_FAILED", "The last-resort voice could not speak this.")
                rest = resampler.push(trimmer.finish(), last=True)
                if len(rest):
                    yield rest
            finally:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()

    async def aclose(self) -> None:
        """Nothing to free: each text's process ends with its stream."""
