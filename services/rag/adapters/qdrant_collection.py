"""The collection of passages on a Qdrant server: made or migrated, any number of times with the same result."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from qdrant_client import AsyncQdrantClient, models

from libs.common.errors import Unavailable
from services.rag.adapters import payload
from services.rag.terms import Terms

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

COLLECTION = "repartee_passages"
_CARD = "embedder_id"
_PAGE = 256


class Run(Protocol):
    """Carries an operation out; raises Unavailable when the server does not."""

    def __call__(self, operation: Callable[[], Awaitable[_T]], /) -> Awaitable[_T]: ...


async def open_collection(
    client: AsyncQdrantClient, run: Run, *, embedder_id: str, dimensions: int, quantized: bool
) -> str:
    """Returns which embedder made the collection's vectors, once it is there with all that searches need.

    `quantized` keeps a copy of the vectors in one byte a number, in memory; it only counts for a new collection. One
    that was made before there was a search by words gets the words of all its passages. Raises Unavailable.
    """
    if not await run(lambda: client.collection_exists(COLLECTION)):
        try:
            await run(lambda: _create(client, embedder_id, dimensions, quantized))
        except Unavailable:
            # Another replica may have made it in between; if not, the next lines say so.
            _LOG.info("the collection was not made by this replica")
    for name, schema in _indexes():
        await run(
            lambda name=name, schema=schema: client.create_payload_index(
                COLLECTION, field_name=name, field_schema=schema, wait=True
            )
        )
    collection = await run(lambda: client.get_collection(COLLECTION))
    if payload.SPARSE not in (collection.config.params.sparse_vectors or {}):
        words = models.SparseVectorNameConfig(sparse=models.SparseVectorConfig(modifier=models.Modifier.IDF))
        await run(lambda: client.create_vector_name(COLLECTION, payload.SPARSE, words))
    await _fill_words(client, run)
    return str((collection.config.metadata or {}).get(_CARD, "unknown"))


def write_terms(terms: Terms) -> models.SparseVector:
    """Returns the terms as the client has them."""
    return models.SparseVector(indices=list(terms.indices), values=list(terms.weights))


async def _create(client: AsyncQdrantClient, embedder_id: str, dimensions: int, quantized: bool) -> bool:
    scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    return await client.create_collection(
        COLLECTION,
        vectors_config=models.VectorParams(size=dimensions, distance=models.Distance.COSINE),
        sparse_vectors_config={payload.SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        quantization_config=models.ScalarQuantization(scalar=scalar) if quantized else None,
        # One graph for each tenant in place of one for all: every search is of one tenant.
        hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        metadata={_CARD: embedder_id},
    )


def _indexes() -> list[tuple[str, models.KeywordIndexParams | models.PayloadSchemaType]]:
    keyword = models.KeywordIndexType.KEYWORD
    return [
        (payload.TENANT, models.KeywordIndexParams(type=keyword, is_tenant=True)),
        *((name, models.KeywordIndexParams(type=keyword)) for name in payload.KEYWORD_FIELDS),
        (payload.POSITION, models.PayloadSchemaType.INTEGER),
    ]


async def _fill_words(client: AsyncQdrantClient, run: Run) -> None:
    """Gives words to the passages that have none; nothing to do but once in a collection's life."""
    places = models.MatchAny(any=[payload.FIRST, payload.LATER])
    without = models.Filter(
        must=[models.FieldCondition(key=payload.PLACE, match=places)],
        must_not=[models.HasVectorCondition(has_vector=payload.SPARSE)],
    )
    offset: Any = None
    while True:
        points, offset = await run(
            lambda offset=offset: client.scroll(
                COLLECTION, scroll_filter=without, limit=_PAGE, offset=offset, with_payload=True
            )
        )
        words = [
            models.PointVectors(id=point.id, vector={payload.SPARSE: write_terms(payload.read_terms(point.payload))})
            for point in points
            if point.payload
        ]
        if words:
            await run(lambda words=words: client.update_vectors(COLLECTION, points=words, wait=True))
            _LOG.info("gave words to %d passages", len(words))
        if offset is None:
            return
