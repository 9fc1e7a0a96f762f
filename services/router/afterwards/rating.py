"""A customer's thumb: the first one of a turn is counted, for the variant that the turn was assigned to."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.errors import FieldViolation, InvalidRequest, NotFound
from libs.common.request_context import Principal
from services.router.afterwards.sequel import Sequel, SequelKind, SequelRecorder
from services.router.conversations import ConversationRef, Conversations

# Why a reply is bad. A closed list, so that nothing a customer writes is counted or kept.
REASONS = ("wrong", "off_topic", "unclear", "slow", "tone", "other")
# As long as the reply is kept by which the turn is known.
RATING_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Rated:
    """Whether this rating counts, and the one that stands."""

    counted: bool
    is_good: bool


class Ratings(Protocol):
    """Keeps the first rating of a turn for `RATING_SECONDS`. Every method raises Unavailable (STORE_UNAVAILABLE)."""

    async def standing(self, principal: Principal, conversation_id: str, turn_id: str) -> bool | None:
        """Returns whether the turn is rated good or bad, None when it is not rated."""
        ...

    async def first(self, principal: Principal, conversation_id: str, turn_id: str, *, is_good: bool) -> Rated:
        """Keeps the rating unless the turn has one; returns which stands."""
        ...


class Rating:
    """Rates replies of the caller's tenant. `clock` counts seconds since 1970."""

    def __init__(
        self,
        conversations: Conversations,
        ratings: Ratings,
        *,
        recorders: Sequence[SequelRecorder],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._conversations = conversations
        self._ratings = ratings
        self._recorders = recorders
        self._clock = clock

    async def rate(
        self, principal: Principal, conversation_id: str, turn_id: str, *, is_good: bool, reason: str = ""
    ) -> Rated:
        """Counts the rating if it is the turn's first; `reason` is one of `REASONS`, or empty.

        Raises NotFound (TURN_NOT_FOUND), InvalidRequest (INVALID_FIELD) for a good reply with a reason, and Unavailable
        (STORE_UNAVAILABLE).
        """
        if is_good and reason:
            raise InvalidRequest(
                "INVALID_FIELD",
                "A reason says what is bad about a reply, and this one is rated good.",
                violations=[FieldViolation("reason", "expected none with a good rating")],
            )
        # Asked first: while the store is away nobody can say that there was no such turn.
        stands = await self._ratings.standing(principal, conversation_id, turn_id)
        if stands is not None:
            return Rated(counted=False, is_good=stands)
        known = await self._conversations.load(ConversationRef(principal, conversation_id), turn_id)
        reply = known.first_reply
        if reply is None:
            raise NotFound(
                "TURN_NOT_FOUND",
                "There is no reply of such a turn. A reply can be rated for 24 hours, if its request named the turn.",
            )
        rated = await self._ratings.first(principal, conversation_id, turn_id, is_good=is_good)
        if rated.counted:
            sequel = Sequel(
                principal.require_tenant(),
                SequelKind.GOOD if is_good else SequelKind.BAD,
                reply.variant,
                self._clock(),
                reason=reason,
                cache_hit=reply.cache.hit,
                agent=reply.agent,
                llm_tier=reply.llm_tier,
            )
            for recorder in self._recorders:
                recorder.record_sequel(sequel)
        return rated
