"""Readers further behind than what a process has in memory: fed from Redis, in pieces."""

import asyncio

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.redis import Redis
from streamserver.server.exchange import Exchange
from support.following import app, following
from support.inprocess import Serve
from support.redis import MakeRedis, RedisServer
from support.waiting import wait_until

LOADED = 30


@pytest.fixture
def backend(
    shared_redis: RedisServer, make_redis: MakeRedis, monkeypatch: pytest.MonkeyPatch
) -> Redis:
    """One that has little in memory."""
    monkeypatch.setattr("streamserver.feed.redis.LOADED", LOADED)
    return make_redis(shared_redis)


async def test_what_is_not_in_memory_is_fetched(serve: Serve, backend: Redis) -> None:
    """From every position: in the part that is fetched, in memory, and where they meet."""
    feed = Feed("news", backend)
    count = LOADED + 650
    ids = await asyncio.gather(*(feed.publish(n) for n in range(count)))
    ids.sort(key=lambda id: [*map(int, id.split("-"))])
    server = await serve(app(feed))
    async with following(server) as steady:
        await steady.placed()
        for at in (0, 1, 19, 20, 21, 500, 648, 649, 650, 651, count - 2, count - 1):
            async with following(server, ids[at]) as reader:
                await reader.read(count - at - 1)
                assert [event.id for event in reader.events] == ids[at + 1 :]
        async with following(server, target="/all") as reader:
            await reader.read(count)
            assert [event.id for event in reader.events] == ids


async def test_a_slow_one_is_given_it_in_pieces_while_more_is_published(
    serve: Serve, backend: Redis
) -> None:
    """It has no more waiting for it than any, and comes to what is live without a hole."""
    exchanges = list[Exchange]()
    feed = Feed("news", backend)
    text = "x" * 30_000
    for n in range(LOADED + 200):
        await feed.publish(f"{n} {text}")
    total = LOADED + 200
    server = await serve(app(feed, exchanges))
    sizes = []
    async with following(server, target="/all", receive_buffer=16384) as slow:
        await slow.placed()
        connection = exchanges[0].connection
        await wait_until(lambda: connection.paused)
        going_on = asyncio.create_task(go_on(feed, total, text))
        while len(slow.events) < total + 100:
            await slow.read(len(slow.events) + 1)
            sizes.append(connection.transport.get_write_buffer_size())
        await going_on
    assert [int(told.split()[0]) for told in slow.told] == list(range(total + 100))
    assert 0 < max(sizes) <= 3 * 64 * 1024


async def go_on(feed: Feed, begin: int, text: str) -> None:
    for n in range(begin, begin + 100):
        await feed.publish(f"{n} {text}")
        await asyncio.sleep(0.001)


async def test_large_ones_are_not_fetched_all_at_once(
    serve: Serve, backend: Redis
) -> None:
    """A reader that takes nothing costs a batch or two of them, however many there are."""
    exchanges = list[Exchange]()
    feed = Feed("news", backend, max_bytes=64 * 1024 * 1024)
    for n in range(200):
        await feed.publish(f"{n} {'x' * 100_000}")
    server = await serve(app(feed, exchanges))
    small = Feed("news", backend)  # the same topic
    for n in range(2 * LOADED):
        await small.publish(f"{200 + n}")
    async with following(server, target="/all", receive_buffer=4096) as slow:
        await slow.placed()
        connection = exchanges[0].connection
        await wait_until(lambda: connection.paused)
        assert connection.transport.get_write_buffer_size() <= 64 * 1024 + 2 * 110_000
        slow.hurry()
        await slow.read(200 + 2 * LOADED)
    assert [int(told.split()[0]) for told in slow.told] == list(range(200 + 2 * LOADED))
