"""Migrations of the collection on a Qdrant server. Its stamp is in its metadata: a snapshot carries it along."""

from collections.abc import Sequence
from typing import Any

from qdrant_client import models

from libs.common.migrations.finding import Finding
from libs.common.migrations.runner import Store
from libs.common.migrations.stamp import Progress, Stamp, StampBook
from libs.common.migrations.step import Migration
from services.rag.adapters.qdrant_collection import COLLECTION, MIN_READER, read_stamp, recorded_embedder, stamped
from services.rag.adapters.qdrant_steps import Collection, MadeCollection, PayloadIndexes, TenantGraphs, Words

NAME = "passages"


class QdrantBook:
    """A StampBook: the stamp is in the collection's metadata, lock and progress in Redis, which has atomic steps.

    Without a Redis there is no lock. Two runners then do the same work twice, with the same result.
    """

    def __init__(self, collection: Collection, lock: StampBook | None) -> None:
        self._collection = collection
        self._lock = lock

    async def read(self) -> Stamp | None:
        """See StampBook."""
        found = await self._collection.found()
        return None if found is None else read_stamp(found)

    async def claim(self, runner: str) -> Progress:
        """See StampBook."""
        return Progress() if self._lock is None else await self._lock.claim(runner)

    async def keep(self, progress: Progress) -> None:
        """See StampBook."""
        if self._lock is not None:
            await self._lock.keep(progress)

    async def write(self, stamp: Stamp) -> None:
        """See StampBook."""
        await self.keep(Progress())
        mine, found = self._collection, await self._collection.found()
        known: dict[str, Any] = dict(found.config.metadata or {}) if found is not None else {}
        metadata = known | stamped(stamp)
        await mine.run(lambda: mine.client.update_collection(COLLECTION, metadata=metadata))

    async def release(self) -> None:
        """See StampBook."""
        if self._lock is not None:
            await self._lock.release()


def passages_store(collection: Collection, lock: StampBook | None) -> Store:
    """Returns the collection of passages."""

    async def inspect(is_dry: bool) -> Sequence[Finding]:
        del is_dry
        found = await collection.found()
        return [] if found is None else [_embedder(collection, found), *_dimensions(collection, found)]

    steps: Sequence[Migration] = tuple(
        kind(collection) for kind in (MadeCollection, PayloadIndexes, TenantGraphs, Words)
    )
    return Store(NAME, QdrantBook(collection, lock), steps, inspect, MIN_READER)


def _embedder(collection: Collection, found: models.CollectionInfo) -> Finding:
    recorded = recorded_embedder(found)
    if recorded == collection.embedder_id:
        return Finding("fact", f"collection {COLLECTION}, embedder {recorded}")
    return Finding(
        "refusal",
        f"its vectors were made by the embedder {recorded!r} and the settings name {collection.embedder_id!r}: set the "
        "embedder back, or index the documents again in a new place",
    )


def _dimensions(collection: Collection, found: models.CollectionInfo) -> Sequence[Finding]:
    vectors = found.config.params.vectors
    size = vectors.size if isinstance(vectors, models.VectorParams) else 0
    if size == collection.dimensions:
        return [Finding("fact", f"{size} dimensions")]
    return [
        Finding(
            "refusal",
            f"its vectors have {size or 'several'} dimensions and the settings' embedder makes {collection.dimensions}",
        )
    ]
