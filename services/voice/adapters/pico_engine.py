"""SVOX Pico by its own C functions: one engine for one language, text in, 16 kHz samples out."""

import ctypes
import importlib.util
import sys
from collections.abc import Generator
from pathlib import Path

SAMPLE_RATE_HZ = 16_000

_STATUS_OK = 0
_STEP_IDLE = 200
_STEP_BUSY = 201
_RESET_FULL = 0
_RESET_SOFT = 0x10
# What the engine says it needs for one voice; it allocates nothing beside it.
_MEMORY_BYTES = 3 << 20
_VOICE = b"Repartee"
_NAME_BYTES = 200
# The engine hands out 64 samples a step; a larger buffer saves no calls.
_STEP_BYTES = 128
_DEBIAN_LANGUAGES = Path("/usr/share/pico/lang")


class PicoError(RuntimeError):
    """The engine refused a call."""


def find_library() -> Path | None:
    """Returns the shared object that the `ttspico` package compiled, or None."""
    spec = importlib.util.find_spec("ctts")
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def find_languages() -> dict[str, tuple[Path, Path]]:
    """Returns text analysis and signal generation files by language, such as `fr-FR`; empty when none is installed."""
    spec = importlib.util.find_spec("ttspico")
    homes = [_DEBIAN_LANGUAGES, Path(sys.prefix) / "languages"]
    if spec is not None and spec.origin is not None:
        homes.append(Path(spec.origin).parent / "languages")
    found: dict[str, tuple[Path, Path]] = {}
    for home in homes:
        for analysis in sorted(home.glob("*_ta.bin")):
            language = analysis.name.removesuffix("_ta.bin")
            signal = next(iter(sorted(home.glob(f"{language}_*_sg.bin"))), None)
            if signal is not None:
                found[language] = (analysis, signal)
    return found


class PicoEngine:
    """One voice. Not for two threads at once; different engines share nothing."""

    def __init__(self, library: Path, files: tuple[Path, Path]) -> None:
        # CDLL, not PyDLL: every step of about 30 µs runs without the interpreter's lock.
        self._c = ctypes.CDLL(str(library))
        self._memory = ctypes.create_string_buffer(_MEMORY_BYTES)
        self._system = ctypes.c_void_p()
        self._resources: list[ctypes.c_void_p] = []
        self._engine = ctypes.c_void_p()
        self._call("pico_initialize", self._memory, ctypes.c_uint32(_MEMORY_BYTES), ctypes.byref(self._system))
        self._call("pico_createVoiceDefinition", self._system, _VOICE)
        for path in files:
            self._load(path)
        self._call("pico_newEngine", self._system, _VOICE, ctypes.byref(self._engine))

    def speak(self, text: str) -> Generator[bytes, None, None]:
        """Yields native-endian 16-bit PCM in pieces of 4 ms; closing it throws away what is not spoken yet.

        `text` holds no markup and no NUL. Raises PicoError.
        """
        # The NUL says that no more text follows, so that the last sentence is spoken too.
        rest = text.encode() + b"\0"
        buffer = ctypes.create_string_buffer(_STEP_BYTES)
        taken, received, kind = ctypes.c_int16(), ctypes.c_int16(), ctypes.c_int16()
        finished = False
        try:
            while rest:
                size = ctypes.c_int16(min(len(rest), 32_000))
                self._call("pico_putTextUtf8", self._engine, rest, size, ctypes.byref(taken))
                rest = rest[taken.value :]
                status = _STEP_BUSY
                while status == _STEP_BUSY:
                    status = self._c.pico_getData(
                        self._engine, buffer, ctypes.c_int16(_STEP_BYTES), ctypes.byref(received), ctypes.byref(kind)
                    )
                    if received.value:
                        yield buffer.raw[: received.value]
                if status != _STEP_IDLE:
                    self._c.pico_resetEngine(self._engine, ctypes.c_int32(_RESET_FULL))
                    raise PicoError(f"pico_getData answered {status}")
            finished = True
        finally:
            if not finished:
                self._c.pico_resetEngine(self._engine, ctypes.c_int32(_RESET_SOFT))

    def close(self) -> None:
        """Frees the engine; it cannot speak any more."""
        if self._engine:
            self._c.pico_disposeEngine(self._system, ctypes.byref(self._engine))
        self._c.pico_releaseVoiceDefinition(self._system, _VOICE)
        for resource in self._resources:
            self._c.pico_unloadResource(self._system, ctypes.byref(resource))
        self._resources.clear()
        if self._system:
            self._c.pico_terminate(ctypes.byref(self._system))

    def _load(self, path: Path) -> None:
        resource, name = ctypes.c_void_p(), ctypes.create_string_buffer(_NAME_BYTES)
        self._call("pico_loadResource", self._system, str(path).encode(), ctypes.byref(resource))
        self._resources.append(resource)
        self._call("pico_getResourceName", self._system, resource, name)
        self._call("pico_addResourceToVoiceDefinition", self._system, _VOICE, name)

    def _call(self, function: str, *arguments: object) -> None:
        status = getattr(self._c, function)(*arguments)
        if status != _STATUS_OK:
            raise PicoError(f"{function} answered {status}")
