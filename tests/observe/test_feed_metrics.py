"""The metrics of feeds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamserver import Feed, Request, Response
from streamserver.observe.metrics import Metrics
from support.figures import Figures
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect
from support.requests import GET, get
from support.waiting import wait_until

EVENT = "x" * 16384


@asynccontextmanager
async def reading(server: Served, sent: bytes = GET, size: int = 0) -> AsyncIterator[RawClient]:
    """A client that follows the feed; a small ``size`` of its buffer makes it a slow one."""
    async with connect(server.port, receive_buffer=size) as client:
        await client.send(sent)
        await client.read_until(b"id: ")
        yield client


@pytest.fixture
def feed() -> Feed:
    """One that holds little, so that readers soon fall off."""
    return Feed("topic", max_events=50)


@pytest.fixture
async def server(serve: Serve, feed: Feed, metrics: Metrics) -> Served:
    """A server of the feed."""

    async def handler(request: Request) -> Response:
        return feed.subscribe(request)

    return await serve(handler, observers=[metrics])


async def test_readers_are_counted_while_they_read(server: Served, figures: Figures) -> None:
    async with reading(server):
        assert figures("feed_readers") == 1
        async with reading(server):
            assert figures("feed_readers") == figures("open_streams") == 2
        await wait_until(lambda: figures("feed_readers") == 1)
    await wait_until(lambda: figures("feed_readers") == 0)


async def test_readers_leave_when_the_feed_ends(
    server: Served, feed: Feed, figures: Figures
) -> None:
    async with reading(server):
        await feed.publish("last", last=True)
        assert figures("feed_readers") == figures("open_streams") == 0


async def test_events_of_a_feed_are_pieces_like_others(
    server: Served, feed: Feed, figures: Figures
) -> None:
    async with reading(server):
        sent, gaps = figures("sent_bytes_total"), figures("gap_seconds_count")
        await feed.publish(EVENT)
        assert figures("sent_bytes_total") - sent > len(EVENT)
        assert figures("gap_seconds_count") == gaps + 1


async def test_a_reader_whose_position_is_gone_is_a_gap(
    server: Served, feed: Feed, figures: Figures
) -> None:
    for number in range(51):
        await feed.publish(number)
    async with reading(server, get(b"/", b"Last-Event-ID: 1-0")) as client:
        await client.read_until(b"event: gap")
        assert figures("feed_gaps_total") == 1
        assert figures("feed_lag_events_count") == 0


async def test_a_slow_reader_lags_by_so_many_events(
    server: Served, feed: Feed, figures: Figures
) -> None:
    async with reading(server, size=65536) as client:
        while not figures("write_stalls_total"):
            await feed.publish(EVENT)
        for _ in range(3):
            await feed.publish(EVENT)
        await client.read_until(lambda got: figures("feed_lag_events_count"))
        assert figures("feed_lag_events_sum") == 3
        assert figures("feed_gaps_total") == 0


def test_a_reader_that_was_slow_and_missed_nothing_has_no_lag(
    metrics: Metrics, figures: Figures
) -> None:
    metrics.feed("lagged", 0)
    metrics.feed("lagged", 70_000)
    assert figures("feed_lag_events_count") == 1
    assert figures("feed_lag_events_bucket", le="10000.0") == 0
