"""Reranks with Cohere's multilingual models."""

import asyncio
from collections.abc import Sequence

import httpx
from cohere import AsyncClientV2
from cohere.core.api_error import ApiError

from libs.common.errors import Unavailable
from services.rag.reranking import Ranked

# Under the pool's size: a call that waits here and is cancelled does not wear the pool out.
_CONCURRENT = 32


class CohereReranker:
    """Implements Reranker. No retries: the caller has a good order already, and no time.

    `failure` is the reason of the last call when it failed, else empty.
    """

    def __init__(self, *, api_key: str, model: str, base_url: str | None = None) -> None:
        self.failure = ""
        self._model = model
        self._http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=2 * _CONCURRENT, max_keepalive_connections=_CONCURRENT)
        )
        self._client = AsyncClientV2(
            api_key=api_key,
            base_url=base_url,
            httpx_client=self._http,
            max_retries=0,
            log_warning_experimental_features=False,
        )
        self._slots = asyncio.Semaphore(_CONCURRENT)

    async def rank(
        self, question: str, texts: Sequence[str], *, limit: int, timeout_seconds: float
    ) -> Sequence[Ranked]:
        """See Reranker. Reasons: RERANKER_REFUSED, RERANKER_LIMITED, RERANKER_UNAVAILABLE, RERANKER_INVALID."""
        async with self._slots:
            try:
                answer = await self._client.rerank(
                    model=self._model,
                    query=question,
                    documents=list(texts),
                    top_n=limit,
                    request_options={"timeout": timeout_seconds, "max_retries": 0},
                )
                ranked = [Ranked(result.index, float(result.relevance_score)) for result in answer.results]
            except ApiError as error:
                raise self._failed(_reason(error.status_code), "The reranker answered with an error.") from None
            except httpx.HTTPError:
                raise self._failed("RERANKER_UNAVAILABLE", "The reranker does not answer.") from None
            except (AttributeError, TypeError, ValueError):
                raise self._failed("RERANKER_INVALID", "The reranker's answer is not one.") from None
        self.failure = ""
        return ranked

    def _failed(self, reason: str, message: str) -> Unavailable:
        self.failure = reason
        return Unavailable(reason, message)

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._http.aclose()


def _reason(status: int | None) -> str:
    if status == 429:
        return "RERANKER_LIMITED"
    if status is not None and 400 <= status < 500:
        return "RERANKER_REFUSED"
    return "RERANKER_UNAVAILABLE"
