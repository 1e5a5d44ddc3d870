"""The end of a server: its readers are asked to reconnect, and resume where they were."""

import asyncio
import re

import pytest

from streamserver.feed.feed import Feed
from support.following import MakeFeed, app, crowd, following
from support.inprocess import Serve

FAREWELL = re.compile(rb"retry: ([0-9]+)\n\n\Z")


@pytest.mark.both_loops
async def test_all_readers_are_asked_to_reconnect(serve: Serve) -> None:
    await check_farewell(serve, 30)


async def test_a_thousand_of_them(serve: Serve) -> None:
    await check_farewell(serve, 1000)


async def check_farewell(serve: Serve, count: int) -> None:
    """Each at a time of its own, after a complete stream with every event published before."""
    feed = Feed("news", heartbeat=0)
    server = await serve(app(feed))
    async with crowd(server, count) as readers:
        id = await feed.publish("to all")
        stopping = asyncio.create_task(server.stop(grace=10))
        for reader in readers:
            await reader.read_end()
        await stopping
    assert {b"".join(reader.chunks[1:2]) for reader in readers} == {
        b"id: %b\ndata: to all\n\n" % id.encode()
    }
    times = [FAREWELL.search(reader.chunks[-1]) for reader in readers]
    assert len({int(time[1]) for time in times if time}) > count / 10
    assert all(time and 1000 <= int(time[1]) <= 5000 for time in times)
    assert [exchange.outcome for exchange in server.ended] == ["drained"] * count
    assert not feed._topic.subscribers


@pytest.mark.both_loops
async def test_a_reader_far_behind_gets_the_rest_when_it_reconnects(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    ids = [await feed.publish(f"{n} {'x' * 30_000}") for n in range(200)]
    server = await serve(app(feed))
    async with following(server, target="/all", receive_buffer=4096) as reader:
        await reader.read(1)
        stopping = asyncio.create_task(server.stop(grace=10))
        reader.hurry()
        await reader.read_end()
        await stopping
    assert FAREWELL.search(b"".join(reader.chunks))
    got = len(reader.events)
    assert [event.id for event in reader.events] == ids[:got]
    assert got < 200
    server = await serve(app(feed))
    async with following(server, reader.id) as again:
        await again.read(200 - got)
    assert [event.id for event in again.events] == ids[got:]
