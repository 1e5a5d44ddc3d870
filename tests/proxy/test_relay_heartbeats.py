"""Heartbeats in a relayed event stream: while the upstream is silent, and between events only."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.stream import StreamController
from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.exchange import Exchange
from streamserver.wire.sse import Parser
from support.answers import body, chunks, content, statuses
from support.beating import ASK, BEAT, BEATEN, INTERVAL, beaten, early, events, pass_time
from support.handlers import answering
from support.inprocess import Serve, Served
from support.passing import VIA, lines
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, StartRelay, chunk
from support.requests import GET, OLD
from support.stage import staged
from support.waiting import wait_until

EVENT = b"id: 1\ndata: a\n\n"


@pytest.fixture
async def server(relay: StartRelay) -> Served:
    """With a new connection to the upstream for each request."""
    return await relay(heartbeat=INTERVAL, pool=PoolLimits(idle=0))


@pytest.fixture
async def client(server: Served) -> AsyncIterator[RawClient]:
    async with connect(server.port) as client:
        yield client


async def answered(client: RawClient, upstream: RawServer, answer: bytes) -> RawClient:
    """The upstream's connection of a request; the client has received this part of the response."""
    await client.send(GET)
    peer = await upstream.asked()
    await peer.send(answer)
    await client.read_until(answer.partition(b"\r\n\r\n")[2] or b"\r\n\r\n")
    return peer


# Between events


async def test_a_stream_that_is_silent_from_its_head_on_gets_heartbeats(
    client: RawClient, upstream: RawServer
) -> None:
    await answered(client, upstream, EVENTS_HEAD)
    assert set(chunks(await client.read_until(beaten(3)))) == {BEAT}


async def test_heartbeats_stand_between_events_and_change_none(
    client: RawClient, upstream: RawServer
) -> None:
    peer = await answered(client, upstream, EVENTS_HEAD)
    sent = [b"id: %d\ndata: a\ndata: b\n\n" % number for number in range(5)]
    for number, event in enumerate(sent):
        await client.read_until(beaten(2 * number))
        await peer.send(chunk(event))
    await peer.send(LAST_CHUNK)
    received = await client.read_until(LAST_CHUNK)
    assert [each for each in chunks(received) if each != BEAT] == sent
    assert len(events(received)) == 5


EVENTS = [b"id: 1\ndata: a\n\n", b"id: 1\r\ndata: a\r\n\r\n", b"id: 1\rdata: a\r\r", b": a\n\n"]


@pytest.mark.parametrize("event", EVENTS)
async def test_no_heartbeat_stands_inside_an_event(
    server: Served, upstream: RawServer, event: bytes
) -> None:
    """Wherever it is cut; between the last CR and LF it is complete already."""
    whole = event.removesuffix(b"\n") if event.endswith(b"\r\n") else event
    async with contextlib.AsyncExitStack() as stack:
        streams = []
        for at in range(1, len(event)):
            client = await stack.enter_async_context(connect(server.port))
            peer = await answered(client, upstream, EVENTS_HEAD + chunk(event[:at]))
            streams.append((client, peer, at))
        await pass_time(server, upstream)
        for client, peer, at in streams:
            await peer.send(chunk(event[at:]))
            await client.read_until(beaten(1))
            await peer.send(LAST_CHUNK)
            received = content(await client.read_until(LAST_CHUNK))
            assert received.startswith(whole), at
            assert received.replace(BEAT, b"") == event
            assert len(Parser().feed(received)) == event.count(b"data")


