"""Reranks with Cohere's multilingual models."""

import asyncio
from collections.abc import Callable, Sequence

import httpx
from cohere import AsyncClientV2
from cohere.core.api_error import ApiError
from cohere.v2.types.v2rerank_response import V2RerankResponse

from libs.common.attributes import Names
from libs.common.errors import Unavailable
from libs.common.stages import model_call
from services.rag.reranking import Ranked

# Under the pool's size: a call that waits here and is cancelled does not wear the pool out.
_CONCURRENT = 32


class CohereReranker:
    """Implements Reranker. No retries: the caller has a good order already, and no time.

    `billed` is told how many searches each answer says it costs, in the context of the call that asked. `failure` is
    the reason of the last call when it failed, else empty.
    """

    def __init__(
        self, *, api_key: str, model: str, base_url: str | None = None, billed: Callable[[int], None] | None = None
    ) -> None:
        self.failure = ""
        self._billed = billed
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
            with model_call("rerank", provider="cohere", model=self._model) as call:
                call.note(Names.ITEMS, len(texts))
                ranked = await self._ask(question, texts, limit=limit, timeout_seconds=timeout_seconds)
        self.failure = ""
        return ranked

    async def _ask(
        self, question: str, texts: Sequence[str], *, limit: int, timeout_seconds: float
    ) -> Sequence[Ranked]:
        try:
            answer = await self._client.rerank(
                model=self._model,
                query=question,
                documents=list(texts),
                top_n=limit,
                request_options={"timeout": timeout_seconds, "max_retries": 0},
            )
            if self._billed is not None:
                self._billed(_searches(answer))
            return [Ranked(result.index, float(result.relevance_score)) for result in answer.results]
        except ApiError as error:
            raise self._failed(_reason(error.status_code), "The reranker answered with an error.") from None
        except httpx.HTTPError:
            raise self._failed("RERANKER_UNAVAILABLE", "The reranker does not answer.") from None
        except (AttributeError, TypeError, ValueError):
            raise self._failed("RERANKER_INVALID", "The reranker's answer is not one.") from None

    def _failed(self, reason: str, message: str) -> Unavailable:
        self.failure = reason
        return Unavailable(reason, message)

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._http.aclose()


def _searches(answer: V2RerankResponse) -> int:
    """Returns the searches of an answer; one where it does not say, as a request of up to 100 short texts is."""
    units = answer.meta.billed_units if answer.meta else None
    return round(units.search_units) if units and units.search_units is not None else 1


def _reason(status: int | None) -> str:
    if status == 429:
        return "RERANKER_LIMITED"
    if status is not None and 400 <= status < 500:
        return "RERANKER_REFUSED"
    return "RERANKER_UNAVAILABLE"
