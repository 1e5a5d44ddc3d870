"""Readers of a feed in a content coding: each event is encoded once, and each stream is whole."""

import random
import re

import pytest

from streamserver.feed.coded_blocks import block_coder
from streamserver.feed.feed import Feed
from streamserver.feed.subscribers import HTTPSubscriber
from streamserver.feed.topic import Start
from streamserver.kit.compress import compress
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.server.exchange import Exchange
from streamserver.wire.coders import stream_coder
from streamserver.wire.sse import HEARTBEAT, Event
from support.content_decoding import content_decoder
from support.feeds import heartbeats
from support.following import Follower, MakeFeed, app, following
from support.inprocess import Serve
from support.rawsocket import connect
from support.redis import MakeRedis, RedisServer
from support.requests import OLD, get
from support.waiting import wait_until

CODINGS = ("gzip", "zstd")
each_coding = pytest.mark.parametrize("coding", CODINGS)


def coded(feed: Feed, exchanges: list[Exchange] | None = None) -> Handler:
    return compress(app(feed, exchanges))


async def check_end(*readers: Follower) -> None:
    """All streams end, and so does what is in them."""
    for reader in readers:
        await reader.read_end()
        assert reader.content is None or reader.content.is_complete


def text(reader: Follower) -> bytes:
    """All that has come, decoded."""
    assert reader.content is not None
    decoder = content_decoder(type(reader.content).__name__.lower())
    return b"".join(map(decoder.feed, reader.chunks))


