"""What may be published, and how a feed ends."""

from typing import Any

import pytest

from streamserver.feed.feed import Feed
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
        (Event("typed", event="news"), "typed", "news"),
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
        (Event("x", id="1-0"), ValueError, "assigns the id of an event: omit '1-0'"),
        (Event("x", id=""), ValueError, "assigns the id of an event: omit ''"),
        ("x" * 93, ValueError, "the event has 101 bytes, the log holds at most 100"),
        (None, ValueError, "without data is not dispatched"),
        (Event(comment="x"), ValueError, "without data is not dispatched"),
        (Event(event="x"), ValueError, "without data is not dispatched"),
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
        ({"max_events": 0}, "must be 1 or more, not 0 and 16777216"),
        ({"max_bytes": 0}, "must be 1 or more, not 10000 and 0"),
        ({"ttl": -1}, "ttl must be 0 or more seconds, not -1"),
        ({"ttl": float("nan")}, "ttl must be 0 or more seconds, not nan"),
        ({"lagging": "wait"}, "lagging must be 'gap' or 'cut', not 'wait'"),
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
    """Those that are open and those that begin later, at any position; no subscriber is kept."""
    feed = make_feed()
    server = await serve(app(feed))
    first = await feed.publish("first")
    async with following(server) as new, following(server, target="/all") as all:
        await new.position()
        await all.read(1)
        last = await feed.publish("over", last=True)
        for reader in (new, all):
            await reader.read_end()
    assert new.data == ["over"]
    assert all.data == ["first", "over"]
    for position, target, expected in (
        (first, "/", ["over"]),
        (None, "/all", ["first", "over"]),
        (last, "/", []),
        (None, "/", []),
    ):
        async with following(server, position, target) as late:
            await late.read_end()
            assert late.data == expected
    await wait_until(lambda: len(server.ended) == 6)
    assert {exchange.outcome for exchange in server.ended} == {"complete"}
    assert not feed._topic.subscribers
    assert (await raw(server.port, OLD.replace(b"/ ", b"/all "))).endswith(b"data: over\n\n")


async def test_a_stream_ends_where_the_feed_did_though_it_went_on(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """A reader that was away gets the same as a connected one; later events are a new run."""
    feed = make_feed()
    server = await serve(app(feed))
    await feed.publish("first")
    last = await feed.publish("over", last=True)
    await feed.publish("again")
    async with following(server, target="/all") as all, following(server, last) as behind:
        await all.read_end()
        assert all.data == ["first", "over"]
        await behind.read(1)
        assert behind.data == ["again"]
        assert not behind.ended


async def test_a_connection_is_free_when_the_feed_has_ended(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with following(server) as reader:
        await reader.position()
        await feed.publish("over", last=True)
        await reader.read_end()
        reader.client.received = b""
        await reader.client.send(get(b"/all"))
        received = await reader.client.read_until(LAST_CHUNK)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"data: over\n\n" in received


@pytest.mark.parametrize("name", ["\ud800", "half \udfff of a pair"])
def test_a_name_that_cannot_be_written(make_feed: MakeFeed, name: str) -> None:
    with pytest.raises(ValueError, match="encodable in UTF-8, not") as raised:
        make_feed(name)
    assert ascii(name) in str(raised.value)
