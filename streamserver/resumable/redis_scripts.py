"""The scripts of answers in Redis: each is one atomic step.

An answer has a hash, its state, and a stream, its log. Keys that the scripts of an answer get:

1. the state: what ``Record`` has, ``count`` (of the events) and, after the end, ``end``
2. the log: the event N at N-0, before them an entry at 0-1 when there is a head, or will be none
3. the ids of all answers, sorted by the time when they expire
4. the bytes of the events of each answer, and in the field ``total`` of all
5. the lease of the process that produces the answer; it exists as long as it is refreshed
6. if the answer has an idempotency key, what maps the key to the id

Only the process that claimed an answer appends to it, and only until the state has an ``end``.
Another process may set that once the lease has expired. So a producer that was paused for longer
appends nothing to an answer that was ended without it. Events are numbered by the producer, so one
that is sent again, because the reply was lost, is not added twice.

Times are those of Redis, so the clocks of machines do not matter. Every key expires.
"""

import hashlib
from dataclasses import dataclass, field

_NOW = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""
_ANSWER = (
    _NOW
    + """
local function keep(id, ttl)
  redis.call('PEXPIRE', KEYS[1], ttl)
  redis.call('PEXPIRE', KEYS[2], ttl)
  if KEYS[6] then redis.call('PEXPIRE', KEYS[6], ttl) end
  redis.call('ZADD', KEYS[3], now() + ttl, id)
  for i = 3, 4 do
    if redis.call('PTTL', KEYS[i]) < tonumber(ttl) then redis.call('PEXPIRE', KEYS[i], ttl) end
  end
end
local function forget(id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('HINCRBY', KEYS[4], 'total', 0 - (redis.call('HGET', KEYS[4], id) or 0))
  redis.call('HDEL', KEYS[4], id)
end
local function append(id, count, first, from)
  local bytes = 0
  for i = from, #ARGV do
    if first + i - from > count then
      count = count + 1
      bytes = bytes + #ARGV[i]
      redis.call('XADD', KEYS[2], count .. '-0', 'event', ARGV[i])
    end
  end
  redis.call('HSET', KEYS[1], 'count', count)
  redis.call('HINCRBY', KEYS[4], id, bytes)
  return count, redis.call('HINCRBY', KEYS[4], 'total', bytes)
end
local function discard(id, ttl)
  if KEYS[6] and redis.call('GET', KEYS[6]) == id then redis.call('DEL', KEYS[6]) end
  redis.call('DEL', KEYS[1], KEYS[2])
  forget(id)
  redis.call('HSET', KEYS[1], 'discarded', 1)
  redis.call('XADD', KEYS[2], '0-1', 'head', 0)
  for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], ttl) end
  return 'discarded'
end
local count, ended = unpack(redis.call('HMGET', KEYS[1], 'count', 'end'))
count = count and tonumber(count)
"""
)


@dataclass(frozen=True, slots=True)
class Script:
    """A script; Redis knows it by its digest, once it was loaded."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False)
        object.__setattr__(self, "sha", digest.hexdigest())


CLAIM = Script(
    _ANSWER
    + """
local id, stale, answers, total, ttl, lease = unpack(ARGV)
if redis.call('EXISTS', KEYS[1]) == 1 then return '0 0' end
local known = KEYS[6] and redis.call('GET', KEYS[6])
if known and known ~= stale then return known end
for _, each in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now())) do forget(each) end
local held, bytes = redis.call('ZCARD', KEYS[3]), redis.call('HGET', KEYS[4], 'total') or 0
if held >= tonumber(answers) or tonumber(bytes) >= tonumber(total) then
  return held .. ' ' .. bytes
end
redis.call('SET', KEYS[5], 1, 'PX', lease)
if KEYS[6] then redis.call('SET', KEYS[6], id) end
redis.call('HSET', KEYS[1], 'count', 0, unpack(ARGV, 7))
redis.call('HSET', KEYS[4], id, 0)
keep(id, ttl)
return id
"""
)
"""Arguments: the id; an id that has expired and may still be mapped to; how many answers, and how
many bytes of events, there may be; the milliseconds for which the answer is held, and those of the
lease; names and values of the state. The id of the answer that has the key, which is another one if
the key was used before. ``HELD BYTES`` if there is no room, or if the answer was discarded before
this script ran."""

OPEN = Script(
    _ANSWER
    + """
