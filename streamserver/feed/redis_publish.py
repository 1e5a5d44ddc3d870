"""Publishing to Redis: a script adds an event to a stream, and only once for each key."""

import logging
from typing import Any

from streamserver.feed.idempotency import KEYS, TTL, IdempotencyKey
from streamserver.feed.redis_client import Connections, NotConnected
from streamserver.feed.topic import Bounds
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

# An entry names its predecessor, which only Redis knows. It also has the total of event bytes up to
# and including it: MAXLEN bounds a stream by count alone, and MEMORY USAGE is an estimate. Entries
# of other programs have no total and are skipped.
#
# The idempotency keys of a topic are a hash: each digest with "id fingerprint", and each number
# with the digest that was added under it, to find the oldest. The digest is stored before the
# event is added, its value afterwards: Redis does not undo a script that fails, so a user who may
# not write the hash must fail first.
SCRIPT = """
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
local result = id
if keys then
  result = id .. ' ' .. ARGV[7]
  redis.call('HSET', keys, digest, result)
end
while true do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local before = (tonumber(get(oldest, 'bytes')) or 0) - #get(oldest, 'event')
  if oldest[1] == id or bytes - before <= tonumber(ARGV[4]) then break end
  redis.call('XDEL', KEYS[1], oldest[1])
end
if tonumber(ARGV[5]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return result
"""


class Publisher:
    """Runs the script."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._script: Any = None

    async def publish(
        self,
        keys: list[str],
        event: bytes,
        is_last: bool,
        bounds: Bounds,
        key: IdempotencyKey | None,
    ) -> str:
        """Add an event to the stream at ``keys[0]``; its id. The hash of idempotency keys is at
        ``keys[1]``. HTTPError 503 as ``Feed.publish``, 422 as ``IdempotencyKey.check``."""
        ttl = int(bounds.ttl * 1000)
        arguments = event, int(is_last), bounds.events, bounds.bytes, ttl
        if key is None:
            return await self._run(keys[:1], *arguments)
        result = await self._run(keys, *arguments, *key, KEYS, ttl or int(TTL * 1000))
        id, _, fingerprint = result.partition(" ")
        key.check(fingerprint)
        return id

    async def _run(self, keys: list[str], *arguments: object) -> str:
        client = self._connections.client
        if self._script is None:
            self._script = client.register_script(SCRIPT)
        try:
            return str((await self._script(keys, arguments, client=client)).decode())
        except NotConnected as error:
            raise _failed(error, "is out of reach: the event was not added, try again") from error
        except self._connections.refusals as error:
            raise _failed(error, "refused the event: it was not added") from error
        except self._connections.failures as error:
            detail = "did not answer: the event may have been added. Repeated with the same"
            detail += " idempotency key, it is not added twice"
            raise _failed(error, detail, added="unknown") from error


def _failed(error: Exception, detail: str, added: str = "no") -> HTTPError:
    log.error("a Redis command of a feed failed: %s", error)
    retry = {"Retry-After": "1"}
    return HTTPError(503, f"the feed's store {detail}", headers=retry, added=added)
