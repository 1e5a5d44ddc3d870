"""Where a reader begins, and that one which reconnects gets each event once."""

import pytest

from streamserver.feed.feed import Feed
from support.answers import detail, statuses
from support.following import MakeFeed, app, following
from support.inprocess import Serve, Served
from support.rawsocket import raw
from support.requests import get

COUNT = 7


@pytest.fixture
def feed(make_feed: MakeFeed) -> Feed:
    return make_feed()


@pytest.fixture
async def server(serve: Serve, feed: Feed) -> Served:
    return await serve(app(feed))


@pytest.fixture
async def ids(feed: Feed) -> list[str]:
    """The ids of what has been published: 0, 1 and so on."""
    return [await feed.publish(n) for n in range(COUNT)]


async def goes_on(server: Served, feed: Feed, position: str | None, target: str) -> list[str]:
    """The events that a reader with this request gets, without those published meanwhile."""
    async with following(server, position, target) as reader:
        if not position and "-id=1" not in target:
            await reader.position()
        mark = f"live {await feed.publish('live')}"
        await feed.publish(mark)
        await reader.read_until(lambda reader: mark in reader.data)
        assert reader.data[-2:] == ["live", mark]
        return [data for data in reader.data if not data.startswith("live")]


async def test_only_what_is_new(server: Served, feed: Feed, ids: list[str]) -> None:
    assert await goes_on(server, feed, None, "/") == []


async def test_from_the_beginning(server: Served, feed: Feed, ids: list[str]) -> None:
    assert await goes_on(server, feed, None, "/all") == list(map(str, range(COUNT)))


@pytest.mark.parametrize("start", ["/", "/all"])
async def test_every_position(server: Served, feed: Feed, ids: list[str], start: str) -> None:
    """The `start` of the handler does not matter then."""
    for number, id in enumerate(ids):
        expected = list(map(str, range(number + 1, COUNT)))
        assert await goes_on(server, feed, id, start) == expected
        assert await goes_on(server, feed, None, f"{start}?last-event-id={id}") == expected


async def test_the_field_goes_before_the_query(server: Served, feed: Feed, ids: list[str]) -> None:
    """An EventSource that reconnects sends it, while its URL still has the first position."""
    target = f"/?last-event-id={ids[0]}"
    assert await goes_on(server, feed, ids[-2], target) == [str(COUNT - 1)]


@pytest.mark.parametrize("target", ["/all", "/all?last-event-id="])
async def test_an_empty_position_is_none(
    server: Served, feed: Feed, ids: list[str], target: str
) -> None:
    assert await goes_on(server, feed, "", target) == list(map(str, range(COUNT)))


@pytest.mark.parametrize("target", ["/", "/all"])
async def test_the_position_before_the_first_event(server: Served, feed: Feed, target: str) -> None:
    """It is sent immediately, so a client that is cut before the first event misses nothing."""
    async with following(server, target=target) as reader:
        position = await reader.position()
    await feed.publish("first")
    assert await goes_on(server, feed, position, target) == ["first"]


NO_IDS = [
    "7",
    "1-2-3",
    "-1",
    "1-",
    "a-0",
    "\u0663-0",  # a digit, and not one of ours
    "+1-0",
    "1_0-0",
    "$",
    "*",
    "123456789012345678901-0",
    "0-123456789012345678901",
    "18446744073709551616-0",  # beyond 64 bits, which are what Redis has for either number
    "0-18446744073709551616",
    "01-0",  # the same number as in 1-0, and another id
    "1-00",
    "00-0",
    "x" * 1000,
]
AROUND = [" ", "1-0 "]  # white space around the value of a field is not part of it
QUERY = "last-event-id"
CASES = [(each, way) for each in NO_IDS for way in ("Last-Event-ID", QUERY)]


@pytest.mark.parametrize(("position", "way"), [*CASES, *((each, QUERY) for each in AROUND)])
async def test_an_invalid_id(server: Served, position: str, way: str) -> None:
    """The error names what is allowed, and a short excerpt of the value."""
    if way == QUERY:
        quoted = "".join(f"%{byte:02x}" for byte in position.encode())
        asked = [f"/?last-event-id={quoted}".encode()]
    else:
        asked = [b"/", b"Last-Event-ID: " + position.encode()]
    received = await raw(server.port, get(*asked, b"Connection: close"))
    assert statuses(received) == [400]
    assert detail(received).startswith(f"{way} must be the id of an event")
    assert ascii(position[:40]) in detail(received)
    assert len(received) < 600


async def test_feeds_of_one_name_are_one_feed(serve: Serve, make_feed: MakeFeed) -> None:
    one, two, other = make_feed("same"), make_feed("same"), make_feed("other")
    server = await serve(app(two))
    async with following(server) as reader:
        await reader.position()
        await other.publish("elsewhere")
        await one.publish("here")
        await reader.read(1)
        assert reader.data == ["here"]
    assert (one.topic, other.topic) == ("same", "other")
