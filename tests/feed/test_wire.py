"""The bytes that a reader of a feed gets, in both versions of HTTP."""

import asyncio

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.sse import Event
from support.answers import body, chunks
from support.following import MakeFeed, app, following
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import OLD, get
from support.waiting import wait_until

pytestmark = pytest.mark.both_loops


async def test_the_head_is_that_of_an_event_stream(serve: Serve, make_feed: MakeFeed) -> None:
    server = await serve(app(make_feed()))
    async with following(server) as reader:
        fields = reader.head.decode().lower().split("\r\n")
    assert {
        "content-type: text/event-stream",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
        "transfer-encoding: chunked",
    } <= set(fields)


async def test_a_new_reader_gets_its_position_and_a_reconnection_time(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """A client that is cut before its first event resumes from there."""
    feed = make_feed(retry=700)
    server = await serve(app(feed))
    first = await feed.publish("first")
    async with following(server) as reader:
        assert await reader.position() == first
        assert reader.chunks == [b"id: %b\nretry: 700\n\n" % first.encode()]
        second = await feed.publish("second")
        await reader.read(1)
        assert reader.chunks[1:] == [b"id: %b\ndata: second\n\n" % second.encode()]


async def test_the_position_of_a_new_reader_can_be_an_event(
    serve: Serve, make_feed: MakeFeed
) -> None:
    """Scripts see events only. A client that has a position gets none."""
    feed = make_feed(retry=700)

    async def announced(request: Request) -> Response:
        return feed.subscribe(request, announce=True)

    server = await serve(announced)
    first = await feed.publish("first")
    async with following(server) as reader:
        await reader.read(1)
        assert reader.chunks == [
            b"event: position\nid: %b\nretry: 700\ndata: \n\n" % first.encode()
        ]
    async with following(server, first) as reader:
        await reader.read_until(lambda reader: reader.chunks)
        assert reader.chunks == [b"retry: 700\n\n"]


async def test_a_reader_that_reconnects_gets_the_reconnection_time(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed(retry=700)
    server = await serve(app(feed))
    first = await feed.publish("first")
    async with following(server, first) as reader:
        await reader.read_until(lambda reader: reader.chunks)
        assert reader.chunks == [b"retry: 700\n\n"]


async def test_without_retry_no_reconnection_time_is_sent(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed(retry=None)
    server = await serve(app(feed))
    first, second = await feed.publish("first"), await feed.publish("second")
    async with following(server, first) as reader, following(server) as new:
        await reader.read(1)
        assert reader.chunks == [b"id: %b\ndata: second\n\n" % second.encode()]
        await new.position()
        assert new.chunks == [b"id: %b\n\n" % second.encode()]


async def test_all_readers_get_the_same_bytes(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with following(server) as one, following(server) as two, following(server) as three:
        for reader in (one, two, three):
            await reader.position()
        id = await feed.publish(Event({"text": "für alle\nzwei"}, event="news"))
        for reader in (one, two, three):
            [event] = await reader.read(1)
            assert event == Event('{"text":"für alle\\nzwei"}', event="news", id=id)
        assert one.chunks[1:] == two.chunks[1:] == three.chunks[1:]
        expected = f'id: {id}\nevent: news\ndata: {{"text":"für alle\\nzwei"}}\n\n'
        assert one.chunks[1:] == [expected.encode()]


async def test_each_event_is_a_chunk_of_its_own_however_many_are_written_at_once(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    ids = [await feed.publish(f"{n}\r\n\n") for n in range(5)]
    async with following(server, target="/all") as reader:
        await reader.read(5)
    assert reader.chunks[1:] == [
        f"id: {id}\ndata: {n}\ndata: \ndata: \n\n".encode() for n, id in enumerate(ids)
    ]


async def test_http_1_0_has_the_same_without_chunks(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    ids = [await feed.publish(n) for n in range(3)]
    new = OLD.replace(b"/ ", b"/all ")
    async with connect(server.port) as client:
        await client.send(new)
        await client.read_until(b"data: 2\n\n")
        ids.append(await feed.publish(3))
        await client.read_until(b"data: 3\n\n")
        await feed.publish(4, last=True)
        received = await client.read_until()
    assert b"transfer-encoding" not in received.lower()
    assert b"\r\nconnection: close\r\n" in received.lower()
    rest = body(received).partition(b"\n\n")[2]
    assert rest.startswith(
        b"".join(b"id: %b\ndata: %d\n\n" % (id.encode(), n) for n, id in enumerate(ids))
    )
    assert rest.endswith(b"data: 4\n\n")


async def test_a_head_alone_follows_nothing(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    async with connect(server.port) as client:
        await client.send(get(b"/").replace(b"GET", b"HEAD"))
        await client.read_until(b"\r\n\r\n")
        await wait_until(lambda: server.ended)
        await feed.publish("not for this one")
        await asyncio.sleep(0)
        await client.send(get(b"/all", b"Connection: close"))
        received = await client.read_until(b"not for this one\n\n")
    assert received.count(b"not for this one") == 1
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


async def test_the_next_request_on_a_connection_whose_feed_has_ended(
    serve: Serve, make_feed: MakeFeed
) -> None:
    feed = make_feed()
    server = await serve(app(feed))
    await feed.publish("over", last=True)
    asked = get(b"/all") + get(b"/all", b"Connection: close")
    received = await raw(server.port, asked)
    assert received.count(b"HTTP/1.1 200 ") == received.count(LAST_CHUNK) == 2
    assert received.endswith(LAST_CHUNK)


async def test_heartbeats_fill_the_silence(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed(heartbeat=0.02)
    server = await serve(app(feed), heartbeat=0)
    async with connect(server.port) as client:
        await client.send(get(b"/"))
        await client.read_until(lambda got: got.count(encode(b":\n\n")) >= 2)
        id = await feed.publish("between")
        await client.read_until(b"between\n\n\r\n")
        received = await client.read_until(
            lambda got: got.partition(b"between")[2].count(encode(b":\n\n")) >= 2
        )
    events = {chunk for chunk in chunks(received) if b"retry" not in chunk}
    assert events == {b":\n\n", b"id: %b\ndata: between\n\n" % id.encode()}
