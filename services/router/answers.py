"""The port to the semantic cache: what is asked of it, and what it is given to keep."""

from dataclasses import dataclass
from typing import Protocol

from services.router.turn import CacheOutcome, Embedding, Source


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer that was given before. `recheck` asks to have it answered anew, unseen, and the two compared."""

    text: str
    outcome: CacheOutcome
    agent: str
    sources: tuple[Source, ...]
    recheck: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the cache said: a hit, or why not, with the question's embedding when one was made.

    `lease` is to be handed back with the answer, or without one. `is_in_flight` means that another turn makes this
    answer right now, `nothing_found` that the tenant's documents were asked a moment ago and say nothing.
    """

    hit: CachedAnswer | None = None
    miss_reason: str = ""
    embedding: Embedding | None = None
    lease: str = ""
    is_in_flight: bool = False
    nothing_found: bool = False


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer to keep. `agent` is the one that the customer asked for, `answered_by` the one that answered.

    With `nothing_found` it is kept, for a short while, that no document answers, and `text` is not looked at.
    """

    question: str
    text: str
    agent: str
    answered_by: str
    locale: str
    sources: tuple[Source, ...]
    embedding: Embedding | None
    knowledge_epoch: int
    lease: str = ""
    nothing_found: bool = False
    wording: str = ""
    confidence: float = 0.0


class Answers(Protocol):
    """The semantic cache."""

    async def lookup(
        self, question: str, *, agent: str, locale: str, timeout_seconds: float, wait_seconds: float = 0.0
    ) -> Lookup:
        """Returns a hit or a miss; a cache that fails, or is late, is a miss (CACHE_UNAVAILABLE).

        Waits up to `wait_seconds`, within the timeout, for an answer that another turn makes.
        """
        ...

    async def store(self, answer: NewAnswer) -> None:
        """Keeps an answer; raises a ReparteeError when it could not be kept."""
        ...

    async def abandon(self, question: str, *, agent: str, locale: str, lease: str) -> None:
        """Hands a lease back without an answer; raises a ReparteeError when the cache could not be told."""
        ...

    async def report(self, entry_id: str, *, question: str, text: str, locale: str) -> None:
        """Says what an engine answers to a question that a kept answer was served to; raises a ReparteeError."""
        ...
