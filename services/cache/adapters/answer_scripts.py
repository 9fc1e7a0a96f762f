"""The Lua scripts by which answers are kept, followed and forgotten, each in one atomic step."""

from libs.common.redis_store import Script

# Forgets one entry: KEYS of every script that does begin with rows, order, expiry, sizes.
_FORGET = """
local function forget(id, prefix, vectors)
  redis.call('UNLINK', prefix .. id, vectors .. id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  local size = tonumber(redis.call('HGET', KEYS[4], id) or '0')
  redis.call('HDEL', KEYS[4], id)
  if size > 0 then redis.call('HINCRBY', KEYS[4], '', -size) end
  return redis.call('HDEL', KEYS[1], id)
end
"""

# KEYS rows, order, expiry, sizes, entry, version, epoch
# ARGV entry, ttl ms, id, row, epoch of the entry, capacity, now s, expires s, prefix of entry keys, capacity in bytes,
# prefix of vector keys, fields of the vector's hash… or none
WRITE = Script(
    _FORGET
    + """
if tonumber(redis.call('GET', KEYS[7]) or '0') ~= tonumber(ARGV[5]) then return false end
-- Begins at the clock, so that a store that was emptied never repeats a version that a replica still shows.
redis.call('SET', KEYS[6], string.format('%.0f', tonumber(ARGV[7]) * 1000), 'NX')
local version = redis.call('INCR', KEYS[6])
forget(ARGV[3], ARGV[9], ARGV[11])
redis.call('SET', KEYS[5], ARGV[1], 'PX', ARGV[2])
if #ARGV > 11 then
  local vector = ARGV[11] .. ARGV[3]
  redis.call('HSET', vector, unpack(ARGV, 12))
  redis.call('PEXPIRE', vector, ARGV[2])
end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[2], version, ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[8], ARGV[3])
local size = #ARGV[1] + #ARGV[4]
redis.call('HSET', KEYS[4], ARGV[3], size)
redis.call('HINCRBY', KEYS[4], '', size)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[7], 'LIMIT', 0, 50)) do
  forget(id, ARGV[9], ARGV[11])
end
for _ = 1, 50 do
  local is_full = redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[6])
  local is_fat = tonumber(redis.call('HGET', KEYS[4], '') or '0') > tonumber(ARGV[10])
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not (is_full or is_fat) or oldest == ARGV[3] then break end
  forget(oldest, ARGV[9], ARGV[11])
end
for at = 1, 4 do
  if redis.call('PTTL', KEYS[at]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[at], ARGV[2]) end
end
return version
""",
    name="keep-answer",
)

# KEYS rows, order, version, floor   ARGV version seen, or -1
CHANGES = Script(
    """
local version = tonumber(redis.call('GET', KEYS[3]) or '0')
local floor = tonumber(redis.call('GET', KEYS[4]) or '0')
local seen = tonumber(ARGV[1])
if seen < floor or seen > version or seen < 0 then
  return {version, 1, redis.call('HGETALL', KEYS[1])}
end
local flat = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf')) do
  flat[#flat + 1] = id
  flat[#flat + 1] = redis.call('HGET', KEYS[1], id) or ''
end
return {version, 0, flat}
""",
    name="read-changes",
)

# KEYS rows, order, expiry, sizes, version, floor   ARGV now s, prefixes of entry and vector keys, ids… or none for all
REMOVE = Script(
    _FORGET
    + """
local ids = {}
if #ARGV == 3 then ids = redis.call('HKEYS', KEYS[1]) else
  for at = 4, #ARGV do ids[#ids + 1] = ARGV[at] end
end
local removed = 0
for _, id in ipairs(ids) do removed = removed + forget(id, ARGV[2], ARGV[3]) end
redis.call('SET', KEYS[5], string.format('%.0f', tonumber(ARGV[1]) * 1000), 'NX')
redis.call('SET', KEYS[6], redis.call('INCR', KEYS[5]))
return removed
""",
    name="forget-answers",
)

# KEYS raise, samples   ARGV by, at most. Both in thousandths.
RAISE = Script(
    """
redis.call('DEL', KEYS[2])
local sum = math.min(tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1]), tonumber(ARGV[2]))
redis.call('SET', KEYS[1], sum)
return sum
""",
    name="raise-threshold",
)
SCRIPTS = {"write": WRITE, "changes": CHANGES, "remove": REMOVE, "raise": RAISE}
