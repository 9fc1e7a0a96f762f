"""The Cohere adapter against a server that speaks its protocol."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from libs.common.errors import Unavailable
from services.rag.adapters.cohere_reranker import CohereReranker
from tests.fakes.cohere_double import CohereDouble, running_cohere_double

TEXTS = ["le retrait en boutique", "le prix de la livraison", "les horaires"]


@pytest.fixture
async def double() -> AsyncIterator[CohereDouble]:
    async with running_cohere_double() as running:
        yield running


@pytest.fixture
async def reranker(double: CohereDouble) -> AsyncIterator[CohereReranker]:
    made = CohereReranker(api_key="k-test", model="rerank-v3.5", base_url=double.base_url)
    yield made
    await made.aclose()


async def test_texts_are_ranked_by_the_model_that_is_set(double: CohereDouble, reranker: CohereReranker) -> None:
    ranked = await reranker.rank("prix livraison", TEXTS, limit=2, timeout_seconds=5)
    assert [place.index for place in ranked] == [1, 0]
    assert ranked[0].score == 1.0
    assert double.requests == [{"model": "rerank-v3.5", "query": "prix livraison", "documents": TEXTS, "top_n": 2}]
    assert double.keys == ["Bearer k-test"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "RERANKER_REFUSED"),
        (429, "RERANKER_LIMITED"),
        (500, "RERANKER_UNAVAILABLE"),
        (503, "RERANKER_UNAVAILABLE"),
    ],
)
async def test_each_refusal_has_a_reason_and_is_not_retried(
    status: int, reason: str, double: CohereDouble, reranker: CohereReranker
) -> None:
    double.status = status
    with pytest.raises(Unavailable) as refused:
        await reranker.rank("prix", TEXTS, limit=2, timeout_seconds=5)
    assert refused.value.reason == reason
    assert len(double.requests) == 1


@pytest.mark.parametrize("body", [{}, {"results": "no"}, {"results": [{"index": "x"}]}, ["no"]])
async def test_an_answer_that_is_none_is_refused(body: object, double: CohereDouble, reranker: CohereReranker) -> None:
    double.body = body
    with pytest.raises(Unavailable) as refused:
        await reranker.rank("prix", TEXTS, limit=2, timeout_seconds=5)
    assert refused.value.reason == "RERANKER_INVALID"


async def test_a_server_that_says_nothing_is_left_in_time(double: CohereDouble, reranker: CohereReranker) -> None:
    double.gate = asyncio.Event()
    with pytest.raises(Unavailable) as refused:
        await reranker.rank("prix", TEXTS, limit=2, timeout_seconds=0.05)
    assert refused.value.reason == "RERANKER_UNAVAILABLE"
    double.gate.set()
    double.gate = None
    assert await reranker.rank("prix", TEXTS, limit=2, timeout_seconds=5)
