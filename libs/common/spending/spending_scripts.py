"""The Lua scripts of the ledger: one step before a call, one after it. Amounts are whole tokens and micro-dollars."""

from libs.common.redis_store import Script

# KEYS: the day's sums (`t`, `m` spent; `ht`, `hm` held), the day's reservations by end. ARGV: now, end, member
# `id:tokens:micro`, tokens, micro, daily tokens, daily micro (0: no limit), seconds to keep. Returns 1 when it is held,
# else 0; spent tokens; spent micro.
HOLD = Script(
    """
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 1000)) do
  local tokens, micro = string.match(gone, ':(%d+):(%d+)$')
  redis.call('ZREM', KEYS[2], gone)
  redis.call('HINCRBY', KEYS[1], 'ht', 0 - tonumber(tokens))
  redis.call('HINCRBY', KEYS[1], 'hm', 0 - tonumber(micro))
end
local found = redis.call('HMGET', KEYS[1], 't', 'm', 'ht', 'hm')
for place = 1, 4 do found[place] = tonumber(found[place] or '0') end
local function left(limit, gone, asked)
  return limit == 0 or asked == 0 or gone + asked <= limit
end
local tokens, micro = tonumber(ARGV[4]), tonumber(ARGV[5])
if not left(tonumber(ARGV[6]), found[1] + found[3], tokens)
    or not left(tonumber(ARGV[7]), found[2] + found[4], micro) then
  return {0, found[1], found[2]}
end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'ht', tokens)
redis.call('HINCRBY', KEYS[1], 'hm', micro)
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[8])
return {1, found[1], found[2]}
""",
    name="hold-budget",
)

# KEYS: the day's sums, its reservations, its settled ids, the recent charges, then the rows of each day charged. ARGV:
# id, member, held tokens, held micro, spent tokens, spent micro, seconds to keep the day, seconds to keep rows, seconds
# to keep recent charges, how many of those, number of additions, additions (number of the rows' key, field, amount),
# recent charges. Returns 0 when the id was settled before, and changes nothing then.
SETTLE = Script(
    """
if redis.call('SADD', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('EXPIRE', KEYS[3], ARGV[7])
if redis.call('ZREM', KEYS[2], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'ht', 0 - tonumber(ARGV[3]))
  redis.call('HINCRBY', KEYS[1], 'hm', 0 - tonumber(ARGV[4]))
end
redis.call('HINCRBY', KEYS[1], 't', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'm', ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[7])
local last = 11 + 3 * ARGV[11]
for place = 12, last, 3 do
  redis.call('HINCRBY', KEYS[4 + ARGV[place]], ARGV[place + 1], ARGV[place + 2])
end
for place = 5, #KEYS do redis.call('EXPIRE', KEYS[place], ARGV[8]) end
for place = last + 1, #ARGV do
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[10], '*', 'c', ARGV[place])
end
if #ARGV > last then redis.call('EXPIRE', KEYS[4], ARGV[9]) end
return 1
""",
    name="settle-charge",
)
