"""The Lua scripts by which conversations are read and changed, each in one atomic step."""

from libs.common.redis_store import Script

# KEYS: conversation, messages, and the reply when there is one to look for. ARGV: messages wanted. Returns nothing for
# a new conversation, else version, state, what it began with, messages, reply.
LOAD = Script(
    """
local head = redis.call('HMGET', KEYS[1], 'v', 's', 'b')
if not head[1] then return {} end
local wanted = tonumber(ARGV[1])
local history = wanted > 0 and redis.call('LRANGE', KEYS[2], -wanted, -1) or {}
return {head[1], head[2] or '', head[3] or '', history, KEYS[3] and redis.call('GET', KEYS[3])}
""",
    name="load-conversation",
)

# Both scripts that change something. KEYS: conversation, messages, reply, user. ARGV: retention in seconds, reply or ''
# for none, its seconds, user's conversation or '' for none, first version of a new conversation, number of messages,
# messages, then what each adds.
_FIRST_REPLY = """
if ARGV[2] ~= '' then
  local first = redis.call('GET', KEYS[3])
  if first then return first end
end
local own = 7 + ARGV[6]
local version = redis.call('HGET', KEYS[1], 'v')
local next = version and tonumber(version) + 1 or tonumber(ARGV[5])
"""
_ADD = """
redis.call('RPUSH', KEYS[2], unpack(ARGV, 7, own - 1))
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'u:' .. KEYS[4], '')
  redis.call('SADD', KEYS[4], ARGV[4])
  if redis.call('TTL', KEYS[4]) < tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[4], ARGV[1]) end
end
"""

# Own ARGV: version read, state, '1' when a slot is awaited, what the conversation began with or ''. Returns the reply
# that was first, the version after, or 0.
COMMIT = Script(
    f"""
{_FIRST_REPLY}
if (version or '0') ~= ARGV[own] then return 0 end
redis.call('HSET', KEYS[1], 'v', next, 's', ARGV[own + 1], 'a', ARGV[own + 2])
if ARGV[own + 3] ~= '' then redis.call('HSETNX', KEYS[1], 'b', ARGV[own + 3]) end
{_ADD}
if ARGV[2] ~= '' then redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[3]) end
return next
""",
    name="commit-turn",
)

# Returns the reply that was first, 0 when a slot is awaited, or {version after, state}.
APPEND = Script(
    f"""
{_FIRST_REPLY}
local found = redis.call('HMGET', KEYS[1], 's', 'a')
if found[2] == '1' then return 0 end
local state = found[1] or ''
redis.call('HSET', KEYS[1], 'v', next)
{_ADD}
if ARGV[2] ~= '' then redis.call('SET', KEYS[3], ARGV[2] .. state, 'EX', ARGV[3]) end
return {{next, state}}
""",
    name="append-turn",
)

# KEYS: messages. ARGV: index, the message as it was read, the message to put there. Returns 0 when it is another one.
AMEND = Script(
    """
if redis.call('LINDEX', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('LSET', KEYS[1], ARGV[1], ARGV[3])
return 1
""",
    name="amend-reply",
)

# KEYS: conversation, messages, its users. ARGV: version read or '' for none, the conversation's id. Returns 0 when it
# has changed since.
DELETE = Script(
    """
if (redis.call('HGET', KEYS[1], 'v') or '') ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1], KEYS[2])
for index = 3, #KEYS do redis.call('SREM', KEYS[index], ARGV[2]) end
return 1
""",
    name="delete-conversation",
)
