"""Ratings and abandonment by what there is to keep them in: Redis, or this process's memory."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.common.redis_store import RedisStore
from services.router.adapters.memory_afterwards import MemoryLastTurns, MemoryRatings
from services.router.adapters.redis_afterwards import RedisLastTurns, RedisRatings
from services.router.afterwards.abandonment import Abandonments
from services.router.afterwards.rating import Rating
from services.router.afterwards.sequel import SequelRecorder
from services.router.conversations import Conversations


@dataclass(frozen=True, slots=True)
class Afterwards:
    """The use case of ratings, and the recorder that follows conversations."""

    rating: Rating
    abandonments: Abandonments


@asynccontextmanager
async def open_afterwards(
    redis: RedisStore | None,
    conversations: Conversations,
    *,
    silence_seconds: float,
    recorders: Sequence[SequelRecorder],
) -> AsyncGenerator[Afterwards, None]:
    """Follows conversations within the block; `recorders` must outlive it."""
    ratings = MemoryRatings() if redis is None else RedisRatings(redis)
    last_turns = MemoryLastTurns() if redis is None else RedisLastTurns(redis)
    async with Abandonments(last_turns, silence_seconds=silence_seconds, recorders=recorders) as abandonments:
        yield Afterwards(Rating(conversations, ratings, recorders=recorders), abandonments)
