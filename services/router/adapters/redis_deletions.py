"""Deletions of conversations, told to every replica by a stream in Redis: marks, no ids."""

from collections.abc import Callable, Mapping

from libs.common.redis_store import RedisStore
from services.router.conversations import DELETIONS_KEPT_SECONDS, ConversationRef, deletion_mark

_PIECE = 1000


class RedisDeletions:
    """Says that a conversation is deleted, and hears of those that others deleted. `clock` counts seconds since 1970.

    Methods raise Unavailable (STORE_UNAVAILABLE).
    """

    def __init__(self, store: RedisStore, *, clock: Callable[[], float]) -> None:
        self._redis = store.platform
        self._clock = clock
        self._stream = self._redis.key("conversations", "deleted")

    async def say(self, ref: ConversationRef) -> None:
        """Adds a deletion, and drops those that nobody needs to hear of any more."""
        kept_from = max(0, int((self._clock() - DELETIONS_KEPT_SECONDS) * 1000))
        pipeline = self._redis.pipeline()
        pipeline.command("XADD", self._stream, "MINID", "~", kept_from, "*", "mark", deletion_mark(ref))
        pipeline.command("EXPIRE", self._stream, int(DELETIONS_KEPT_SECONDS))
        await pipeline.execute()

    async def since(self, since: float) -> Mapping[str, float]:
        """Returns when conversations were deleted by the store's clock, by mark, from `since` on."""
        after = f"{max(0, int(since * 1000))}-0"
        found: dict[str, float] = {}
        while entries := await self._redis.read_stream(self._stream, after, count=_PIECE):
            after = entries[-1][0]
            found |= {fields["mark"].decode(): int(at.partition("-")[0]) / 1000 for at, fields in entries}
        return found
