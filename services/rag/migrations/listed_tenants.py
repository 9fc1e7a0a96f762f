"""Migration: every tenant with learned patterns stands in the list that counts them."""

import time
from collections.abc import Callable

from libs.common.migrations.key_walk import KeyWalk
from libs.common.migrations.raw_commands import RawCommands
from libs.common.migrations.step import Piece
from libs.common.redis_connections import Command
from libs.common.redis_store import RedisStore
from services.rag.adapters.redis_patterns import FIRST_PART


class ListedTenants:
    """A Migration. Patterns and list lie apart in a cluster: a call that was cut between the two left a gap for good.

    `now` gives seconds since 1970.
    """

    name = "listed-tenants"
    does = "Adds tenants with learned patterns to the list that counts them, where they are missing."

    def __init__(self, store: RedisStore, *, number: int, now: Callable[[], float] = time.time) -> None:
        self.number = number
        self._now = now
        self._list = store.platform.key(FIRST_PART, "tenants")
        self._redis = RawCommands(store)
        self._walk = KeyWalk(store, FIRST_PART, kind="hash")

    async def size(self) -> int:
        """See Migration."""
        return await self._walk.size()

    async def piece(self, after: str, *, is_dry: bool) -> Piece:
        """See Migration."""
        owned, following, walked = await self._walk.piece(after)
        asked: list[Command] = [("ZSCORE", self._list, redis.tenant) for redis, _ in owned]
        asked += [("PTTL", key) for _, key in owned]
        replies = await self._redis.run_many(asked)
        missing: list[Command] = [
            # Only where it is still missing: whoever learned meanwhile knows the end better.
            ("ZADD", self._list, "NX", self._now() + left_ms / 1000 if left_ms >= 0 else "+inf", redis.tenant)
            for (redis, _), score, left_ms in zip(owned, replies, replies[len(owned) :], strict=False)
            if score is None
        ]
        if not is_dry:
            await self._redis.run_many(missing)
        return Piece(following, walked, {"tenants": len(missing)})
