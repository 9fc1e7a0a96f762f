"""The collection of passages on a Qdrant server: made or migrated, any number of times with the same result."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from qdrant_client import AsyncQdrantClient, models

from libs.common.errors import Unavailable
from libs.common.migrations.stamp import Stamp, this_release, too_new
from services.rag.adapters import payload
from services.rag.terms import Terms

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

COLLECTION = "repartee_passages"
# What `services.rag.migrations.passages` brings a collection to: the number of its last step.
VERSION = 4
MIN_READER = 0
# One graph for each tenant in place of one for all: every search is of one tenant.
GRAPHS = models.HnswConfigDiff(m=0, payload_m=16)
WORDS = models.SparseVectorNameConfig(sparse=models.SparseVectorConfig(modifier=models.Modifier.IDF))
_CARD = "embedder_id"
_VERSION, _MIN_READER, _WRITTEN_BY = "schema_version", "schema_min_reader", "schema_written_by"
_PAGE = 256


class Run(Protocol):
    """Carries an operation out; raises Unavailable when the server does not."""

    def __call__(self, operation: Callable[[], Awaitable[_T]], /) -> Awaitable[_T]: ...


async def open_collection(
    client: AsyncQdrantClient, run: Run, *, embedder_id: str, dimensions: int, quantized: bool
) -> str:
    """Returns which embedder made the collection's vectors, once it is there with all that searches need.

    `quantized` keeps a copy of the vectors in one byte a number, in memory; it only counts for a new collection. One
    that nobody migrated is searched all the same: it gets its indexes, and the words of all its passages, here. Raises
    Unavailable, and PreconditionFailed (STORE_NEWER) for one that this code does not read.
    """
    if not await run(lambda: client.collection_exists(COLLECTION)):
        try:
            await run(lambda: create(client, embedder_id, dimensions, quantized))
        except Unavailable:
            # Another replica may have made it in between; if not, the next lines say so.
            _LOG.info("the collection was not made by this replica")
    collection = await run(lambda: client.get_collection(COLLECTION))
    stamp = read_stamp(collection)
    if stamp is not None and stamp.min_reader > VERSION:
        raise too_new("passages", stamp, VERSION)
    # A new collection has its stamp before its indexes.
    if stamp is None or stamp.version < VERSION or missing_indexes(collection):
        await make_indexes(client, run, [name for name, _ in _indexes()])
        if not has_words(collection):
            await run(lambda: client.create_vector_name(COLLECTION, payload.SPARSE, WORDS))
        await _fill_words(client, run)
    return recorded_embedder(collection)


def write_terms(terms: Terms) -> models.SparseVector:
    """Returns the terms as the client has them."""
    return models.SparseVector(indices=list(terms.indices), values=list(terms.weights))


def read_stamp(collection: models.CollectionInfo) -> Stamp | None:
    """Returns the stamp in a collection's metadata."""
    found = collection.config.metadata or {}
    if _VERSION not in found:
        return None
    return Stamp(int(found[_VERSION]), int(found.get(_MIN_READER, 0)), str(found.get(_WRITTEN_BY, "")))


def stamped(stamp: Stamp) -> dict[str, Any]:
    """Returns the metadata that says a stamp."""
    return {_VERSION: stamp.version, _MIN_READER: stamp.min_reader, _WRITTEN_BY: stamp.written_by}


def recorded_embedder(collection: models.CollectionInfo) -> str:
    """Returns which embedder made the vectors."""
    return str((collection.config.metadata or {}).get(_CARD, "unknown"))


def has_words(collection: models.CollectionInfo) -> bool:
    """Returns whether passages may have words."""
    return payload.SPARSE in (collection.config.params.sparse_vectors or {})


def missing_indexes(collection: models.CollectionInfo) -> Sequence[str]:
    """Returns the fields that filters use and that have no index."""
    return [name for name, _ in _indexes() if name not in collection.payload_schema]


async def make_indexes(client: AsyncQdrantClient, run: Run, names: Sequence[str]) -> None:
    """Makes the indexes of those fields, and waits for them."""
    for name, schema in _indexes():
        if name in names:
            await run(
                lambda name=name, schema=schema: client.create_payload_index(
                    COLLECTION, field_name=name, field_schema=schema, wait=True
                )
            )


async def create(client: AsyncQdrantClient, embedder_id: str, dimensions: int, quantized: bool) -> bool:
    """Makes the collection as this version has it, all but its indexes."""
    scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    return await client.create_collection(
        COLLECTION,
        vectors_config=models.VectorParams(size=dimensions, distance=models.Distance.COSINE),
        sparse_vectors_config={payload.SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        quantization_config=models.ScalarQuantization(scalar=scalar) if quantized else None,
        hnsw_config=GRAPHS,
        metadata={_CARD: embedder_id, **stamped(Stamp(VERSION, MIN_READER, this_release()))},
    )


def _indexes() -> list[tuple[str, models.KeywordIndexParams | models.PayloadSchemaType]]:
    keyword = models.KeywordIndexType.KEYWORD
    return [
        (payload.TENANT, models.KeywordIndexParams(type=keyword, is_tenant=True)),
        *((name, models.KeywordIndexParams(type=keyword)) for name in payload.KEYWORD_FIELDS),
        (payload.POSITION, models.PayloadSchemaType.INTEGER),
    ]


def wordless() -> models.Filter:
    """Returns what chooses the passages without words."""
    return models.Filter(must=passages().must, must_not=[models.HasVectorCondition(has_vector=payload.SPARSE)])


def passages() -> models.Filter:
    """Returns what chooses all passages."""
    places = models.MatchAny(any=[payload.FIRST, payload.LATER])
    return models.Filter(must=[models.FieldCondition(key=payload.PLACE, match=places)])


async def fill_words(client: AsyncQdrantClient, run: Run, after: Any) -> tuple[int, Any]:
    """Gives words to some passages that have none; returns how many, and where to go on: None at the end."""
    points, following = await run(
        lambda: client.scroll(COLLECTION, scroll_filter=wordless(), limit=_PAGE, offset=after, with_payload=True)
    )
    words = [
        models.PointVectors(id=point.id, vector={payload.SPARSE: write_terms(payload.read_terms(point.payload))})
        for point in points
        if point.payload
    ]
    if words:
        await run(lambda: client.update_vectors(COLLECTION, points=words, wait=True))
    return len(words), following


async def _fill_words(client: AsyncQdrantClient, run: Run) -> None:
    """Gives words to the passages that have none; nothing to do but once in a collection's life."""
    after: Any = None
    while True:
        filled, after = await fill_words(client, run, after)
        if filled:
            _LOG.info("gave words to %d passages", filled)
        if after is None:
            return
