"""The port to the semantic cache: what is asked of it, and what it is given to keep."""

from dataclasses import dataclass
from typing import Protocol

from services.router.turn import CacheOutcome, Embedding, Source


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer that was given before."""

    text: str
    outcome: CacheOutcome
    agent: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the cache said: a hit, or why not, with the question's embedding when one was made."""

    hit: CachedAnswer | None = None
    miss_reason: str = ""
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer to keep. `agent` is the one that the customer asked for, `answered_by` the one that answered."""

    question: str
    text: str
    agent: str
    answered_by: str
    locale: str
    sources: tuple[Source, ...]
    embedding: Embedding | None
    knowledge_epoch: int


class Answers(Protocol):
    """The semantic cache."""

    async def lookup(self, question: str, *, agent: str, locale: str, timeout_seconds: float) -> Lookup:
        """Returns a hit or a miss; a cache that fails, or is late, is a miss (CACHE_UNAVAILABLE)."""
        ...

    async def store(self, answer: NewAnswer) -> None:
        """Keeps an answer; raises a ReparteeError when it could not be kept."""
        ...
