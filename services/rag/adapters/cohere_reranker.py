"""Reranks with Cohere's multilingual models."""

import asyncio
import logging
from collections.abc import Sequence

import httpx
from cohere import AsyncClientV2
from cohere.core.api_error import ApiError

from libs.common.errors import Unavailable
from services.rag.reranking import Ranked

_LOG = logging.getLogger(__name__)

# Under the pool's size: a call that waits here and is cancelled does not wear the pool out.
_CONCURRENT = 32


class CohereReranker:
    """Implements Reranker. No retries: the caller has a good order already, and no time."""

    def __init__(self, *, api_key: str, model: str, base_url: str | None = None) -> None:
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
                return [Ranked(result.index, float(result.relevance_score)) for result in answer.results]
            except ApiError as error:
                raise Unavailable(_reason(error.status_code), "The reranker answered with an error.") from None
            except httpx.HTTPError as error:
                _LOG.warning("the reranker did not answer: %s", type(error).__name__)
                raise Unavailable("RERANKER_UNAVAILABLE", "The reranker does not answer.") from None
            except (AttributeError, TypeError, ValueError):
                raise Unavailable("RERANKER_INVALID", "The reranker's answer is not one.") from None

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._http.aclose()


def _reason(status: int | None) -> str:
    if status == 429:
        return "RERANKER_LIMITED"
    if status is not None and 400 <= status < 500:
        return "RERANKER_REFUSED"
    return "RERANKER_UNAVAILABLE"
