"""Notifications: what may be published, and what connected and returning clients get."""

import asyncio
import json
import time

import pytest

from streamserver.server.phase import Outcome
from support.asking import ask
from support.feeds import CUT, NOTIFICATIONS, named, notify, outcomes, post, texts
from support.following import following
from support.inprocess import Served
from support.problems import check_refusal

FEED = NOTIFICATIONS
BEGINNING = f"{FEED}?start=beginning"
TEXT = "a text of 1 to 500 characters"
LEVEL = "one of info, success, warning, error"
NAME = "a text of 1 to 64 characters"

# Publishing


async def test_connected_clients_get_it(server: Served) -> None:
    before = time.time_ns() // 1_000_000
    async with following(server, target=FEED) as one, following(server, target=FEED) as other:
        await one.position()
        await other.position()
        ids = [await notify(server, "hello"), await notify(server, "world", level="warning")]
        for follower in (one, other):
            events = await follower.read(2)
            assert [event.id for event in events] == ids
            assert [event.event for event in events] == [None, None]  # so onmessage gets them
            first, second = map(json.loads, follower.data)
            assert list(first) == ["text", "level", "time"]
            assert (first["text"], first["level"]) == ("hello", "info")
            assert (second["text"], second["level"]) == ("world", "warning")
            assert before <= first["time"] <= second["time"] <= time.time_ns() // 1_000_000


async def test_the_feed_is_an_event_stream_that_may_not_be_buffered(server: Served) -> None:
    async with following(server, target=FEED) as follower:
        await follower.position()
        assert b"content-type: text/event-stream\r\n" in follower.head
        assert b"cache-control: no-cache, no-transform\r\n" in follower.head
        assert follower.parser.retry == 1000


@pytest.mark.parametrize("level", ["info", "success", "warning", "error"])
async def test_levels(server: Served, level: str) -> None:
    await notify(server, "x", level=level)
    async with following(server, target=BEGINNING) as follower:
        await follower.read(1)
        assert json.loads(follower.data[0])["level"] == level


@pytest.mark.parametrize(
    "text",
    [
        "one\n\ndata: two",
        "one\r\rid: 7\revent: gap",
        "one\r\n\r\n: two",
        "one\u2028two\u2029\x85three",
        "\0\x1b[31m",
        "id: 1-1\nretry: 1",
        "\N{WAVING HAND SIGN}Grüße, 世界",
        "x" * 500,
        "\N{WAVING HAND SIGN}" * 500,
    ],
)
async def test_a_text_is_one_event_whatever_is_in_it(server: Served, text: str) -> None:
    id = await notify(server, text)
    after = await notify(server, "after")
    async with following(server, target=BEGINNING) as follower:
        events = await follower.read(2)
        assert texts(follower) == [text, "after"]
        assert [event.id for event in events] == [id, after]
        assert [event.event for event in events] == [None, None]
        assert follower.parser.retry == 1000


@pytest.mark.parametrize(
    ("body", "name", "allowed"),
    [
        ({}, "text", TEXT),
        ({"text": ""}, "text", TEXT),
        ({"text": None}, "text", TEXT),
        ({"text": "x" * 501}, "text", TEXT),
        ({"text": "\ud800"}, "text", TEXT),
        ({"text": ["x"]}, "text", TEXT),
        ({"text": "x", "level": "fatal"}, "level", LEVEL),
        ({"text": "x", "level": ""}, "level", LEVEL),
        ({"text": "x", "level": 1}, "level", LEVEL),
    ],
)
async def test_a_notification_that_is_refused(
    server: Served, body: object, name: str, allowed: str
) -> None:
    check_refusal(await post(server, FEED, body), name, allowed)
    async with following(server, target=BEGINNING) as follower:
        await notify(server, "the first")
        await follower.read(1)
        assert texts(follower) == ["the first"]


@pytest.mark.parametrize("target", [FEED, CUT])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b"text=x"])
async def test_what_is_no_json_object(server: Served, target: str, body: bytes) -> None:
    assert (await post(server, target, body)).status == 400


@pytest.mark.parametrize("target", [FEED, CUT])
async def test_a_body_is_bounded(server: Served, target: str) -> None:
    body = b'{"text": "x", "client": "x"'
    fits = body + b" " * (16384 - len(body) - 1) + b"}"
    assert (await post(server, target, fits)).status in (201, 202)
    assert (await post(server, target, fits + b" ")).status == 413


# Following


@pytest.mark.parametrize(
    ("query", "name", "allowed"),
    [
        ("start=", "start", "one of new, beginning"),
        ("start=end", "start", "one of new, beginning"),
        ("client=", "client", NAME),
        (f"client={'x' * 65}", "client", NAME),
        ("client=x&start=old", "start", "one of new, beginning"),
        ("announce=yes", "announce", "one of position, nothing"),
    ],
)
async def test_a_query_that_is_refused(server: Served, query: str, name: str, allowed: str) -> None:
    check_refusal(await ask(server, f"{FEED}?{query}"), name, allowed)


@pytest.mark.parametrize("name", [f"{FEED}?last-event-id=7", FEED])
async def test_a_position_that_is_none(server: Served, name: str) -> None:
    fields = {} if "?" in name else {"Last-Event-ID": "seven"}
    answer = await ask(server, name, fields=fields)
    assert answer.status == 400
    assert json.loads(answer.body)["parameter"].lower() == "last-event-id"


async def test_new_is_what_comes_after(server: Served) -> None:
    await notify(server, "old")
    async with following(server, target=FEED) as follower:
        await follower.position()
        await notify(server, "new")
        await follower.read(1)
        assert texts(follower) == ["new"]


async def test_the_position_can_be_announced(server: Served) -> None:
    id = await notify(server, "old")
    async with following(server, target=f"{FEED}?announce=position") as follower:
        [event] = await follower.read(1)
        assert (event.event, event.id, event.data) == ("position", id, "")


async def test_from_the_beginning(server: Served) -> None:
    ids = [await notify(server, text) for text in "abc"]
    async with following(server, target=BEGINNING) as follower:
        await follower.read(3)
        ids.append(await notify(server, "d"))
        assert [event.id for event in await follower.read(4)] == ids
        assert texts(follower) == ["a", "b", "c", "d"]


async def test_a_client_that_comes_back_gets_what_it_missed(server: Served) -> None:
    async with following(server, target=FEED) as before:
        await before.position()
        await notify(server, "received")
        await before.read(1)
        last = before.id
    ids = [await notify(server, "missed"), await notify(server, "this too")]
    # Where it once began does not matter any more.
    for target in (FEED, BEGINNING):
        async with following(server, last, target) as after:
            assert [event.id for event in await after.read(2)] == ids
            assert texts(after) == ["missed", "this too"]
    async with following(server, target=f"{FEED}?last-event-id={last}") as after:
        await after.read(2)
        assert texts(after) == ["missed", "this too"]


async def test_the_feed_ends_properly_with_the_server(server: Served) -> None:
    async with (
        following(server, target=FEED) as one,
        following(server, target=named("x")) as other,
    ):
        await one.position()
        await other.position()
        await asyncio.gather(server.stop(), one.read_end(), other.read_end())
        for follower in (one, other):
            assert follower.ended
            assert 1000 <= (follower.parser.retry or 0) <= 5000
    assert outcomes(server, FEED) == outcomes(server, named("x")) == [Outcome.DRAINED]
