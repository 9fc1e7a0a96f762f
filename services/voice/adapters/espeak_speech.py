"""The last-resort local voice: eSpeak NG by its own C functions, for machines on which Pico could not be compiled."""

import ctypes
import importlib.util
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

from libs.common.errors import Unavailable
from services.voice.adapters.synthesis_thread import Emit, stream_from_thread
from services.voice.audio import Samples
from services.voice.voices import VoiceState

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_CHARACTERS_UTF8 = 1
_BUFFER_MS = 60
_STATUS_OK = 0
_VOICES_BY_LANGUAGE = {"fr": ("fr",), "en": ("en", "en-us")}
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(RuntimeError):
    """The library refused a call."""


def _find() -> tuple[str, str | None] | None:
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        return str(home / "libespeak-ng.so"), str(home)
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return None
    return "libespeak-ng.so.1", None


class EspeakSpeech:
    """Speaks French and English, hard to understand on a telephone line. The library is one per process: one thread."""

    name = "espeak"
    is_paid = False

    def __init__(self) -> None:
        self._found = _find()
        self._library: ctypes.CDLL | None = None
        self._sample_rate_hz = 22_050
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="espeak")
        self._closing = threading.Event()

    def state(self) -> VoiceState:
        """Says whether the library is there."""
        if self._found is None:
            return VoiceState(False, "ESPEAK_NOT_INSTALLED", "The last-resort voice (eSpeak NG) is not installed either.")
        return VoiceState(True)

    def voice_for(self, locale: str, asked: str) -> str | None:
        """Returns `asked`, the very locale or the language's first choice; None for other languages than fr and en."""
        voices = _VOICES_BY_LANGUAGE.get(locale.partition("-")[0], ())
        if asked:
            return asked if asked in voices else None
        return locale.lower() if locale.lower() in voices else next(iter(voices), None)

    async def stream(self, text: str, *, locale: str, voice: str, sample_rate_hz: int) -> AsyncGenerator[Samples, None]:
        """Speaks `text`; raises Unavailable (ESPEAK_NOT_INSTALLED, ESPEAK_FAILED)."""
        spoken = text.replace("\x00", " ").replace("<", " ").encode() + b"\0"
        try:
            if self._library is None:
                self._library = self._open()
            library = self._library
            pieces = stream_from_thread(
                self._executor,
                lambda emit: self._speak(library, spoken, voice, emit),
                from_hz=self._sample_rate_hz,
                to_hz=sample_rate_hz,
            )
            async with aclosing(pieces):
                async for samples in pieces:
                    yield samples
        except EspeakError as error:
            raise Unavailable("ESPEAK_FAILED", "The last-resort voice could not speak this.") from error

    async def aclose(self) -> None:
        """Stops what still speaks. The library's own memory stays until the process ends."""
        self._closing.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _open(self) -> ctypes.CDLL:
        if self._found is None:
            raise Unavailable("ESPEAK_NOT_INSTALLED", "eSpeak NG is not installed.")
        path, home = self._found
        library = ctypes.CDLL(path)
        rate = library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, None if home is None else home.encode(), 0
        )
        if rate <= 0:
            raise EspeakError(f"espeak_Initialize answered {rate}")
        self._sample_rate_hz = rate
        return library

    def _speak(self, library: ctypes.CDLL, text: bytes, voice: str, emit: Emit) -> None:
        def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
            if not samples or count <= 0:
                return 0
            wanted = emit(ctypes.string_at(samples, count * 2))
            return int(self._closing.is_set() or not wanted)

        # Kept alive until the library has returned.
        callback = _Callback(receive)
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()) != _STATUS_OK:
            raise EspeakError("espeak_SetVoiceByName refused the voice")
        status = library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, _CHARACTERS_UTF8, None, None)
        if status != _STATUS_OK:
            raise EspeakError(f"espeak_Synth answered {status}")