if not count then return 'gone' end
if ended then return ended end
if redis.call('HSETNX', KEYS[1], 'head', ARGV[1]) == 1 then
  redis.call('XADD', KEYS[2], '0-1', 'head', 1)
  redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
end
return ''
"""
)
"""Argument: the head. Empty, or why it was not added: ``gone``, or the ``end``."""

APPEND = Script(
    _ANSWER
    + """
if not count then return 'gone' end
if ended then return ended end
if tonumber(ARGV[3]) > count + 1 then return 'gap' end
local _, bytes = append(ARGV[1], count, tonumber(ARGV[3]), 4)
return bytes > tonumber(ARGV[2]) and 'full' or ''
"""
)
"""Arguments: the id, how many bytes of events there may be, the number of the first event, the
events. The result is that of ``OPEN``; ``full`` if there are more bytes now; ``gap`` if events
before these are missing, as after a failover to a replica that had not received them."""

END = Script(
    _ANSWER
    + """
if not count then return 'gone' end
if ended then return ended end
local id, ttl, reason, first, last = unpack(ARGV)
if reason == 'lost' then
  if redis.call('EXISTS', KEYS[5]) == 1 then return '' end
  if redis.call('HEXISTS', KEYS[1], 'head') == 0 then return discard(id, ttl) end
end
if first ~= '' and tonumber(first) > count + 1 then return 'gap' end
count = append(id, count, first == '' and count or tonumber(first), 6)
redis.call('XADD', KEYS[2], count + 1 .. '-0', 'event', last, 'last', 1)
redis.call('HSET', KEYS[1], 'end', reason)
keep(id, ttl)
return reason
"""
)
"""Arguments: the id, the milliseconds for which the answer is held from now on, the end, the number
of the first event (empty if there are none), the last entry, the events before it. The end that the
answer has now; ``gone``; ``gap`` as for ``APPEND``; empty if it would be ``lost`` but its process
lives. One that is lost before it has a head is discarded: no client has received anything of it, so
it may ask again."""

DISCARD = Script(_ANSWER + "return discard(ARGV[1], ARGV[2])")
"""Arguments: the id; the milliseconds for which a claim that arrives later has no effect, and
processes that wait for the head can see that there will be none."""

HOLD = Script(
    _ANSWER
    + """
if count and not ended then keep(ARGV[1], ARGV[2]) end
return not count and 'gone' or ended or ''
"""
)
"""Arguments: the id, the milliseconds for which a running answer is held. As ``OPEN``."""

LEASE = Script("return redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])")
"""Key: a lease. Argument: the milliseconds for which it exists."""

LOOK = Script(
    """
local found = {}
for i, key in ipairs(KEYS) do
  local state = redis.call('HMGET', key, 'end', 'process', 'key', 'target')
  found[i] = {state[1] or state[2] and '' or 'gone', state[2] or '', state[3] or '', state[4] or ''}
end
return found
"""
)
"""Keys: states. For each its ``end`` (empty if it has none, ``gone`` if there is no state), its
``process``, its ``key`` and its ``target``."""

LIVE = Script(
    """
local live = {}
for i, key in ipairs(KEYS) do live[i] = redis.call('EXISTS', key) end
return live
"""
)
"""Keys: leases. For each 1 if it exists, else 0."""

PRESENT = Script(
    _NOW
    + """
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now() + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
"""
)
"""Keys: the readers of answers. Arguments: the process that has some, the milliseconds for which it
counts."""

ABSENT = Script("for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end")
"""Keys: the readers of answers. Argument: the process that has lost its last one."""

FOLLOWED = Script(
    _NOW
    + """
local followed = {}
for i, key in ipairs(KEYS) do
  followed[i] = redis.call('ZCOUNT', key, '(' .. now(), '+inf')
end
return followed
"""
)
"""Keys: the readers of answers. For each the number of processes that have some."""
