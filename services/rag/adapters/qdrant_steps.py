"""The steps that bring the collection on a Qdrant server to this version, each from what the server says of it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from libs.common.errors import PreconditionFailed, Unavailable
from libs.common.migrations.step import Piece
from services.rag.adapters.payload import SPARSE
from services.rag.adapters.qdrant_collection import (
    COLLECTION,
    GRAPHS,
    WORDS,
    create,
    fill_words,
    has_words,
    make_indexes,
    missing_indexes,
    passages,
    wordless,
)

_T = TypeVar("_T")


class Collection:
    """The collection as migrations see it. `quantized` counts for one that is made new."""

    def __init__(
        self, client: AsyncQdrantClient, *, embedder_id: str, dimensions: int, quantized: bool = False
    ) -> None:
        self.client = client
        self.embedder_id = embedder_id
        self.dimensions = dimensions
        self.quantized = quantized

    async def found(self) -> models.CollectionInfo | None:
        """Returns what the server says of it, None where there is none."""
        if not await self.run(lambda: self.client.collection_exists(COLLECTION)):
            return None
        return await self.run(lambda: self.client.get_collection(COLLECTION))

    async def run(self, operation: Callable[[], Awaitable[_T]]) -> _T:
        """Raises Unavailable (STORE_UNAVAILABLE) and PreconditionFailed (STORE_PERMISSION); quotes no payload."""
        try:
            return await operation()
        except UnexpectedResponse as error:
            if error.status_code in (401, 403):
                raise PreconditionFailed(
                    "STORE_PERMISSION",
                    "Qdrant refuses the key of REPARTEE_QDRANT_API_KEY: a migration needs one that may manage the "
                    f"collection {COLLECTION}.",
                ) from None
            raise _away(f"status {error.status_code}") from None
        except (ApiException, httpx.HTTPError, ValueError, OSError) as error:
            raise _away(type(error).__name__) from None


def _away(what: str) -> Unavailable:
    return Unavailable(
        "STORE_UNAVAILABLE", f"The Qdrant server of REPARTEE_QDRANT_URL does not answer as it should ({what})."
    )


def connect(
    url: str, *, api_key: str | None, timeout_seconds: int, embedder_id: str, dimensions: int, quantized: bool
) -> Collection:
    """Returns the collection on the server at `url`; nothing is sent before its first use."""
    client = AsyncQdrantClient(url=url, api_key=api_key, timeout=timeout_seconds, check_compatibility=False)
    return Collection(client, embedder_id=embedder_id, dimensions=dimensions, quantized=quantized)


class MadeCollection:
    """A Migration: the collection is there."""

    number = 1
    name = "collection"
    does = "Makes the collection of passages, where there is none."

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def size(self) -> int:
        """See Migration."""
        return 1

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        del after
        mine = self._collection
        if await mine.found() is not None:
            return Piece(walked=1)
        if not is_dry:
            await mine.run(lambda: create(mine.client, mine.embedder_id, mine.dimensions, mine.quantized))
        return Piece(walked=1, changes={"collections": 1})


class PayloadIndexes:
    """A Migration: every field that filters use has an index, the tenant's as the one that points are grouped by."""

    number = 2
    name = "payload-indexes"
    does = "Makes the indexes of the fields that searches filter by."

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def size(self) -> int:
        """See Migration."""
        return 1

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        del after
        found = await self._collection.found()
        if found is None:
            return Piece(walked=1)
        missing = missing_indexes(found)
        if not is_dry:
            await make_indexes(self._collection.client, self._collection.run, missing)
        return Piece(walked=1, changes={"indexes": len(missing)})


class TenantGraphs:
    """A Migration: one graph for each tenant. The server builds them behind the scenes while it goes on searching."""

    number = 3
    name = "tenant-graphs"
    does = "Replaces one graph of all vectors by one for each tenant; the server rebuilds it in the background."

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def size(self) -> int:
        """See Migration."""
        return 1

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        del after
        mine = self._collection
        found = await mine.found()
        if found is None or (found.config.hnsw_config.m, found.config.hnsw_config.payload_m) == (
            GRAPHS.m,
            GRAPHS.payload_m,
        ):
            return Piece(walked=1)
        if not is_dry:
            await mine.run(lambda: mine.client.update_collection(COLLECTION, hnsw_config=GRAPHS))
        return Piece(walked=1, changes={"graphs": 1})


class Words:
    """A Migration: passages from before there was a search by words get theirs. What is done needs no cursor."""

    number = 4
    name = "words"
    does = "Gives words to the passages that only have a meaning, for the search by words."

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def size(self) -> int:
        """See Migration."""
        mine, found = self._collection, await self._collection.found()
        if found is None:
            return 0
        chosen = wordless() if has_words(found) else passages()
        counted = await mine.run(lambda: mine.client.count(COLLECTION, count_filter=chosen))
        return counted.count

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        mine = self._collection
        if is_dry:
            waiting = await self.size()
            return Piece(walked=waiting, changes={"passages": waiting})
        found = await mine.found()
        if found is not None and not has_words(found):
            await mine.run(lambda: mine.client.create_vector_name(COLLECTION, SPARSE, WORDS))
        filled, following = await fill_words(mine.client, mine.run, after or None)
        return Piece("" if following is None else str(following), filled, {"passages": filled})
