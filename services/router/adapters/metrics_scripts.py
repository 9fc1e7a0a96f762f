"""The Lua scripts by which counters and evidence change, each in one atomic step that a second try does not repeat."""

from libs.common.redis_store import Script

# How long a recorder's last stamps are known, which is how long the store may be away before a batch counts twice.
STAMP_SECONDS = 7 * 86_400

# KEYS: stamps of the recorder, marks `dealt`, other marks, journal. ARGV: number, stamp's seconds, seconds of `dealt`,
# of the others, then kind, conversation and time of each mark. Returns `1` and `0` for each; what is older than the
# journal is no first one, and is not remembered.
CLAIM = Script("""
local known = redis.call('HMGET', KEYS[1], 'claim', 'firsts')
if tonumber(known[1] or '0') >= tonumber(ARGV[1]) then return known[2] end
local begun = redis.call('HMGET', KEYS[4], 'reset', 'since')
local reset, since = tonumber(begun[1] or '0'), tonumber(begun[2] or '0')
local firsts, newest = {}, 0
for at = 5, #ARGV, 3 do
  local key, from = KEYS[3], since
  if ARGV[at] == 'dealt' then key, from = KEYS[2], reset end
  local time = tonumber(ARGV[at + 2])
  firsts[#firsts + 1] = time > from and redis.call('ZADD', key, 'NX', ARGV[at + 2], ARGV[at] .. ARGV[at + 1]) or 0
  newest = math.max(newest, time)
end
for place, seconds in pairs({[2] = ARGV[3], [3] = ARGV[4]}) do
  redis.call('ZREMRANGEBYSCORE', KEYS[place], '-inf', newest - seconds)
  redis.call('EXPIRE', KEYS[place], seconds)
end
local answer = table.concat(firsts)
redis.call('HSET', KEYS[1], 'claim', ARGV[1], 'firsts', answer)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return answer
""")

# KEYS: stamps of the recorder, journal, suspects, then those that the batch names. ARGV: number, stamp's seconds,
# journal's seconds, batch as JSON, then the owner's seal for each key from the second on ('' for none). The batch
# has `recent`, `suspects`, and slices: `last`, whole and float fields, those for the journal (`proof`), and the places
# of their hashes and conversations among KEYS.
ADD = Script("""
if tonumber(redis.call('HGET', KEYS[1], 'add') or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'add', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
local journal = KEYS[2]
local function own(place)
  local seal = ARGV[place + 3]
  if seal ~= '' then redis.call('HSETNX', KEYS[place], 'owner', seal) end
end
local batch = cjson.decode(ARGV[4])
local since = tonumber(redis.call('HGET', journal, 'since') or '0')
local reset = tonumber(redis.call('HGET', journal, 'reset') or '0')
own(2)
for _, slice in ipairs(batch.slices) do
  if slice.last > reset then
    for _, hash in ipairs(slice.hashes) do
      own(hash.place)
      local key = KEYS[hash.place]
      for name, by in pairs(slice.whole) do redis.call('HINCRBY', key, name, by) end
      for name, by in pairs(slice.float) do redis.call('HINCRBYFLOAT', key, name, by) end
      redis.call('EXPIRE', key, hash.ttl)
    end
    for _, talk in ipairs(slice.conversations) do
      redis.call('PFADD', KEYS[talk.place], unpack(talk.digests))
      redis.call('EXPIRE', KEYS[talk.place], talk.ttl)
    end
  end
  if slice.last > since then
    for name, by in pairs(slice.proof) do redis.call('HINCRBYFLOAT', journal, name, by) end
  end
end
local recent = (redis.call('HGET', journal, 'recent') or '') .. batch.recent
redis.call('HSET', journal, 'recent', string.sub(recent, -20))
redis.call('EXPIRE', journal, ARGV[3])
if #batch.suspects > 0 then
  redis.call('SADD', KEYS[3], unpack(batch.suspects))
  redis.call('EXPIRE', KEYS[3], ARGV[3])
end
return 1
""")

# KEYS: journal, suspects, marks of bad events. ARGV: time, '1' when the counters are emptied too, journal's seconds,
# owner's seal or ''.
RESTART = Script("""
local reset = ARGV[2] == '1' and ARGV[1] or redis.call('HGET', KEYS[1], 'reset') or '0'
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'since', ARGV[1], 'reset', reset)
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'owner', ARGV[4]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
""")
