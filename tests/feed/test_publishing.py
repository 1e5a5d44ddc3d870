"""What may be published, how a feed ends, and those who hear of it within the process."""

from typing import Any

import pytest

from streamserver.feed.feed import Feed
from streamserver.feed.log import Entry, make_entry
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.sse import Event
from support.following import MakeFeed, app, following
from support.inprocess import Serve
from support.rawsocket import raw
from support.requests import OLD, get
from support.waiting import wait_until


@pytest.mark.parametrize(
    ("event", "data", "type"),
    [
        ("text", "text", None),
        (b"bytes", "bytes", None),
        ("", "", None),
        ({"a": [1, None]}, '{"a":[1,null]}', None),
        (0, "0", None),
        (Event("typed", event="told"), "typed", "told"),
        (Event("two\nlines", retry=5, comment="and more"), "two\nlines", None),
    ],
)
async def test_what_is_published_is_what_is_newest(
    make_feed: MakeFeed, event: Any, data: str, type: str | None
) -> None:
    feed = make_feed()
    assert await feed.newest() is None
    await feed.publish("before")
    id = await feed.publish(event)
    assert await feed.newest() == Event(data, event=type, id=id)


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        (Event("x", id="1-0"), ValueError, "gives an event its id: leave out '1-0'"),
        (Event("x", id=""), ValueError, "gives an event its id: leave out ''"),
        ("x" * 93, ValueError, "an event of 101 bytes, where the whole log holds 100"),
        (None, ValueError, "without data reaches nobody"),
        (Event(comment="x"), ValueError, "without data reaches nobody"),
        (Event(event="x"), ValueError, "without data reaches nobody"),
        (Event("x", event="a\nb"), ValueError, "event may not contain"),
        (Event("x", retry=-1), ValueError, "retry"),
        ({1, 2}, TypeError, "JSON"),
        (float("nan"), ValueError, "JSON"),
        ("\ud800", UnicodeEncodeError, "surrogates"),
    ],
)
async def test_what_cannot_be_published(
    make_feed: MakeFeed, event: Any, error: type[Exception], message: str
) -> None:
    feed = make_feed(max_bytes=100)
    with pytest.raises(error, match=message):
        await feed.publish(event)
    assert await feed.newest() is None


async def test_an_event_that_just_fits(make_feed: MakeFeed) -> None:
    feed = make_feed(max_bytes=100)
    await feed.publish("x" * 92)
    newest = await feed.newest()
    assert newest is not None
    assert newest.data == "x" * 92


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_events": 0}, "1 event and 1 byte at least: 0"),
        ({"max_bytes": 0}, "1 event and 1 byte at least: 10000, 0"),
        ({"ttl": -1}, "ttl is seconds, 0 or more, not -1"),
        ({"ttl": float("nan")}, "ttl is seconds, 0 or more, not nan"),
        ({"lagging": "wait"}, "lagging is gap or cut, not 'wait'"),
        ({"retry": -1}, "retry"),
        ({"retry": 1.5}, "retry"),
        ({"heartbeat": -1}, "heartbeat is seconds, 0 or more, not -1"),
    ],
)
def test_what_no_feed_can_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Feed("news", **options)


# How it ends


@pytest.mark.both_loops
async def test_the_last_event_ends_all_streams(serve: Serve, make_feed: MakeFeed) -> None:
    """Those that are open and those that come later, wherever they begin; none is kept."""
    feed = make_feed()
    server = await serve(app(feed))
    first = await feed.publish("first")
    async with following(server) as new, following(server, target="/all") as all:
        await new.placed()
        await all.read(1)
        last = await feed.publish("over", last=True)
        for reader in (new, all):
            await reader.read_end()
    assert new.told == ["over"]
    assert all.told == ["first", "over"]
    for position, target, told in (
        (first, "/", ["over"]),
        (None, "/all", ["first", "over"]),
        (last, "/", []),
        (None, "/", []),
    ):
        async with following(server, position, target) as late:
            await late.read_end()
            assert late.told == told
    await wait_until(lambda: len(server.ended) == 6)
    assert {exchange.outcome for exchange in server.ended} == {"complete"}
    assert not feed._topic.cursors
    assert (await raw(server.port, OLD.replace(b"/ ", b"/all "))).endswith(b"data: over\n\n")


