"""Redis is killed, frozen or emptied while answers run: no event is lost silently."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from resumable.conftest import LEASE
from streamserver.resumable import redis_produced
from support.answers import chunks, detail, statuses
from support.rawsocket import RawClient, until_end
from support.redis import RedisServer
from support.relaying import EVENTS_HEAD, LAST_CHUNK
from support.resuming import DONE, Kept, data_of, event, head_of, location_of, say
from support.sharing import held, sharing
from support.upstreams import has_caller
from support.waiting import wait_until

Both = tuple[Kept, Kept]
LOST = "the answer is lost: Redis no longer has it"
TIMEOUT = 0.8
BEAT = b":\n"


@pytest.fixture
async def both(own_redis: RedisServer, prefix: str) -> AsyncIterator[Both]:
    """Two that wait for Redis for a short time only."""
    async with sharing(own_redis, prefix, timeout=TIMEOUT, heartbeat=0.1) as both:
        yield both


async def beats(client: RawClient, count: int) -> None:
    """Read until so many more heartbeats have come."""
    least = chunks(client.received).count(BEAT) + count
    await client.read_until(lambda received: chunks(received).count(BEAT) >= least)


async def begun(both: Both) -> tuple[RawClient, RawClient, RawClient]:
    """A client at each, and the upstream's side of their answer."""
    client, peer = await both[0].begin(event(0), key="k")
    reader = await both[1].get(location_of(client.received))
    await reader.read_until(event(0))
    return client, reader, peer


async def refused(kept: Kept, key: str = "") -> None:
    """The upstream is not asked."""
    client = await kept.post(key=key)
    await client.read_until(b"}\n")
    assert statuses(client.received) == [503]
    assert "out of reach: try again" in detail(client.received)
    assert head_of(client.received)["retry-after"] == "1"
    assert not has_caller(kept.upstream)


@pytest.mark.parametrize("harm", ["killed", "frozen"])
async def test_an_answer_continues_when_redis_is_back(
    both: Both, own_redis: RedisServer, harm: str
) -> None:
    """Readers wait as long as it is away. The upstream is asked once; each event arrives once."""
    client, reader, peer = await begun(both)
    await asyncio.to_thread(own_redis.kill) if harm == "killed" else own_redis.freeze()
    for number in range(1, 50):
        await say(peer, event(number))
    for each in (client, reader):
        await beats(each, 5)
    location = location_of(client.received)
    await asyncio.gather(*(refused(kept, key) for kept in both for key in ("", "other")))
    for away in [await kept.get(location) for kept in both]:
        await away.read_until(b"}\n")
        assert statuses(away.received) == [503]
    await asyncio.to_thread(own_redis.start) if harm == "killed" else own_redis.resume()
    await say(peer, DONE, is_last=True)
    expected = [*(f'{{"n": {n}}}' for n in range(50)), "[DONE]"]
    for each in (client, reader, await both[1].post(key="k")):
        assert data_of(await each.read_until(LAST_CHUNK)) == expected
    both[0].check_asked_once(peer)
    # A claim whose reply was lost has no effect: the key can be used.
    again = await both[1].post(key="other")
    second = await both[1].upstream.asked()
    await second.send(EVENTS_HEAD)
    await say(second, DONE, is_last=True)
    assert data_of(await again.read_until(LAST_CHUNK)) == ["[DONE]"]


async def test_a_lease_that_is_missing_for_a_moment(
    both: Both, own_redis: RedisServer, prefix: str
) -> None:
    """As all are after an outage, until they are refreshed: no answer is lost."""
    client, reader, peer = await begun(both)
    [lease] = await wait_until(lambda: held(own_redis, prefix, "lease"))
    for _ in range(15):
        own_redis.ask("DEL", lease)
        await asyncio.sleep(LEASE / 4 / 10)
    await say(peer, DONE, is_last=True)
    for each in (client, reader):
        assert data_of(await each.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]


async def test_the_head_of_an_answer_waits_for_redis(both: Both, own_redis: RedisServer) -> None:
    """The answer is paid for."""
    client = await both[0].post(key="k")
    peer = await both[0].upstream.asked()
    own_redis.freeze()
    await peer.send(EVENTS_HEAD)
    await say(peer, event(0), DONE, is_last=True)
    await asyncio.sleep(2 * TIMEOUT)
    own_redis.resume()
    assert data_of(await client.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]


async def test_more_than_can_be_held(
    both: Both, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the upstream is cancelled; the log has what was held, and an error."""
    client, reader, peer = await begun(both)
    monkeypatch.setattr(redis_produced, "BUFFERED", 100)
    own_redis.freeze()
    for number in itertools.count(1):
        try:
            await say(peer, event(number))
            await asyncio.sleep(0.005)
        except ConnectionError:
            break
    own_redis.resume()
    for each in (client, reader):
        await until_end(each)
        *data, last = data_of(each.received)
        assert data == [f'{{"n": {n}}}' for n in range(len(data))]
        assert len(data) >= 100 // len(event(0))
        assert "that Redis has not confirmed" in last


@pytest.mark.parametrize("is_silent", [True, False])
async def test_redis_comes_back_without_the_answer(
    both: Both, own_redis: RedisServer, is_silent: bool
) -> None:
    """It ends as lost for its readers, and the upstream is cancelled."""
    client, reader, peer = await begun(both)
    own_redis.ask("FLUSHALL")
    if not is_silent:
        await say(peer, event(1))
    for each in (client, reader):
        await until_end(each)
        assert data_of(each.received)[0] == '{"n": 0}'
        assert LOST in data_of(each.received)[1]
        assert len(data_of(each.received)) == 2
    await until_end(peer)
    for kept in both:
        head = await kept.end("GET", location_of(client.received))
        assert head.startswith(b"HTTP/1.1 404 ")


async def test_redis_comes_back_without_some_events(
    both: Both, own_redis: RedisServer, prefix: str
) -> None:
    """As after a failover to a replica that was behind: the answer ends with an error, also for
    readers who have read what is lost."""
    client, reader, peer = await begun(both)
    await say(peer, event(1))
    for each in (client, reader):
        await each.read_until(event(1))
    id = location_of(client.received).rpartition("/")[2]
    own_redis.ask("HSET", f"{prefix}answers:state:{id}", "count", "0")
    own_redis.ask("DEL", f"{prefix}answers:log:{id}")
    await say(peer, event(2))
    await until_end(peer)
    for each in (client, reader):
        await until_end(each)
        *data, last = data_of(each.received)
        assert data == ['{"n": 0}', '{"n": 1}']
        assert LOST in last
    late = await both[1].get(location_of(client.received))
    await until_end(late)
    [last] = data_of(late.received)
    assert LOST in last