@pytest.mark.usefixtures("steady_clock")
async def test_a_stream_with_events_gets_no_heartbeat(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay(heartbeat=0.2)
    async with connect(server.port) as client:
        peer = await answered(client, upstream, EVENTS_HEAD)
        for _ in range(20):
            await peer.send(chunk(EVENT))
            await asyncio.sleep(0.02)
        await peer.send(LAST_CHUNK)
        assert set(chunks(await client.read_until(LAST_CHUNK))) == {EVENT}


async def test_heartbeats_do_not_count_as_the_upstreams(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The gap deadline passes as without them."""
    server = await relay(heartbeat=INTERVAL, timeouts=Timeouts(gap=5 * INTERVAL))
    async with connect(server.port) as client:
        peer = await answered(client, upstream, EVENTS_HEAD + chunk(EVENT))
        received = await client.read_until()
        assert BEATEN in received
        assert LAST_CHUNK not in received.removesuffix(BEATEN)
        assert await until_end(peer) == b""
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


async def test_a_client_of_http_1_0_gets_them_too(client: RawClient, upstream: RawServer) -> None:
    await client.send(OLD)
    peer = await upstream.asked()
    await peer.send(EVENTS_HEAD + chunk(EVENT))
    await client.read_until(EVENT + 3 * BEAT)
    await peer.send(LAST_CHUNK)
    assert body(await client.read_until()).replace(BEAT, b"") == EVENT


async def test_a_byte_order_mark_stays_the_first(client: RawClient, upstream: RawServer) -> None:
    """It is one at the very beginning only; later it would be part of the first field."""
    peer = await answered(client, upstream, EVENTS_HEAD)
    await client.read_until(beaten(1))
    await peer.send(chunk("\ufeffdata: a\n\n".encode()) + LAST_CHUNK)
    assert [event.data for event in events(await client.read_until(LAST_CHUNK))] == ["a"]


async def test_a_stream_that_has_ended_gets_no_heartbeat(
    server: Served, client: RawClient, upstream: RawServer
) -> None:
    peer = await answered(client, upstream, EVENTS_HEAD + chunk(EVENT))
    await peer.send(LAST_CHUNK)
    received = await client.read_until(LAST_CHUNK)
    await pass_time(server, upstream)
    await client.send(GET)
    await (await upstream.asked()).send(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (await client.read_until(b"204"))[len(received) :].startswith(b"HTTP/1.1 204 ")


async def test_an_early_head_is_that_of_an_event_stream(
    relay: StartRelay, upstream: RawServer, serve: Serve
) -> None:
    """Its fields and the heartbeats are those of our own event streams, to the byte."""
    own = await serve(answering(lambda: EventStream(StreamController(), heartbeat=INTERVAL)))
    server = await relay(heartbeat=INTERVAL)
    async with connect(server.port) as relayed, connect(own.port) as reader:
        await early(server, upstream, relayed)
        await reader.send(GET)
        streams = [await one.read_until(beaten(2)) for one in (relayed, reader)]
    early_head, head = ({*lines(one)} for one in streams)
    assert {line for line in early_head ^ head if not line.startswith(b"date: ")} == {VIA}
    assert {*chunks(streams[0]), *chunks(streams[1])} == {BEAT}


# Streams that get no heartbeat


def head(*fields: bytes, status: bytes = b"200 OK") -> bytes:
    """A head with these field lines."""
    return b"\r\n".join((b"HTTP/1.1 " + status, *fields, b"", b""))


EVENT_STREAM, CHUNKED = b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked"
CLOSED = {
    "compressed": head(EVENT_STREAM, CHUNKED, b"Content-Encoding: gzip"),
    "compressed, and more": head(
        EVENT_STREAM, CHUNKED, b"Content-Encoding: br", b"Content-Encoding: identity"
    ),
    "of a length": head(EVENT_STREAM, b"Content-Length: 30"),
    "text": head(b"Content-Type: text/plain", CHUNKED),
    "similar": head(b"Content-Type: text/event-streams", CHUNKED),
    "of no type": head(CHUNKED),
    "an error": head(EVENT_STREAM, CHUNKED, status=b"500 Oh"),
}


@pytest.mark.parametrize("opening", CLOSED.values(), ids=CLOSED)
async def test_what_is_no_plain_event_stream_stays_as_it_is(
    server: Served, client: RawClient, upstream: RawServer, opening: bytes
) -> None:
    """The upstream is silent after the first half."""
    first, rest = chunk(EVENT), chunk(EVENT) + LAST_CHUNK
    if CHUNKED not in opening:
        first = rest = EVENT
    peer = await answered(client, upstream, opening + first)
    await pass_time(server, upstream)
    await peer.send(rest)
    assert body(await client.read_until(first + rest)) == first + rest


OPEN = {
    "a parameter": head(EVENT_STREAM + b"; charset=utf-8", CHUNKED),
    "large letters": head(b"Content-Type: Text/Event-Stream", CHUNKED),
    "as it is": head(EVENT_STREAM, CHUNKED, b"Content-Encoding: identity"),
    "no coding": head(EVENT_STREAM, CHUNKED, b"Content-Encoding: none"),
    "no coding, said twice": head(
        EVENT_STREAM, CHUNKED, b"Content-Encoding: NONE,", b"Content-Encoding: identity"
    ),
    "an empty coding": head(EVENT_STREAM, CHUNKED, b"Content-Encoding:"),
    "until it closes": head(EVENT_STREAM),
}


@pytest.mark.parametrize("opening", OPEN.values(), ids=OPEN)
async def test_a_plain_event_stream_gets_heartbeats(
    client: RawClient, upstream: RawServer, opening: bytes
) -> None:
    await answered(client, upstream, opening)
    assert statuses(await client.read_until(beaten(2))) == [200]


@pytest.mark.parametrize("options", [{}, {"heartbeat": 0}])
@pytest.mark.parametrize("asked", [GET, ASK])
async def test_without_the_option_every_byte_is_the_upstreams(
    relay: StartRelay, server: Served, upstream: RawServer, options: dict[str, Any], asked: bytes
) -> None:
    plain = await relay(**options)
    async with connect(plain.port) as client:
        await client.send(asked)
        peer = await upstream.asked()
        await pass_time(server, upstream)
        await peer.send(EVENTS_HEAD + chunk(EVENT))
        await client.read_until(EVENT)
        await pass_time(server, upstream)
        await peer.send(chunk(EVENT) + LAST_CHUNK)
        received = await client.read_until(LAST_CHUNK)
    assert statuses(received) == [200]
    assert content(received) == EVENT + EVENT


def has_sent(exchange: Exchange, count: int) -> bool:
    """Whether so many bytes are on their way to the client."""
    return exchange.bytes_sent >= count


async def test_heartbeats_do_not_accumulate_for_a_frozen_client() -> None:
    """The next one is sent when the client takes data again."""
    event = b"data: " + b"x" * 8192 + b"\n\n"
    async with (
        staged(heartbeat=INTERVAL) as at,
        connect(at.server.port, receive_buffer=65536) as client,
    ):
        await client.send(GET)
        peer = await at.upstream.asked()
        await peer.send(EVENTS_HEAD)
        exchange = at.begun[-1]
        for number in itertools.count(1):
            await peer.send(chunk(event))
            await wait_until(partial(has_sent, exchange, number * len(event)))
            if exchange.connection.paused:
                break
        before = exchange.bytes_sent
        await pass_time(at.server, at.upstream)
        assert exchange.bytes_sent == before
        await client.read_until(lambda got: got.endswith(2 * BEATEN))
