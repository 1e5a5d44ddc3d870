"""How topics in Redis are followed: over one connection, for as long as somebody reads them."""

import asyncio
import contextlib

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.following import Following
from streamserver.feed.redis import Redis
from support.following import app, crowd, following
from support.inprocess import Serve
from support.leaks import no_leaks
from support.redis import MakeRedis, RedisServer
from support.waiting import wait_until


@pytest.fixture
def backend(own_redis: RedisServer, make_redis: MakeRedis) -> Redis:
    """The only one that its Redis knows."""
    return make_redis(own_redis)


def waiting(server: RedisServer) -> list[str]:
    """The connections over which somebody waits for what is new."""
    return [each for each in server.clients() if " flags=b " in each and " cmd=xread " in each]


async def test_topics_that_come_while_it_waits(serve: Serve, backend: Redis) -> None:
    """Each is heard of at once, and nothing of the others is lost."""
    feeds = [Feed(f"topic {n}", backend) for n in range(5)]
    servers = [await serve(app(feed)) for feed in feeds]
    async with following(servers[0]) as first:
        await first.placed()
        for n, feed in enumerate(feeds[1:], 1):
            async with asyncio.timeout(2), following(servers[n]) as reader:
                await feeds[0].publish(f"before {n}")
                await reader.placed()
                await feeds[0].publish(f"behind {n}")
                await feed.publish("here")
                await reader.read(1)
        await first.read(8)
    assert first.told == [f"{where} {n}" for n in range(1, 5) for where in ("before", "behind")]


async def test_one_connection_for_all_topics_and_readers(
    serve: Serve, backend: Redis, own_redis: RedisServer
) -> None:
    feeds = [Feed(f"topic {n}", backend) for n in range(4)]
    servers = [await serve(app(feed)) for feed in feeds]
    async with (
        crowd(servers[0], 5),
        crowd(servers[1], 5),
        crowd(servers[2], 5) as readers,
        crowd(servers[3], 5),
    ):
        await wait_until(lambda: len(waiting(own_redis)) == 1)
        await feeds[2].publish("here")
        for reader in readers:
            await reader.read(1)
        await wait_until(lambda: len(waiting(own_redis)) == 1)
        assert len(own_redis.clients()) == 2  # and one to publish


async def test_topics_that_nobody_reads_are_let_go(
    serve: Serve, backend: Redis, own_redis: RedisServer
) -> None:
    """And the connection with the last of them; it is all there again for the next reader."""
    feed = Feed("news", backend)
    server = await serve(app(feed))
    for n in range(3):
        async with following(server, target="/all") as reader:
            await reader.placed()
            await wait_until(lambda: len(waiting(own_redis)) == 1)
            await feed.publish(n)
            await reader.read(n + 1)
            assert reader.told == [str(each) for each in range(n + 1)]
        await wait_until(lambda: not feed._topic.cursors)
        await wait_until(lambda: len(own_redis.clients()) == 1)
        assert feed._topic.log.newest is None


async def test_one_that_comes_back_while_its_topic_is_let_go(serve: Serve, backend: Redis) -> None:
    """Others keep the connection busy meanwhile."""
    feed, other = Feed("news", backend), Feed("other", backend)
    server, others = await serve(app(feed)), await serve(app(other))
    position = await feed.publish("first")
    async with following(others) as steady:
        await steady.placed()
        for n in range(20):
            async with following(server, position) as reader:
                await feed.publish(n)
                await reader.read(1)
                assert reader.told == [str(n)]
                position = str(reader.id)
            await other.publish(n)
        await steady.read(20)


async def test_a_cancellation_that_is_missed_is_repeated() -> None:
    """As it may be by what sends with a timeout, before Python 3.12."""

    async def read() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    follower = Following(lambda timeout: None)
    waiting = asyncio.create_task(follower._wait(read()))
    await asyncio.sleep(0)
    follower._changed.set()
    async with asyncio.timeout(5):
        assert await waiting is None


@pytest.mark.parametrize("loaded", [True, False])
async def test_nothing_is_left_when_it_is_closed(
    serve: Serve, own_redis: RedisServer, loaded: bool
) -> None:
    """Also while readers are there, and Redis does not answer: neither with what there is, nor with
    what is new."""
    async with no_leaks():
        redis = Redis(own_redis.url)
        server = await serve(app(Feed("news", redis)))
        await Feed("news", redis).publish("x")
        if not loaded:
            own_redis.freeze()
        async with following(server) as reader:
            if loaded:
                await reader.placed()
                await wait_until(lambda: waiting(own_redis))
                own_redis.freeze()
            else:
                await asyncio.sleep(0.05)  # it has asked by now
            async with asyncio.timeout(2):
                await redis.close()
        own_redis.resume()
        await wait_until(lambda: not own_redis.clients())
        await server.stop()