@pytest.mark.both_loops
@each_coding
async def test_readers_from_different_places_decode_the_same(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    feed = make_feed()
    server = await serve(coded(feed))
    ids = [await feed.publish(Event({"n": n, "text": "ä" * 30}, event="news")) for n in range(3)]
    async with (
        following(server, target="/all") as plain,
        following(server, target="/all", coding=coding) as first,
        following(server, ids[0], coding=coding) as replaying,
        following(server, coding=coding) as new,
    ):
        assert await new.position() == ids[2]
        ids.append(await feed.publish({"n": 3}))
        await new.read(1)
        async with following(server, coding=coding) as late:
            assert await late.position() == ids[3]
            ids += [await feed.publish({"n": n}, last=n == 5) for n in (4, 5)]
            await check_end(plain, first, replaying, new, late)
    assert [event.id for event in plain.events] == ids
    readers = (first, 0), (replaying, 1), (new, 3), (late, 4)
    for reader, missed in readers:
        assert reader.events == plain.events[missed:]
    assert text(first) == b"".join(plain.chunks)


@each_coding
async def test_each_event_is_decoded_from_one_chunk(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    """A chunk has one event, alone and in a backlog that is written at once."""
    feed = make_feed(retry=None)
    server = await serve(coded(feed))
    ids = [await feed.publish({"n": n}) for n in range(5)]
    async with following(server, ids[0], coding=coding) as reader:
        await reader.read(4)
        ids.append(await feed.publish({"n": 5}))
        await reader.read(5)
    header, *chunks = reader.chunks
    decoder = content_decoder(coding)
    assert decoder.feed(header) == b""
    assert [decoder.feed(chunk) for chunk in chunks] == [
        b'id: %b\ndata: {"n":%d}\n\n' % (id.encode(), n) for n, id in enumerate(ids) if n
    ]


@each_coding
async def test_all_readers_are_sent_the_same_object(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    """So the event was encoded once."""
    feed, exchanges, writes = make_feed(), list[Exchange](), list[bytes]()
    server = await serve(coded(feed, exchanges))
    async with (
        following(server, coding=coding) as one,
        following(server, coding=coding) as two,
        following(server) as plain,
    ):
        for reader in (one, two, plain):
            await reader.position()
        for exchange in exchanges[:2]:
            exchange.tap(writes.append)
        await feed.publish("to all")
        for reader in (one, two, plain):
            await reader.read(1)
        assert writes[0] is writes[1]
        assert len(writes) == 2
        async with following(server, target="/all", coding=coding) as later:
            exchanges[3].tap(writes.append)
            await later.read(1)
            assert later.chunks[-1] in writes[0]
            assert one.events == two.events == plain.events == later.events


@each_coding
async def test_heartbeats_between_events(serve: Serve, make_feed: MakeFeed, coding: str) -> None:
    feed = make_feed(heartbeat=0.02)
    server = await serve(coded(feed))
    async with following(server, coding=coding) as reader:
        for n in range(3):
            await heartbeats(reader, 2)
            await feed.publish(n)
            await reader.read(n + 1)
        await feed.publish("end", last=True)
        await check_end(reader)
    assert reader.data == ["0", "1", "2", "end"]
    assert len(re.findall(rb"(?m)^" + HEARTBEAT, text(reader))) >= 3


@each_coding
async def test_a_server_that_stops_completes_the_streams(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    feed = make_feed()
    server = await serve(coded(feed))
    async with following(server, coding=coding) as idle, following(server, coding=coding) as other:
        await idle.position()
        await other.position()
        await feed.publish("to all")
        await idle.read(1)
        await other.read(1)
        await server.stop()
        await check_end(idle, other)
    assert re.search(rb"\nretry: [0-9]+\n\n\Z", text(idle))


@each_coding
async def test_a_stream_that_is_cut_is_not_complete(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    feed, exchanges = make_feed(), list[Exchange]()
    server = await serve(coded(feed, exchanges))
    async with following(server, coding=coding) as reader:
        await reader.position()
        await feed.publish("one")
        await reader.read(1)
        exchanges[0].fail(OSError("on purpose"))
        with pytest.raises(EOFError):
            await reader.read_end()
        assert reader.content is not None
        assert not reader.content.is_complete


@each_coding
async def test_a_reader_that_is_behind_the_log_gets_a_gap(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    size, exchanges = 30_000, list[Exchange]()
    feed = make_feed(max_bytes=20 * size)
    server = await serve(coded(feed, exchanges))
    noise = random.Random(1).randbytes
    async with (
        following(server, receive_buffer=4096, coding=coding) as slow,
        following(server) as quick,
    ):
        await slow.position()
        await quick.position()
        count = 0
        left = 50  # more events than the log holds
        while left:
            await feed.publish(f"{count} {noise(size // 2).hex()}")
            count += 1
            await quick.read(count)
            left -= exchanges[0].connection.paused
        slow.hurry()
        await feed.publish("end", last=True)
        await check_end(slow, quick)
    assert len(slow.gaps) == 1
    assert len(slow.events) < len(quick.events)
    at = next(n for n, event in enumerate(slow.events) if event.event == "gap")
    first = next(n for n, e in enumerate(quick.events) if e.id == slow.gaps[0]["first"])
    assert slow.events[:at] == quick.events[:at]
    assert slow.events[at + 1 :] == quick.events[first:]


@each_coding
async def test_events_that_are_only_in_redis(
    serve: Serve,
    shared_redis: RedisServer,
    make_redis: MakeRedis,
    monkeypatch: pytest.MonkeyPatch,
    coding: str,
) -> None:
    monkeypatch.setattr("streamserver.feed.redis.LOADED", 10)
    feed = Feed("news", make_redis(shared_redis))
    ids = [await feed.publish(n) for n in range(60)]
    server = await serve(coded(feed))
    async with following(server, ids[0], coding=coding) as reader:
        await reader.read(59)
        ids.append(await feed.publish("end", last=True))
        await check_end(reader)
    assert [event.id for event in reader.events] == ids[1:]


@each_coding
async def test_a_subscriber_may_have_a_coder_with_a_window(
    serve: Serve, make_feed: MakeFeed, coding: str
) -> None:
    """Where each log has one reader, small events share a window."""

    class Windowed(HTTPSubscriber):
        make_coder = staticmethod(stream_coder)

    feed = make_feed()

    async def handler(request: Request) -> Response:
        return EventStream(Windowed(feed._topic, Start.BEGINNING, None, "gap"))

    server = await serve(compress(handler))
    ids = [await feed.publish(f"{n} of the same text") for n in range(3)]
    async with following(server, coding=coding) as reader:
        await reader.read(3)
        ids.append(await feed.publish("the same text", last=True))
        await check_end(reader)
    assert [event.id for event in reader.events] == ids
    alone = block_coder(coding).block(b"id: %b\ndata: the same text\n\n" % ids[-1].encode())
    assert len(reader.chunks[-2]) < len(alone)


async def test_a_client_that_accepts_both_equally_gets_gzip(serve: Serve) -> None:
    """Its blocks are smaller."""
    server = await serve(coded(Feed("news")))
    async with connect(server.port) as client:
        await client.send(get(b"/", b"Accept-Encoding: zstd, gzip, br"))
        head = await client.read_until(b"\r\n\r\n")
    assert b"\r\ncontent-encoding: gzip\r\n" in head


async def test_http_1_0_is_not_encoded(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(coded(feed))
    async with connect(server.port) as client:
        await client.send(OLD.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip\r\n\r\n"))
        await client.read_until(b"retry: ")
        await feed.publish("one", last=True)
        received = await client.read_until()
    assert b"content-encoding" not in received
    assert received.endswith(b"data: one\n\n")


async def test_a_reader_that_leaves_is_forgotten(serve: Serve, make_feed: MakeFeed) -> None:
    feed = make_feed()
    server = await serve(coded(feed))
    async with following(server, coding="gzip") as reader:
        await reader.position()
    await wait_until(lambda: server.ended)
    assert not feed._topic.subscribers
    assert server.ended[0].coder is None
