"""Two servers and one Redis: the same feed at both, for clients that are moved between them."""

import asyncio
from pathlib import Path

import pytest

from streamserver.feed.feed import Feed
from support.following import app, following
from support.inprocess import Serve, Served
from support.nginx import nginx, reserved_port
from support.redis import MakeRedis, RedisServer

Two = tuple[tuple[Feed, Served], tuple[Feed, Served]]


@pytest.fixture
async def two(serve: Serve, make_redis: MakeRedis, shared_redis: RedisServer) -> Two:
    """The same feed twice, each with its server and its connections."""
    one, other = (Feed("news", make_redis(shared_redis)) for _ in range(2))
    return (one, await serve(app(one))), (other, await serve(app(other)))


@pytest.mark.both_loops
async def test_what_is_published_at_either_reaches_every_reader_once(two: Two) -> None:
    """With the same bytes, and so with the same ids."""
    (one, at_one), (other, at_other) = two
    async with following(at_one) as here, following(at_other) as there:
        await here.position()
        await there.position()
        ids = [await (one, other)[n % 2].publish(n) for n in range(10)]
        many = await asyncio.gather(*((one, other)[n % 2].publish(n) for n in range(10, 50)))
        await here.read(50)
        await there.read(50)
    assert here.chunks[1:] == there.chunks[1:]
    got = [event.id for event in here.events]
    assert got[:10] == ids
    assert set(got[10:]) == set(many)
    assert len(set(here.data)) == 50


@pytest.mark.both_loops
async def test_one_that_is_moved_after_each_event(two: Two) -> None:
    (one, at_one), (_, at_other) = two
    position, received = None, list[str]()
    publishing = asyncio.create_task(publish(one, 60))
    while len(received) < 60:
        async with following((at_one, at_other)[len(received) % 2], position, "/all") as reader:
            await reader.read(1)
        received += reader.data
        position = reader.id
        assert reader.gaps == []
    await publishing
    assert received == [*map(str, range(60))]


async def publish(feed: Feed, count: int) -> None:
    for n in range(count):
        await feed.publish(n)
        await asyncio.sleep(0.001)


FRONT = """
    upstream feed {{ server 127.0.0.1:{first}; server 127.0.0.1:{second} backup; }}
    server {{
        listen 127.0.0.1:{front} reuseport;
        location / {{
            proxy_pass http://feed;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_next_upstream error timeout;
        }}
    }}
"""


async def test_behind_nginx_from_one_to_the_other_in_mid_feed(two: Two, tmp_path: Path) -> None:
    """The first server stops: its client reconnects and reaches the second."""
    (one, at_one), (other, at_other) = two
    with reserved_port() as front:
        http = FRONT.format(first=at_one.port, second=at_other.port, front=front)
        with nginx(tmp_path, http, front):
            async with following(front) as before:
                await before.position()
                for n in range(10):
                    await one.publish(n)
                await before.read(10)
                publishing = asyncio.create_task(publish(other, 50))
                stopping = asyncio.create_task(at_one.stop(grace=5))
                await before.read_end()
                await stopping
            assert 1000 <= (before.parser.retry or 0) <= 5000
            async with following(front, before.id) as behind:
                await publishing
                await behind.read(60 - len(before.events))
    received = [*before.data, *behind.data]
    assert received == [*map(str, range(10)), *map(str, range(50))]
    assert before.gaps == behind.gaps == []
    assert [exchange.outcome for exchange in at_one.ended] == ["drained"]
    assert len(at_other.ended) <= 1
    assert behind.events
