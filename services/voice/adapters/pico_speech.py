"""The local voice: SVOX Pico, in worker threads, speaking while it synthesises."""

import re
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path

from libs.common.errors import Unavailable
from services.voice.adapters import pico_engine
from services.voice.adapters.pico_engine import PicoEngine, PicoError
from services.voice.adapters.synthesis_thread import Emit, stream_from_thread
from services.voice.audio import Samples
from services.voice.voices import VoiceState

# The languages that Pico speaks well enough on a telephone line, each with its first choice.
_VOICES_BY_LANGUAGE = {"fr": ("fr-FR",), "en": ("en-GB", "en-US")}
# Left to itself Pico speaks like a dictation; on the phone that makes every filler, and with it every answer, late.
_SPEED_PERCENT = 110
# Pico reads `<…>` as markup, knows no letters beyond Latin-1, and gives up on words and numbers without an end.
_NOT_SPOKEN = re.compile(r"[^\w\s.,;:!?'’()\"«»%+=/&€$°@#…–—-]|_")
_ENDLESS = re.compile(r"(\d{12}(?=\d)|\S{60}(?=\S))")
_BEYOND_LATIN = re.compile(r"[^\u0000-\u00ff\u0152\u0153\u20ac\u2019\u2026\u2013\u2014]")


class PicoSpeech:
    """Speaks French and English at no cost; first audio after a few milliseconds.

    Each worker thread keeps one engine (3 MB) for each language that it has spoken.
    """

    name = "pico"
    is_paid = False
    model = f"svox-pico-{_SPEED_PERCENT}"

    def __init__(self, *, threads: int = 2) -> None:
        self._library = pico_engine.find_library()
        self._files = pico_engine.find_languages()
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="pico")
        self._engines = threading.local()
        self._all_engines: list[PicoEngine] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def state(self) -> VoiceState:
        """Says whether the compiled package is there."""
        if self._library is None:
            detail = "No compiler was there for the local voice (Pico): install gcc, then the `local-voice` extra."
            return VoiceState(False, "PICO_NOT_INSTALLED", detail)
        if not self._files:
            detail = "The local voice (Pico) has no language files: reinstall the `local-voice` extra."
            return VoiceState(False, "PICO_NOT_INSTALLED", detail)
        return VoiceState(True)

    def voice_for(self, locale: str, asked: str) -> str | None:
        """Returns `asked`, the very locale or the language's first choice; None for other languages than fr and en."""
        language = locale.partition("-")[0]
        voices = [voice for voice in _VOICES_BY_LANGUAGE.get(language, ()) if voice in self._files]
        if asked:
            return asked if asked in voices else None
        return locale if locale in voices else next(iter(voices), None)

    async def stream(
        self,
        text: str,
        *,
        locale: str,  # noqa: ARG002 - the port's; the voice says it
        voice: str,
        sample_rate_hz: int,
    ) -> AsyncGenerator[Samples, None]:
        """Speaks `text`; raises Unavailable (PICO_FAILED)."""
        library, files, spoken = self._library, self._files.get(voice), _paced(text)
        if library is None or files is None:
            raise Unavailable("PICO_NOT_INSTALLED", f"The local voice {voice!r} is not installed.")

        def synthesise(emit: Emit) -> None:
            # An engine that choked on the text before stays silent or fails once on this one: a fresh one decides.
            if not self._speak(library, files, voice, spoken, emit):
                self._discard(voice)
                self._speak(library, files, voice, spoken, emit)

        pieces = stream_from_thread(
            self._executor, synthesise, from_hz=pico_engine.SAMPLE_RATE_HZ, to_hz=sample_rate_hz
        )
        try:
            async with aclosing(pieces):
                async for samples in pieces:
                    yield samples
        except PicoError as error:
            raise Unavailable("PICO_FAILED", "The local voice could not speak this.") from error

    async def aclose(self) -> None:
        """Stops what still speaks and frees the engines."""
        self._closing.set()
        self._executor.shutdown(wait=True, cancel_futures=True)
        while self._all_engines:
            self._all_engines.pop().close()

    def _speak(self, library: Path, files: tuple[Path, Path], voice: str, spoken: str, emit: Emit) -> bool:
        """Returns False when nothing was heard; raises PicoError without an engine, or when it broke off amid audio."""
        heard = False
        engine = self._engine(library, files, voice)
        try:
            with closing(engine.speak(spoken)) as pieces:
                for piece in pieces:
                    heard = True
                    if self._closing.is_set() or not emit(piece):
                        break
        except PicoError:
            if heard:
                self._discard(voice)
                raise
        return heard

    def _discard(self, voice: str) -> None:
        engine: PicoEngine = self._engines.by_voice.pop(voice)
        with self._lock:
            self._all_engines.remove(engine)
        engine.close()

    def _engine(self, library: Path, files: tuple[Path, Path], voice: str) -> PicoEngine:
        engines: dict[str, PicoEngine] = self._engines.__dict__.setdefault("by_voice", {})
        if voice not in engines:
            engines[voice] = PicoEngine(library, files)
            with self._lock:
                self._all_engines.append(engines[voice])
        return engines[voice]


def plain_text(text: str) -> str:
    """Returns what Pico may be given: no markup, no control characters, no letters that it does not know."""
    latin = _BEYOND_LATIN.sub(" ", text)
    return _ENDLESS.sub(r"\1 ", _NOT_SPOKEN.sub(" ", latin).replace("\x00", " "))


def _paced(text: str) -> str:
    spoken = plain_text(text)
    return f'<speed level="{_SPEED_PERCENT}">{spoken}</speed>' if spoken.strip() else spoken
