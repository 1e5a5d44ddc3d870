"""Readers that are slower than the feed: no queue, no delay for others, no unreported loss."""

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.topic import BATCH
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from streamserver.server.writer import HIGH_WATER
from support.following import Follower, MakeFeed, app, following
from support.inprocess import Serve
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops
SIZE = 30_000
MOST = HIGH_WATER + BATCH + 2 * SIZE
"""Bytes that may wait for a reader: what it may have waiting, and a batch on top."""


class Pieces(Observer):
    """Counts what is written to each exchange."""

    sees_streams = True

    def __init__(self) -> None:
        self.sizes: dict[Exchange, list[int]] = {}

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        self.sizes.setdefault(exchange, []).append(size)


async def publish(feed: Feed, numbers: range) -> list[str]:
    return [await feed.publish(f"{n} ".ljust(SIZE, "x")) for n in numbers]


def waiting(exchange: Exchange) -> int:
    """Bytes that wait for its client."""
    return HIGH_WATER - exchange.desired_size


def numbers(reader: Follower) -> list[int]:
    """The numbers of the events that it got."""
    return [int(event.data.split()[0]) for event in reader.events if event.event != "gap"]


async def lag(feed: Feed, exchange: Exchange, others: Follower, begin: int = 0) -> int:
    """Publish until a client takes no more, and then as much again; how many there were."""
    number = begin
    while not exchange.connection.paused:
        await publish(feed, range(number, number + 10))
        number += 10
        await others.read(number)
    return number


async def test_one_that_is_behind_costs_no_queue_and_catches_up(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """Its backlog is sent in batches."""
    pieces, exchanges, feed = Pieces(), list[Exchange](), make_feed()
    server = await serve(app(feed, exchanges), observers=[pieces])
    async with following(server, receive_buffer=4096) as slow, following(server) as quick:
        await slow.position()
        await quick.position()
        count = await lag(feed, exchanges[0], quick)
        await publish(feed, range(count, count + 60))
        await quick.read(count + 60)
        assert numbers(quick) == list(range(count + 60))
        assert waiting(exchanges[0]) <= MOST
        before = len(pieces.sizes[exchanges[0]])
        slow.hurry()
        await slow.read(count + 60)
        assert numbers(slow) == list(range(count + 60))
        later = pieces.sizes[exchanges[0]][before:]
        assert max(later) <= BATCH + 2 * SIZE
        assert len(later) <= sum(later) / BATCH * 2 + 10


@pytest.fixture
def small(make_feed: MakeFeed) -> Feed:
    """A feed whose log is soon full."""
    return make_feed(max_bytes=20 * SIZE)


async def test_a_reader_whose_next_entry_was_dropped_gets_a_gap(serve: Serve, small: Feed) -> None:
    exchanges = list[Exchange]()
    server = await serve(app(small, exchanges))
    async with following(server, receive_buffer=4096) as slow, following(server) as quick:
        await slow.position()
        await quick.position()
        count = await lag(small, exchanges[0], quick)
        for _ in range(5):
            await publish(small, range(count, count + 10))
            count += 10
            await quick.read(count)
        assert waiting(exchanges[0]) <= MOST
        assert quick.gaps == []
        slow.hurry()
        await slow.read_until(lambda reader: numbers(reader)[-1:] == [count - 1])
        [gap] = slow.gaps
        at = next(n for n, event in enumerate(slow.events) if event.event == "gap")
        assert gap == {"after": slow.events[at - 1].id, "first": slow.events[at + 1].id}
        got = numbers(slow)
        assert got == [*range(at), *range(got[at], count)]
        assert count - got[at] <= 20
        assert numbers(quick) == list(range(count))


async def test_with_lagging_cut_it_is_cut(serve: Serve, make_feed: MakeFeed) -> None:
    """When it reconnects it gets a gap."""
    feed, exchanges = make_feed(max_bytes=20 * SIZE, lagging="cut"), list[Exchange]()
    server = await serve(app(feed, exchanges))
    async with following(server, receive_buffer=4096) as slow, following(server) as quick:
        await slow.position()
        await quick.position()
        count = await lag(feed, exchanges[0], quick)
        for _ in range(5):
            await publish(feed, range(count, count + 10))
            count += 10
            await quick.read(count)
        with pytest.raises(ConnectionResetError):
            await slow.read(count)
        assert [exchange.outcome for exchange in server.ended] == ["stalled"]
        await publish(feed, range(count, count + 1))
        await quick.read(count + 1)
    async with following(server, slow.id) as again:
        await again.read(2)
        assert len(again.gaps) == 1


@pytest.mark.parametrize("how", ["reset", "end"])
async def test_one_whose_connection_is_lost_while_it_is_written_to(
    serve: Serve, make_feed: MakeFeed, how: str
) -> None:
    """The others have it all, and nothing is kept for who is gone."""
    feed = make_feed()
    server = await serve(app(feed))
    async with following(server) as one, following(server) as gone, following(server) as two:
        for reader in (one, gone, two):
            await reader.position()
        await publish(feed, range(2))
        getattr(gone.client, how)()
        await publish(feed, range(2, 30))
        for reader in (one, two):
            await reader.read(30)
            assert numbers(reader) == list(range(30))
        await wait_until(lambda: server.ended)
        assert [exchange.outcome for exchange in server.ended] == ["client_gone"]
        await publish(feed, range(30, 31))
        await one.read(31)


async def test_a_subscriber_that_fails_is_cut_and_no_other(
    serve: Serve, make_feed: MakeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    feed, exchanges = make_feed(), list[Exchange]()
    server = await serve(app(feed, exchanges))

    def explode(data: object) -> None:
        raise RuntimeError("no way out")

    async with following(server) as first, following(server) as bad, following(server) as last:
        for reader in (first, bad, last):
            await reader.position()
        exchanges[1].tap(explode)
        await publish(feed, range(2))
        for reader in (first, last):
            await reader.read(2)
            assert numbers(reader) == [0, 1]
        with pytest.raises(EOFError):
            await bad.read(1)
        assert [exchange.outcome for exchange in server.ended] == ["truncated"]
        assert "no way out" in caplog.text


async def test_one_that_takes_nothing_for_long_is_cut(serve: Serve, make_feed: MakeFeed) -> None:
    """As any slow client is: a feed waits for none."""
    feed, exchanges = make_feed(), list[Exchange]()
    server = await serve(app(feed, exchanges), write_timeout=0.1)
    async with following(server, receive_buffer=4096) as slow, following(server) as quick:
        await slow.position()
        await quick.position()
        await lag(feed, exchanges[0], quick)
        await wait_until(lambda: server.ended)
        assert [exchange.outcome for exchange in server.ended] == ["stalled"]
