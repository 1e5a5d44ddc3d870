"""Publishing to Redis: one script adds an event to a stream, and at most once for each key."""

import logging
from typing import Any

from streamserver.feed.once import KEPT, KEYS, Once
from streamserver.feed.topic import Bounds
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

# An entry names the one before it, which only Redis can know. And it says how many bytes of events
# there have been up to it: MAXLEN bounds a stream by count alone, and MEMORY USAGE only guesses.
# What others have put there has no such count, and is passed over.
#
# The keys of a topic are a hash: each digest with "id fingerprint", and each number with the digest
# that was added as that number, to find the oldest. A digest is stored before its event is added,
# and its value after that: Redis undoes nothing of a script that fails, so for a user who may not
# write the hash it must fail first.
PUBLISH = """
local function get(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
  return ''
end
local keys, digest = KEYS[2], ARGV[6]
if keys then
  local known = redis.call('HGET', keys, digest)
  if known and known ~= '' then return known end
  if not known then
    redis.call('HSET', keys, digest, '')
    local number = redis.call('HINCRBY', keys, 'count', 1)
    redis.call('HSET', keys, number, digest)
    local oldest = redis.call('HGET', keys, number - tonumber(ARGV[8]))
    if oldest then redis.call('HDEL', keys, oldest, number - tonumber(ARGV[8])) end
  end
  redis.call('PEXPIRE', keys, ARGV[9])
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local ours = newest
while ours and not tonumber(get(ours, 'bytes')) do
  ours = redis.call('XREVRANGE', KEYS[1], '(' .. ours[1], '-', 'COUNT', 1)[1]
end
local bytes = (ours and get(ours, 'bytes') or 0) + #ARGV[1]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'event', ARGV[1],
    'previous', newest and newest[1] or '0-0', 'last', ARGV[2], 'bytes', bytes)
local told = id
if keys then
  told = id .. ' ' .. ARGV[7]
  redis.call('HSET', keys, digest, told)
end
while true do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local before = (tonumber(get(oldest, 'bytes')) or 0) - #get(oldest, 'event')
  if oldest[1] == id or bytes - before <= tonumber(ARGV[4]) then break end
  redis.call('XDEL', KEYS[1], oldest[1])
end
if tonumber(ARGV[5]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return told
"""


class NotConnected(ConnectionError):
    """There is no connection to Redis, so nothing was sent."""


class Publisher:
    """The script, for one client of redis-py."""

    __slots__ = ("_script",)

    def __init__(self, client: Any) -> None:
        self._script = client.register_script(PUBLISH)

    async def publish(
        self, keys: list[str], event: bytes, is_last: bool, bounds: Bounds, once: Once | None
    ) -> str:
        """Add an event to the stream at the first of ``keys``; its id. The second holds the topic's
        idempotency keys. HTTPError 503, 422 as ``Once.check`` has it."""
        ttl = int(bounds.ttl * 1000)
        limits = bounds.events, bounds.bytes, ttl
        if once is None:
            return await self._run(keys[:1], event, int(is_last), *limits)
        told = await self._run(
            keys, event, int(is_last), *limits, *once, KEYS, ttl or int(KEPT * 1000)
        )
        id, _, fingerprint = told.partition(" ")
        once.check(fingerprint)
        return id

    async def _run(self, keys: list[str], *arguments: object) -> str:
        from redis.exceptions import RedisError, ResponseError

        try:
            return str((await self._script(keys, arguments)).decode())
        except NotConnected as error:
            raise _failed(error, "is out of reach: the event was not added, try again") from error
        except ResponseError as error:
            raise _failed(error, "refused the event: it was not added") from error
        except (RedisError, OSError, TimeoutError) as error:
            said = "did not answer: the event may have been added. Repeated with the same"
            said += " idempotency key, it is not added twice"
            raise _failed(error, said, added="unknown") from error


def _failed(error: Exception, said: str, added: str = "no") -> HTTPError:
    log.error("the feeds' Redis: %s", error)
    retry = {"Retry-After": "1"}
    return HTTPError(503, f"the feed's store {said}", headers=retry, added=added)
