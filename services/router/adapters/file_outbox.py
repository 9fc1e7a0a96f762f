"""Waiting turns in a file that is synced to the disk before a turn counts as held: a killed process loses none."""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from services.router.adapters.outbox_frames import read_frames, write_frame
from services.router.outbox import Waiting

_log = logging.getLogger(__name__)

# Processes of one machine that may share a folder.
_MAX_PLACES = 64


@dataclass(slots=True)
class _Write:
    """Something to do to the file, and who waits for it: a frame to add, or all turns that it shall hold."""

    frame: bytes = b""
    all_turns: Sequence[Waiting] | None = None
    done: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class FileOutbox:
    """An `Outbox` of at most `max_bytes` in a folder; `open` makes one, `aclose` ends it.

    Each process writes a file of its own, `N.journal`, which it alone has locked. Turns that come at the same time are
    written and synced together, in a thread. The file is readable by its owner alone.
    """

    def __init__(self, journal: Path, lock: int, *, max_bytes: int) -> None:
        self._journal = journal
        self._lock = lock
        self._max_bytes = max_bytes
        self._file = _open_file(journal)
        self._size_bytes = os.fstat(self._file).st_size
        self._writes: list[_Write] = []
        self._writing: asyncio.Task[None] | None = None
        self._is_failing = False

    @classmethod
    def open(
        cls, folder: Path, *, max_bytes: int = 64 << 20, clock: Callable[[], float] = time.time
    ) -> tuple[Self, Sequence[Waiting]]:
        """Returns an outbox in `folder`, and the turns that processes which are gone left there, oldest first.

        A file that is damaged is set aside as `N.damaged-TIME` and its readable turns are taken; the log says so.
        Raises OSError when the folder cannot be used.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free: list[tuple[int, int]] = []
        for number in range(_MAX_PLACES):
            # The first place that is free is ours, and what lies in other places that nobody holds.
            if not free or (folder / f"{number}.lock").exists():
                taken = _lock(folder / f"{number}.lock")
                free += [(number, taken)] if taken is not None else []
        if not free:
            raise BlockingIOError(f"{_MAX_PLACES} processes use the folder already")
        (own, lock), *others = free
        try:
            left = [turn for number, _ in free for turn in _left(folder / f"{number}.journal", clock)]
            left.sort(key=lambda turn: turn.since)
            journal = folder / f"{own}.journal"
            # Whole in one file before the others go: a crash in between leaves a turn twice, which is kept once.
            _replace(journal, b"".join(map(write_frame, left)))
            for number, _ in others:
                (folder / f"{number}.journal").unlink(missing_ok=True)
            return cls(journal, lock, max_bytes=max_bytes), left
        finally:
            for _, other in others:
                os.close(other)

    @property
    def outlives_process(self) -> bool:
        """False while the disk refuses what is written to it."""
        return not self._is_failing

    async def append(self, turn: Waiting) -> bool:
        """Returns True once the turn is on the disk."""
        frame = write_frame(turn)
        if self._size_bytes + len(frame) > self._max_bytes:
            return False
        self._size_bytes += len(frame)
        return await self._do(_Write(frame=frame))

    async def keep_only(self, turns: Sequence[Waiting]) -> bool:
        """Returns True once the file holds these turns and nothing else."""
        if not turns and not self._size_bytes:
            return True
        self._size_bytes = 0
        return await self._do(_Write(all_turns=turns))

    async def aclose(self) -> None:
        """Waits for what is being written, and lets another process have the file."""
        if self._writing is not None:
            await self._writing
        os.close(self._file)
        os.close(self._lock)

    async def _do(self, write: _Write) -> bool:
        self._writes.append(write)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="outbox-writes")
        # A caller that gives up takes its turn back from nobody.
        return await asyncio.shield(write.done)

    async def _write_all(self) -> None:
        while self._writes:
            batch, self._writes = self._writes, []
            try:
                await asyncio.to_thread(self._apply, batch)
            except OSError as error:
                if not self._is_failing:
                    _log.error("turns that wait for the store cannot be written to the disk (%s)", error.strerror)
                self._is_failing = True
            else:
                self._is_failing = False
            self._size_bytes = os.fstat(self._file).st_size + sum(len(write.frame) for write in self._writes)
            for write in batch:
                if not write.done.cancelled():
                    write.done.set_result(not self._is_failing)

    def _apply(self, batch: Sequence[_Write]) -> None:
        last = max((index for index, write in enumerate(batch) if write.all_turns is not None), default=0)
        frames = b"".join(write.frame for write in batch[last:])
        turns = batch[last].all_turns
        if turns is not None:
            _replace(self._journal, b"".join(map(write_frame, turns)) + frames)
            os.close(self._file)
            self._file = _open_file(self._journal)
            return
        size_bytes = os.fstat(self._file).st_size
        try:
            _write_whole(self._file, frames)
            os.fsync(self._file)
        except OSError:
            # Half a frame would hide the ones that come after it.
            os.ftruncate(self._file, size_bytes)
            raise


def _lock(path: Path) -> int | None:
    """Returns the lock, held, or None when another process holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _left(journal: Path, clock: Callable[[], float]) -> Sequence[Waiting]:
    try:
        content = journal.read_bytes()
    except FileNotFoundError:
        return ()
    found = read_frames(content)
    if found.is_cut:
        _log.warning("the last turn in %s was cut short and never said to be kept; it is left out", journal.name)
    if found.damage:
        aside = journal.with_suffix(f".damaged-{clock():.0f}")
        _write_new(aside, content)
        _log.error(
            "%s is damaged: %s. %d turns before that are taken; the file is set aside as %s, and holds customers' "
            "messages: delete it once it has been looked at.",
            journal.name,
            found.damage,
            len(found.turns),
            aside.name,
        )
    return found.turns


def _open_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _write_whole(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _write_new(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _write_whole(file, content)
        os.fsync(file)
    finally:
        os.close(file)


def _replace(path: Path, content: bytes) -> None:
    """Writes `path` so that a crash leaves the old content or the new one, and nothing between."""
    draft = path.with_suffix(".draft")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    _write_new(draft, content)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
