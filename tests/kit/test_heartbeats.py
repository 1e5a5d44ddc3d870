"""Heartbeats: between events, when nothing else is said."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.stream import StreamController
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.sse import Event, Parser
from support.answers import chunks, content
from support.handlers import answering
from support.inprocess import Serve
from support.producers import pulled
from support.rawsocket import connect
from support.requests import GET

BEAT = b":\n\n"


@pytest.mark.parametrize("settings", [{"heartbeat": 0.02}, {}])
async def test_a_silent_stream_beats_from_its_start(serve: Serve, settings: dict[str, Any]) -> None:
    """The interval is the stream's own, or else the settings'."""
    over = asyncio.Event()
    own = None if settings else 0.02
    server = await serve(
        answering(lambda: EventStream(pulled(until=over), heartbeat=own)), **settings
    )
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(lambda got: got.count(BEAT) == 3)
        assert set(chunks(client.received)) == {BEAT}
        over.set()
        await client.read_until(LAST_CHUNK)


async def test_it_beats_no_more_often_than_asked(serve: Serve) -> None:
    beats, interval = 6, 0.04
    server = await serve(answering(lambda: EventStream(StreamController(), heartbeat=interval)))
    async with connect(server.port) as client:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await client.send(GET)
        await client.read_until(lambda got: got.count(BEAT) >= beats)
        got = client.received.count(BEAT)  # a busy machine may deliver several at once
        assert loop.time() - begin >= (got - 1) * interval * 0.9


@pytest.mark.parametrize(("own", "general"), [(0, 0.01), (None, 0)])
async def test_no_heartbeats(serve: Serve, own: float | None, general: float) -> None:
    stream = StreamController()
    server = await serve(answering(lambda: EventStream(stream, heartbeat=own)), heartbeat=general)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        for number in range(5):
            await asyncio.sleep(0.03)
            stream.enqueue(number)
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert content(client.received) == b"".join(b"data: %d\n\n" % n for n in range(5))


def beaten(times: int) -> Callable[[bytes], bool]:
    """Whether more heartbeats than these have come."""
    return lambda got: got.count(BEAT) > times


async def test_heartbeats_stand_between_events_and_change_none(serve: Serve) -> None:
    stream = StreamController()
    server = await serve(answering(lambda: EventStream(stream)), heartbeat=0.01)
    async with connect(server.port) as client:
        await client.send(GET)
        for number in range(5):
            await client.read_until(beaten(2 * number))
            stream.enqueue(Event(f"{number}\nand more", id=number))
        stream.close()
        await client.read_until(LAST_CHUNK)
    events = Parser().feed(content(client.received))
    assert [event.data for event in events] == [f"{number}\nand more" for number in range(5)]
    assert set(chunks(client.received)) - {BEAT} == {
        b"id: %d\ndata: %d\ndata: and more\n\n" % (number, number) for number in range(5)
    }


async def test_a_stream_that_speaks_needs_no_heartbeat(serve: Serve) -> None:
    stream = StreamController()
    server = await serve(answering(lambda: EventStream(stream)), heartbeat=1.0)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.6
        while loop.time() < end:
            stream.enqueue("tick")
            await asyncio.sleep(0.02)
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert BEAT not in chunks(client.received)


async def test_a_stream_that_has_ended_beats_no_more(serve: Serve) -> None:
    server = await serve(answering(lambda: EventStream(pulled("one"))), heartbeat=0.01)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(LAST_CHUNK)
        with pytest.raises(TimeoutError):
            await client.read_until(BEAT, timeout=0.1)


async def test_a_client_that_does_not_read_gets_no_heaps_of_heartbeats(serve: Serve) -> None:
    stream = StreamController()
    server = await serve(answering(lambda: EventStream(stream)), heartbeat=0.01)
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        while stream.desired_size > 0:
            stream.enqueue("x" * 8192)
        before = stream.desired_size
        await asyncio.sleep(0.2)
        assert stream.desired_size >= before
