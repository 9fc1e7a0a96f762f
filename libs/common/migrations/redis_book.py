"""The stamp of a store in Redis: one hash, so that lock, progress and stamp change in one step in a cluster too."""

from typing import cast

from libs.common.migrations.stamp import LOCK_SECONDS, Progress, Stamp, running_already, taken_over
from libs.common.redis_store import RedisStore, Script

# All of them: KEYS the book. The server's clock counts, because those of runners differ.

# ARGV runner, seconds to hold. Returns {1, fence, number, after} or {0, runner, since}.
_CLAIM = Script("""
local now = tonumber(redis.call('TIME')[1])
local held = redis.call('HMGET', KEYS[1], 'until', 'runner', 'since', 'number', 'after')
if held[1] and tonumber(held[1]) > now then return {0, held[2], held[3]} end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2], 'runner', ARGV[1], 'since', now)
return {1, redis.call('HINCRBY', KEYS[1], 'fence', 1), held[4] or '0', held[5] or ''}
""")

_HELD = "if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end\n"

# ARGV fence, seconds to hold, number, after.
_KEEP = Script(
    _HELD
    + """
redis.call('HSET', KEYS[1], 'until', redis.call('TIME')[1] + ARGV[2], 'number', ARGV[3], 'after', ARGV[4])
return 1
"""
)

# ARGV fence, version, least reader, release.
_WRITE = Script(
    _HELD
    + """
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'min_reader', ARGV[3], 'written_by', ARGV[4])
redis.call('HDEL', KEYS[1], 'number', 'after')
return 1
"""
)

# ARGV fence.
_RELEASE = Script(_HELD + "return redis.call('HDEL', KEYS[1], 'until', 'runner', 'since')")

# ARGV version, least reader, release. Only where there is no stamp.
_BEGIN = Script("""
if redis.call('HEXISTS', KEYS[1], 'version') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'min_reader', ARGV[2], 'written_by', ARGV[3])
return 1
""")


class RedisBook:
    """A StampBook in the platform's hash `schema:NAME`.

    A lock ends `LOCK_SECONDS` after its last sign of life. Its number, the fence, grows with every claim: a runner
    that was away and comes back writes neither progress nor stamp over those of its successor.
    """

    def __init__(self, store: RedisStore, name: str) -> None:
        self._redis = store.platform
        self._name = name
        self._key = self._redis.key("schema", name)
        self._fence = 0

    async def read(self) -> Stamp | None:
        """See StampBook."""
        found = await self._redis.command("HMGET", self._key, "version", "min_reader", "written_by")
        version, min_reader, written_by = cast("list[bytes | None]", found)
        if version is None:
            return None
        return Stamp(int(version), int(min_reader or 0), (written_by or b"").decode())

    async def begin(self, stamp: Stamp) -> None:
        """Stamps a store that has no stamp; the caller knows that it is empty."""
        await self._redis.eval(_BEGIN, [self._key], [stamp.version, stamp.min_reader, stamp.written_by])

    async def claim(self, runner: str) -> Progress:
        """See StampBook."""
        is_ours, *rest = await self._redis.eval(_CLAIM, [self._key], [runner, LOCK_SECONDS])
        if not is_ours:
            raise running_already(self._name, rest[0].decode(), float(rest[1]))
        self._fence = int(rest[0])
        return Progress(int(rest[1]), rest[2].decode())

    async def keep(self, progress: Progress) -> None:
        """See StampBook."""
        await self._held(_KEEP, LOCK_SECONDS, progress.number, progress.after)

    async def write(self, stamp: Stamp) -> None:
        """See StampBook."""
        await self._held(_WRITE, stamp.version, stamp.min_reader, stamp.written_by)

    async def release(self) -> None:
        """See StampBook. Whoever lost the lock has nothing to give back."""
        await self._redis.eval(_RELEASE, [self._key], [self._fence])

    async def _held(self, script: Script, *arguments: str | int) -> None:
        if not await self._redis.eval(script, [self._key], [self._fence, *arguments]):
            raise taken_over(self._name)
