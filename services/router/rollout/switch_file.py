"""The watched file of the switch: looked at again and again, believed only when it is clear."""

import asyncio
import logging
from pathlib import Path

from libs.common.errors import InvalidRequest
from services.router.rollout.switch_word import SWITCH, read_switch_file

_LOG = logging.getLogger(__name__)
_MAX_BYTES = 64 * 1024


class SwitchFile:
    """A file or a folder with a file named USE_HYBRID_BOTLIVE, as a ConfigMap is mounted.

    The whole content is read and compared each time: it is small, and neither a swapped link nor a coarse clock of a
    file system can hide a change. While the file is empty, away or unclear, what it said last goes on holding: that is
    how a file looks while somebody writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: bytes | None = None
        self._complained_of: bytes | None = None
        self.says: bool | None = None

    @property
    def path(self) -> Path:
        """What is watched."""
        return self._path

    async def open(self) -> bool | None:
        """Returns what the file says at the start, None when it is not there yet. Raises InvalidRequest."""
        content = await asyncio.to_thread(self._read)
        if content is not None and content.strip():
            self._take(content)
        return self.says

    async def changed(self) -> bool:
        """Looks at the file; returns whether it says something else than before. A wrong word is logged once."""
        content = await asyncio.to_thread(self._read)
        if content is None or not content.strip() or content == self._seen:
            return False
        before = self.says
        try:
            self._take(content)
        except InvalidRequest as problem:
            if content != self._complained_of:
                self._complained_of = content
                _LOG.error("%s The switch stays as it was.", problem.message)
            return False
        return self.says is not before

    def _take(self, content: bytes) -> None:
        self.says = read_switch_file(content.decode(errors="replace"), place=str(self._file()))
        self._seen, self._complained_of = content, None

    def _file(self) -> Path:
        return self._path / SWITCH if self._path.is_dir() else self._path

    def _read(self) -> bytes | None:
        try:
            with self._file().open("rb") as file:
                return file.read(_MAX_BYTES)
        except OSError:
            return None
