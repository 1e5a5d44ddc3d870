"""Readers whose position is no longer in the log, or never was: one gap, then the events."""

import pytest

from streamserver.feed.feed import Feed
from support.following import MakeFeed, app, following
from support.inprocess import Serve

COUNT = 350
"""So many that a bound of ten is felt in Redis too, which drops a hundred entries at a time."""
MARGIN = 110


async def published(feed: Feed, count: int, size: int = 1) -> list[str]:
    return [await feed.publish(f"{n:0{size}}") for n in range(count)]


async def check_gap(serve: Serve, feed: Feed, ids: list[str], position: str, most: int) -> str:
    """A reader with this position gets a gap, then at most `most` of the newest events; returns the
    gap's own id is."""
    server = await serve(app(feed))
    async with following(server, position) as reader:
        await reader.read_until(lambda reader: reader.id == ids[-1])
        gap, *events = reader.events
    assert reader.gaps == [{"after": position, "first": events[0].id}]
    assert [event.id for event in events] == ids[-len(events) :]
    assert [int(event.data) for event in events] == list(range(len(ids)))[-len(events) :]
    assert 1 <= len(events) <= most
    assert gap.id is not None
    assert gap.id == ([ids[0], *ids][-len(events) - 1] if len(events) < len(ids) else gap.id)
    return str(gap.id)


async def test_by_count(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed(max_events=10)
    ids = await published(feed, COUNT)
    await check_gap(serve, feed, ids, ids[0], MARGIN)


async def test_by_bytes(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed(max_bytes=2000)
    ids = await published(feed, 50, size=100)
    await check_gap(serve, feed, ids, ids[0], 2000 // 100)


@pytest.mark.parametrize("position", ["1-0", "99999999999999-0", "0-0"])
async def test_a_position_that_is_not_known(
    serve: Serve, make_feed: MakeFeed, position: str
) -> None:
    """Of an earlier process, of a clock that was ahead, and before the first event."""
    feed = make_feed(max_events=10)
    ids = await published(feed, COUNT)
    await check_gap(serve, feed, ids, position, MARGIN)


async def test_an_unknown_position_in_a_log_that_is_whole(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    ids = await published(feed, 5)
    assert await check_gap(serve, feed, ids, "99999999999999-0", 5) not in ids


async def test_an_unknown_position_in_a_log_that_is_empty(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with following(server, "1-0") as reader:
        await reader.read(1)
        assert reader.gaps == [{"after": "1-0", "first": None}]
        await feed.publish("then")
        await reader.read(2)
        assert reader.data[1:] == ["then"]
    async with following(server, str(reader.events[0].id)) as again:
        await again.read(1)
        assert again.data == ["then"]


async def test_a_gap_is_reported_once(serve: Serve, make_feed: MakeFeed) -> None:
    """Its id is the position after the gap: a client that is cut there gets no second one."""
    feed = make_feed(max_events=10)
    ids = await published(feed, COUNT)
    position = await check_gap(serve, feed, ids, ids[0], MARGIN)
    server = await serve(app(feed))
    async with following(server, position) as reader:
        await reader.read_until(lambda reader: reader.id == ids[-1])
        assert reader.gaps == []
        got = [event.id for event in reader.events]
        assert got == ids[-len(got) :]


async def test_the_last_position_before_the_log_misses_nothing(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """The event itself was dropped, but none after it."""
    feed = make_feed(max_bytes=2000)
    ids = await published(feed, 50, size=100)
    gap = await check_gap(serve, feed, ids, ids[0], 20)
    server = await serve(app(feed))
    at = ids.index(gap)
    async with following(server, ids[at - 1]) as before, following(server, gap) as behind:
        await before.read_until(lambda reader: reader.id == ids[-1])
        await behind.read_until(lambda reader: reader.id == ids[-1])
    assert before.gaps == [{"after": ids[at - 1], "first": ids[at + 1]}]
    assert behind.gaps == []


async def test_from_the_oldest_event_that_is_left(serve: Serve, make_feed: MakeFeed) -> None:
    """A reader without a position misses nothing, so it gets no gap."""
    feed = make_feed(max_events=10)
    ids = await published(feed, COUNT)
    server = await serve(app(feed))
    async with following(server, target="/all") as reader:
        await reader.read_until(lambda reader: reader.id == ids[-1])
    got = [event.id for event in reader.events]
    assert got == ids[-len(got) :]
    assert 10 <= len(got) <= MARGIN


@pytest.mark.parametrize("spare", [-40, 0])
async def test_an_event_as_large_as_the_log(serve: Serve, make_feed: MakeFeed, spare: int) -> None:
    """Larger even, with its id and its framing; connected readers still get it."""
    feed = make_feed(max_bytes=1000)
    server = await serve(app(feed))
    await feed.publish("small")
    async with following(server) as reader:
        await reader.position()
        text = "x" * (1000 - len("data: \n\n") + spare)
        for n in (1, 2):
            await feed.publish(text)
            await reader.read(n)
    assert reader.data == [text, text]
