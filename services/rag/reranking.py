"""Puts candidates into a better order where a reranker is there, and keeps theirs where it is not."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.errors import ReparteeError
from libs.common.request_context import Budget
from services.rag.passage_index import Hit

_LOG = logging.getLogger(__name__)

MAX_SECONDS = 0.8
# No more than this part of what is left of the call: the answer has still to be worded.
SHARE_OF_REMAINING = 0.4
DONE = "done"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A text's place: its index among those given, and its relevance, 0 to 1."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A hit with the reranker's score, 0 when it was skipped."""

    hit: Hit
    rerank_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Reranking:
    """The candidates, best first. `outcome` is `done` or `skipped(REASON)`."""

    candidates: tuple[RankedHit, ...]
    outcome: str


class Reranker(Protocol):
    """A model that reads a question and texts together."""

    async def rank(
        self, question: str, texts: Sequence[str], *, limit: int, timeout_seconds: float
    ) -> Sequence[Ranked]:
        """Returns at most `limit` places, best first. Raises Unavailable with a reason of its own."""
        ...


async def rerank(
    reranker: Reranker | None, question: str, hits: Sequence[Hit], *, limit: int, budget: Budget
) -> Reranking:
    """Returns the best `limit` of `hits`. Never raises for the reranker's sake: the order of `hits` is good enough."""
    plain = tuple(RankedHit(hit) for hit in hits[:limit])
    if reranker is None:
        return Reranking(plain, "skipped(NO_RERANKER)")
    if not hits:
        return Reranking(plain, "skipped(NO_CANDIDATES)")
    timeout_seconds = min(MAX_SECONDS, SHARE_OF_REMAINING * budget.remaining())
    if timeout_seconds <= 0:
        return Reranking(plain, "skipped(NO_TIME)")
    texts = [f"{hit.title}\n{hit.text}" for hit in hits]
    try:
        async with asyncio.timeout(timeout_seconds):
            places = await reranker.rank(question, texts, limit=limit, timeout_seconds=timeout_seconds)
    except TimeoutError:
        return _skipped(plain, "TIMEOUT")
    except ReparteeError as error:
        return _skipped(plain, error.reason)
    indexes = [place.index for place in places]
    if len(set(indexes)) != len(indexes) or not all(0 <= index < len(hits) for index in indexes) or not indexes:
        return _skipped(plain, "RERANKER_INVALID")
    ranked = tuple(RankedHit(hits[place.index], place.score) for place in places[:limit])
    return Reranking(ranked, DONE)


def _skipped(plain: tuple[RankedHit, ...], reason: str) -> Reranking:
    _LOG.warning("reranking skipped: %s", reason)
    return Reranking(plain, f"skipped({reason})")
