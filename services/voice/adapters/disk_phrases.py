"""Phrases as files that several processes share: one line that says what it is, then 16-bit little-endian samples."""

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from libs.common.errors import Unavailable
from services.voice.phrase_store import PhraseAudio

_LOG = logging.getLogger(__name__)
_KIND = "repartee-phrase-1"
_SUFFIX = ".raw"
_LONGEST_HEADER_BYTES = 512
# Nothing that is said at once lasts so long: 10 minutes at 24 kHz.
_LARGEST_BYTES = 30 << 20


class DiskPhrases:
    """Files named by key below `folder`, each with the SHA-256 of its samples."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> PhraseAudio | None:
        """Returns the audio; a damaged file is named in the log and taken away, so that it is made again."""
        path = self._path(key)
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise ValueError("too large")
            return _read(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            _LOG.warning("phrase file %s is damaged (%s): it is taken away and made again", path, problem)
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def save(self, key: str, audio: PhraseAudio) -> None:
        """Writes beside the place and renames, so that no reader sees half a file."""
        path = self._path(key)
        samples = audio.samples.astype("<i2").tobytes()
        header = f"{_KIND} {audio.sample_rate_hz} {hashlib.sha256(samples).hexdigest()} {audio.voice}\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(header.encode() + samples)
                    file.flush()
                    os.fsync(file.fileno())
                Path(beside).replace(path)
            except BaseException:
                Path(beside).unlink(missing_ok=True)
                raise
        except OSError as error:
            _LOG.warning("phrase file %s cannot be written: %s", path, error.strerror)
            raise Unavailable("PHRASES_NOT_WRITABLE", "The folder of phrases cannot be written.") from error

    def newest(self, max_bytes: int) -> Iterator[tuple[str, PhraseAudio]]:
        """Yields the newest entries, newest first, up to `max_bytes` of files."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.glob(f"??/*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        room = max_bytes
        for _, size, path in sorted(found, reverse=True):
            room -= size
            if room < 0:
                return
            if (audio := self.load(path.stem)) is not None:
                yield path.stem, audio

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_SUFFIX}"


def _read(content: bytes) -> PhraseAudio:
    header, newline, samples = content.partition(b"\n")
    fields = header[:_LONGEST_HEADER_BYTES].decode(errors="replace").split(" ", 3)
    if not newline or len(fields) != 4 or fields[0] != _KIND or not fields[1].isdecimal():
        raise ValueError("no phrase of this version")
    if len(samples) % 2 or hashlib.sha256(samples).hexdigest() != fields[2]:
        raise ValueError("its checksum is not right")
    return PhraseAudio(np.frombuffer(samples, dtype="<i2").astype(np.int16), int(fields[1]), fields[3])