async def test_a_stream_ends_where_the_feed_did_though_it_went_on(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """A reader that was away gets what one had who was there; what follows is another run."""
    feed = make_feed()
    server = await serve(app(feed))
    await feed.publish("first")
    last = await feed.publish("over", last=True)
    await feed.publish("again")
    async with following(server, target="/all") as all, following(server, last) as behind:
        await all.read_end()
        assert all.told == ["first", "over"]
        await behind.read(1)
        assert behind.told == ["again"]
        assert not behind.ended


async def test_a_connection_is_free_when_the_feed_has_ended(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with following(server) as reader:
        await reader.placed()
        await feed.publish("over", last=True)
        await reader.read_end()
        reader.client.received = b""
        await reader.client.send(get(b"/all"))
        received = await reader.client.read_until(LAST_CHUNK)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"data: over\n\n" in received


# Within the process


async def test_a_watcher_hears_what_comes_while_it_watches(make_feed: MakeFeed) -> None:
    feed, heard = make_feed(), list[Event]()
    await feed.publish("before")
    stop = await feed.watch(heard.append)
    ids = [await feed.publish(n) for n in range(3)]
    await wait_until(lambda: len(heard) == 3)
    assert heard == [Event(str(n), id=id) for n, id in enumerate(ids)]
    stop()
    stop()
    await feed.publish("after")
    again = list[Event]()
    stop = await feed.watch(again.append)
    await feed.publish("again")
    await wait_until(lambda: again)
    assert [event.data for event in again] == ["again"]
    assert len(heard) == 3
    stop()


async def test_a_watcher_may_stop_in_the_midst_of_what_it_hears(make_feed: MakeFeed) -> None:
    feed, heard = make_feed(), list[str]()

    def hear(event: Event) -> None:
        heard.append(str(event.data))
        stop()

    stop = await feed.watch(hear)
    others = list[Event]()
    stop_others = await feed.watch(others.append)
    for n in range(3):
        await feed.publish(n)
    await wait_until(lambda: len(others) == 3)
    assert heard == ["0"]
    stop_others()


async def test_a_watcher_that_stops_hears_nothing_of_what_came_with_it() -> None:
    """Redis gives what is new by the hundred."""
    feed, heard = Feed("news"), list[str]()

    def hear(event: Event) -> None:
        heard.append(str(event.data))
        stop()

    stop = await feed.watch(hear)
    before, entries = feed._topic.log.last_id or "", list[Entry]()
    for n in range(3):
        entries.append(make_entry(f"9-{n}", before, b"data: %d\n\n" % n))
        before = entries[-1].id
    feed._topic.deliver(entries)
    assert heard == ["0"]


async def test_a_watcher_that_raises_hurts_nobody(
    serve: Serve, make_feed: MakeFeed, caplog: pytest.LogCaptureFixture
) -> None:
    feed, heard = make_feed(), list[Event]()
    server = await serve(app(feed))

    def explode(event: Event) -> None:
        raise RuntimeError("cannot hear")

    stop = await feed.watch(explode)
    stop_other = await feed.watch(heard.append)
    async with following(server) as reader:
        await reader.placed()
        for n in range(2):
            await feed.publish(n)
        await reader.read(2)
    await wait_until(lambda: len(heard) == 2)
    assert caplog.text.count("a watcher of the feed 'news' failed") == 2
    assert "cannot hear" in caplog.text
    stop()
    stop_other()


@pytest.mark.parametrize("name", ["\ud800", "half \udfff of a pair"])
def test_a_name_that_cannot_be_written(make_feed: MakeFeed, name: str) -> None:
    with pytest.raises(ValueError, match="written in UTF-8, not") as raised:
        make_feed(name)
    assert ascii(name) in str(raised.value)
