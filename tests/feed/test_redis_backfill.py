"""Readers further behind than the entries in memory: older entries are fetched, in batches."""

import asyncio

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.redis import TIMEOUT, Redis
from streamserver.server.exchange import Exchange
from support.following import app, following
from support.inprocess import Serve
from support.redis import MakeRedis, RedisServer
from support.waiting import wait_until

LOADED = 30
SENT = "total_net_output_bytes"


@pytest.fixture
def backend(
    shared_redis: RedisServer, make_redis: MakeRedis, monkeypatch: pytest.MonkeyPatch
) -> Redis:
    """One that has few entries in memory."""
    monkeypatch.setattr("streamserver.feed.redis.LOADED", LOADED)
    return make_redis(shared_redis)


async def test_what_is_not_in_memory_is_fetched(serve: Serve, backend: Redis) -> None:
    """From every position: in the fetched part, in memory, and at the border."""
    feed = Feed("news", backend)
    count = LOADED + 650
    ids = await asyncio.gather(*(feed.publish(n) for n in range(count)))
    ids.sort(key=lambda id: [*map(int, id.split("-"))])
    server = await serve(app(feed))
    async with following(server) as steady:
        await steady.position()
        for at in (0, 1, 19, 20, 21, 500, 648, 649, 650, 651, count - 2, count - 1):
            async with following(server, ids[at]) as reader:
                await reader.read(count - at - 1)
                assert [event.id for event in reader.events] == ids[at + 1 :]
        async with following(server, target="/all") as reader:
            await reader.read(count)
            assert [event.id for event in reader.events] == ids


async def test_a_slow_reader_gets_batches_while_more_is_published(
    serve: Serve, backend: Redis
) -> None:
    """Its buffer is as bounded as any other's, and it reaches the live events without a gap."""
    exchanges = list[Exchange]()
    feed = Feed("news", backend)
    text = "x" * 30_000
    for n in range(LOADED + 200):
        await feed.publish(f"{n} {text}")
    total = LOADED + 200
    server = await serve(app(feed, exchanges))
    sizes = []
    async with following(server, target="/all", receive_buffer=16384) as slow:
        await slow.position()
        connection = exchanges[0].connection
        await wait_until(lambda: connection.paused)
        going_on = asyncio.create_task(go_on(feed, total, text))
        while len(slow.events) < total + 100:
            await slow.read(len(slow.events) + 1)
            sizes.append(connection.transport.get_write_buffer_size())
        await going_on
    assert [int(received.split()[0]) for received in slow.data] == list(range(total + 100))
    assert 0 < max(sizes) <= 3 * 64 * 1024


async def go_on(feed: Feed, begin: int, text: str) -> None:
    for n in range(begin, begin + 100):
        await feed.publish(f"{n} {text}")
        await asyncio.sleep(0.001)


async def test_large_ones_are_not_fetched_all_at_once(
    serve: Serve, shared_redis: RedisServer, backend: Redis
) -> None:
    """A slow reader costs a batch or two, however many events there are."""
    exchanges, size, many = list[Exchange](), 200_000, 90
    feed = Feed("news", backend, max_bytes=32 * 1024 * 1024)
    for n in range(many):
        await feed.publish(f"{n} {'x' * size}")
    server = await serve(app(feed, exchanges))
    async with following(server, target="/all", receive_buffer=4096) as slow:
        await slow.position()
        connection = exchanges[0].connection
        await wait_until(lambda: connection.paused)
        most = 0
        slow.hurry()
        while len(slow.events) < many:
            most = max(most, connection.transport.get_write_buffer_size())
            await slow.read(len(slow.events) + 1)
    assert [int(received.split()[0]) for received in slow.data] == list(range(many))
    assert 0 < most <= 64 * 1024 + 2 * (size + 100)
    before, loaded = shared_redis.stat(SENT), LOADED * size  # by the process, for any reader
    async with following(server, target="/all", receive_buffer=4096) as slow:
        await slow.position()
        await wait_until(lambda: exchanges[1].connection.paused)
        # What the kernel takes is sent at once, and no more than a batch behind it.
        assert shared_redis.stat(SENT) - before < many * size / 2 + loaded


async def test_a_position_that_is_not_known_begins_with_what_redis_has(
    serve: Serve, backend: Redis
) -> None:
    """Not with the entries in memory, which differ between processes."""
    feed = Feed("news", backend)
    ids = [await feed.publish(n) for n in range(3 * LOADED)]
    server = await serve(app(feed))
    async with following(server) as steady, following(server, "99999999999999-0") as reader:
        await steady.position()
        await reader.read(1 + len(ids))
    assert reader.gaps == [{"after": "99999999999999-0", "first": ids[0]}]
    assert [event.id for event in reader.events[1:]] == ids


async def test_the_end_of_a_feed_that_went_on(serve: Serve, backend: Redis) -> None:
    """Also for a reader that is far behind."""
    feed = Feed("news", backend)
    first, last = await feed.publish("first"), await feed.publish("over", last=True)
    for n in range(3 * LOADED):
        await feed.publish(n)
    server = await serve(app(feed))
    async with following(server, first) as reader:
        await reader.read_end()
        assert reader.data == ["over"]
    async with following(server, last) as reader:
        await reader.read(3 * LOADED)


async def test_the_fetch_of_a_reader_that_leaves_is_cancelled(
    serve: Serve, own_redis: RedisServer, make_redis: MakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a Redis that hangs would keep its task and its memory."""
    monkeypatch.setattr("streamserver.feed.redis.LOADED", LOADED)
    feed = Feed("news", make_redis(own_redis), heartbeat=0.04)
    ids = [await feed.publish(n) for n in range(2 * LOADED)]
    server = await serve(app(feed))

    def fetching() -> list[object]:
        return [task for task in asyncio.all_tasks() if "_backfill" in repr(task.get_coro())]

    async with following(server) as steady:
        await steady.position()
        own_redis.freeze()
        async with following(server, ids[0]):
            await wait_until(fetching)
            # Once it has been asked: before Python 3.12 a task that is sending may stay.
            beats = len(steady.chunks) + 2
            await steady.read_until(lambda steady: len(steady.chunks) >= beats)
        await wait_until(lambda: not fetching(), timeout=TIMEOUT / 2)
        own_redis.resume()
