"""The rollout in Redis: a hash of records, the audit's chain, and a stream that announces each change."""

from collections.abc import Mapping
from typing import Any

from libs.common.errors import Unavailable
from libs.common.redis_store import RedisStore, Script
from services.router.rollout.audit import AuditEntry, Head
from services.router.rollout.state import EVERYBODY, RolloutState
from services.router.rollout.store import BEAT_SECONDS, REQUEST_SECONDS, Changes, Commit, Kept

# The field of everybody's record: no tenant's id may look like this.
_EVERYBODY_FIELD = "*"
# Records that one reply brings at most; the rest come with the next ones.
_MAX_RECORDS = 200

# KEYS: head, state, changed, audit, news, and the request when there is one. ARGV: sequence and hash of the newest
# entry, scope, record or '', entry or '', its hash, outcome, its seconds. Returns 0 when another entry is the newest.
_APPEND = Script("""
local head = redis.call('HMGET', KEYS[1], 'sequence', 'hash')
if (head[1] or '0') ~= ARGV[1] or (head[2] or '') ~= ARGV[2] then return 0 end
if KEYS[6] then redis.call('SET', KEYS[6], ARGV[7], 'EX', ARGV[8]) end
if ARGV[5] == '' then return 1 end
local sequence = redis.call('HINCRBY', KEYS[1], 'sequence', 1)
redis.call('HSET', KEYS[1], 'hash', ARGV[6])
redis.call('RPUSH', KEYS[4], ARGV[5])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
  redis.call('ZADD', KEYS[3], sequence, ARGV[3])
end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 100, '*', 'sequence', sequence)
return 1
""")

# KEYS: head, state, changed, replicas, audit. ARGV: replica, sequence and hash of the entry it knows, records wanted at
# most. Returns 1 when that entry is not there, the sequence and hash of the entry to which the records that follow are
# complete, and those records.
_FOLLOW = Script("""
local time = redis.call('TIME')
redis.call('HSET', KEYS[4], ARGV[1], ARGV[2] .. ' ' .. time[1] * 1000 + math.floor(time[2] / 1000))
local head = redis.call('HMGET', KEYS[1], 'sequence', 'hash')
local sequence, hash = head[1] or '0', head[2] or ''
if sequence == ARGV[2] and hash == ARGV[3] then return {0, sequence, hash} end
local function hash_at(number)
  local entry = redis.call('LINDEX', KEYS[5], number - 1)
  return entry and cjson.decode(entry).hash
end
local lost = ARGV[2] ~= '0' and hash_at(ARGV[2]) ~= ARGV[3]
local after = lost and '-inf' or '(' .. ARGV[2]
local scopes = redis.call('ZRANGEBYSCORE', KEYS[3], after, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
if #scopes == ARGV[4] * 2 then
  sequence = scopes[#scopes]
  hash = hash_at(sequence)
end
local reply = {lost and 1 or 0, sequence, hash}
for index = 1, #scopes, 2 do reply[#reply + 1] = redis.call('HGET', KEYS[2], scopes[index]) end
return reply
""")

