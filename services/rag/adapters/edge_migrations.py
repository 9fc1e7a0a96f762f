"""Migrations of the embedded index. Its stamp is on the card beside it; opening the index brings it up."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from libs.common.migrations.finding import Finding
from libs.common.migrations.runner import Store
from libs.common.migrations.stamp import Progress, Stamp
from libs.common.migrations.step import Piece
from services.rag.adapters.qdrant_edge_shard import (
    MIN_READER,
    lacks_words,
    open_shard,
    read_card,
    read_stamp,
    take_lock,
    write_stamp,
)

NAME = "passages"


class EdgeWords:
    """A Migration: an index from before there was a search by words, or of other words, gets those of its passages."""

    number = 1
    name = "words"
    does = "Writes the words of all passages, for the search by words."

    def __init__(self, folder: Path, *, embedder_id: str, dimensions: int) -> None:
        self._folder = folder
        self._embedder_id = embedder_id
        self._dimensions = dimensions

    async def size(self) -> int:
        """See Migration."""
        return 1

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration. How many passages there are is not said by a dry run, since opening an index writes to it."""
        del after
        if not lacks_words(self._folder):
            return Piece(walked=1)
        if not is_dry:
            shard, _ = open_shard(self._folder, self._embedder_id, self._dimensions)
            shard.close()
        return Piece(walked=1, changes={"indexes": 1})


class EdgeBook:
    """A StampBook of one folder; the lock is the one that the rag service holds while it runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: IO[bytes] | None = None

    async def read(self) -> Stamp | None:
        """See StampBook."""
        return read_stamp(self._folder)

    async def claim(self, runner: str) -> Progress:
        """See StampBook. Raises PreconditionFailed (INDEX_LOCKED) while a service runs on the folder."""
        del runner
        self._lock = take_lock(self._folder)
        return Progress()

    async def keep(self, progress: Progress) -> None:
        """See StampBook. The lock lasts as long as the process, and a step begins anew."""

    async def write(self, stamp: Stamp) -> None:
        """See StampBook."""
        write_stamp(self._folder, stamp)

    async def release(self) -> None:
        """See StampBook."""
        if self._lock is not None:
            self._lock.close()


def edge_store(folder: Path, *, embedder_id: str, dimensions: int) -> Store:
    """Returns the index in a folder, which must be there."""

    async def inspect(is_dry: bool) -> Sequence[Finding]:
        del is_dry
        recorded = str(read_card(folder).get("embedder_id", ""))
        if recorded in ("", embedder_id):
            return [Finding("fact", f"index in {folder}, embedder {recorded or 'unknown'}")]
        return [
            Finding(
                "refusal",
                f"its vectors were made by the embedder {recorded!r} and the settings name {embedder_id!r}: set the "
                "embedder back, or index the documents again in a new place",
            )
        ]

    words = EdgeWords(folder, embedder_id=embedder_id, dimensions=dimensions)
    return Store(NAME, EdgeBook(folder), (words,), inspect, MIN_READER)
