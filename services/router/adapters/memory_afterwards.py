"""Ratings and last turns of one process, for when there is no Redis."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence

from libs.common.request_context import Principal, TenantId
from services.router.afterwards.abandonment import LastTurn
from services.router.afterwards.rating import RATING_SECONDS, Rated


class MemoryRatings:
    """Remembers the first rating of the `max_turns` that were rated last. `now` is monotonic."""

    def __init__(self, *, max_turns: int = 100_000, now: Callable[[], float] = time.monotonic) -> None:
        self._max_turns = max_turns
        self._now = now
        self._kept: OrderedDict[tuple[str, str, str], tuple[float, bool]] = OrderedDict()

    async def standing(self, principal: Principal, conversation_id: str, turn_id: str) -> bool | None:
        """Looks at once."""
        expires, stands = self._kept.get((principal.require_tenant(), conversation_id, turn_id), (0.0, False))
        return stands if expires > self._now() else None

    async def first(self, principal: Principal, conversation_id: str, turn_id: str, *, is_good: bool) -> Rated:
        """Keeps it at once."""
        key, now = (principal.require_tenant(), conversation_id, turn_id), self._now()
        expires, stands = self._kept.get(key, (0.0, is_good))
        if expires > now:
            return Rated(counted=False, is_good=stands)
        self._kept[key] = now + RATING_SECONDS, is_good
        if len(self._kept) > self._max_turns:
            self._kept.popitem(last=False)
        return Rated(counted=True, is_good=is_good)


class MemoryLastTurns:
    """Remembers the last turns of the `max_conversations` that were noted last."""

    def __init__(self, *, max_conversations: int = 100_000) -> None:
        self._max_conversations = max_conversations
        self._kept: OrderedDict[tuple[TenantId, str], LastTurn] = OrderedDict()

    async def note(self, tenant: TenantId, turns: Sequence[LastTurn]) -> None:
        """Notes at once."""
        for turn in turns:
            known = self._kept.get((tenant, turn.conversation))
            if known is None or known.at < turn.at:
                self._kept[tenant, turn.conversation] = turn
                self._kept.move_to_end((tenant, turn.conversation))
        while len(self._kept) > self._max_conversations:
            self._kept.popitem(last=False)

    async def take_silent(self, until: float) -> AsyncIterator[tuple[TenantId, LastTurn]]:
        """Takes all there are."""
        for key in [key for key, turn in self._kept.items() if turn.at <= until]:
            turn = self._kept.pop(key)
            if turn.awaits:
                yield key[0], turn