# KEYS: replicas. ARGV: milliseconds after which one that is silent is forgotten. Returns name, sequence, …
_REPLICAS = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found, alive = redis.call('HGETALL', KEYS[1]), {}
for index = 1, #found, 2 do
  local known, at = string.match(found[index + 1], '^(%d+) (%d+)$')
  if at and now - at <= tonumber(ARGV[1]) then
    alive[#alive + 1] = found[index]
    alive[#alive + 1] = known
  else
    redis.call('HDEL', KEYS[1], found[index])
  end
end
return alive
""")
SCRIPTS = {"rollout-append": _APPEND, "rollout-follow": _FOLLOW, "rollout-replicas": _REPLICAS}


class RedisRolloutStore:
    """A `RolloutStore` on Redis, shared by every replica.

    Hash `rollout:state` (a record per scope), sorted set `rollout:changed` (scope by sequence), list `rollout:audit`,
    hash `rollout:head` (the audit's newest entry), stream `rollout:news`, hash `rollout:replicas` (how far each got),
    keys `rollout:request:…` (outcomes, for a day).
    """

    def __init__(self, store: RedisStore) -> None:
        self._redis = store.platform
        key = self._redis.key
        self._state, self._changed, self._audit = (key("rollout", name) for name in ("state", "changed", "audit"))
        self._head, self._news, self._replicas = (key("rollout", name) for name in ("head", "news", "replicas"))
        self._last_news = ""

    @property
    def name(self) -> str:
        """See `RolloutStore`."""
        return "redis"

    async def read(self, scope: str, request: str = "") -> Kept:
        """See `RolloutStore`."""
        pipeline = self._redis.pipeline()
        pipeline.command("HMGET", self._head, "sequence", "hash")
        pipeline.command("HMGET", self._state, _field(scope), _EVERYBODY_FIELD)
        if request:
            pipeline.command("GET", self._request(request))
        (sequence, digest), (record, everybody), *outcome = await pipeline.execute()
        return Kept(
            Head(int(sequence or 0), (digest or b"").decode()),
            _record(record),
            _record(everybody),
            outcome[0].decode() if outcome and outcome[0] else "",
        )

    async def append(self, commit: Commit) -> bool:
        """See `RolloutStore`."""
        keys = [self._head, self._state, self._changed, self._audit, self._news]
        if commit.request:
            keys.append(self._request(commit.request))
        record, entry = commit.record, commit.entry
        arguments = (
            commit.after.sequence,
            commit.after.hash,
            _field(record.tenant) if record else "",
            record.to_json() if record else "",
            entry.to_json() if entry else "",
            entry.hash if entry else "",
            commit.outcome,
            REQUEST_SECONDS,
        )
        return bool(await self._redis.eval(_APPEND, keys, arguments))

    async def follow(self, replica: str, known: Head, *, wait_seconds: float) -> Changes:
        """See `RolloutStore`. Holds a connection while it waits."""
        if wait_seconds:
            if not self._last_news:
                self._last_news = await self._redis.last_stream_id(self._news)
            else:
                news = await self._redis.read_stream(self._news, self._last_news, block_seconds=wait_seconds)
                if news:
                    self._last_news = news[-1][0]
        keys = [self._head, self._state, self._changed, self._replicas, self._audit]
        arguments = (replica, known.sequence, known.hash, _MAX_RECORDS)
        lost, sequence, digest, *records = await self._redis.eval(_FOLLOW, keys, arguments)
        found = [_record(each) for each in records]
        head = Head(int(sequence), digest.decode())
        return Changes(head, [each for each in found if each is not None], lost=bool(lost))

    async def replicas(self) -> Mapping[str, int]:
        """See `RolloutStore`."""
        flat = await self._redis.eval(_REPLICAS, [self._replicas], [round(BEAT_SECONDS * 1000)])
        return {name.decode(): int(known) for name, known in zip(flat[::2], flat[1::2], strict=True)}

    async def entries(self, *, before: int, count: int) -> list[AuditEntry]:
        """See `RolloutStore`."""
        # Entry n is at index n - 1.
        last = before - 2 if before else -1
        first = max(0, last - count + 1) if before else -count
        if before and last < 0:
            return []
        found = await self._redis.command("LRANGE", self._audit, first, last)
        try:
            return [AuditEntry.from_json(each.decode()) for each in reversed(found)]
        except ValueError as error:
            raise _unreadable() from error

    def _request(self, request: str) -> str:
        return self._redis.key("rollout", "request", request)


def _field(scope: str) -> str:
    return _EVERYBODY_FIELD if scope == EVERYBODY else scope


def _record(text: Any) -> RolloutState | None:
    if text is None:
        return None
    try:
        return RolloutState.from_json(text.decode())
    except ValueError as error:
        raise _unreadable() from error


def _unreadable() -> Unavailable:
    return Unavailable(
        "STORE_UNAVAILABLE", "The store of the rollout holds what this version cannot read; upgrade, or restore it."
    )
