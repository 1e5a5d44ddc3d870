"""Events as they arrive: their headers, heartbeats between them, and the farewell."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from conftest import Serve
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import Stream
from streamserver.wire.chunked import LAST_CHUNK, Decoder, End
from streamserver.wire.sse import Event, Parser
from support.inprocess import Served
from support.rawsocket import connect, raw
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BEAT = b": \n\n"
ITEMS = [Event("one", id=1), {"count": 2}, "three\nlines", Event("four", event="tick", retry=7)]
BYTES = (
    b'id: 1\ndata: one\n\ndata: {"count":2}\n\ndata: three\ndata: lines\n\n'
    b"event: tick\nretry: 7\ndata: four\n\n"
)


async def pulled(*items: Any, until: asyncio.Event | None = None) -> AsyncIterator[Any]:
    for item in items:
        yield item
        await asyncio.sleep(0)
    if until is not None:
        await until.wait()


def pushed(*items: Any) -> Stream:
    stream = Stream()
    for item in items:
        stream.enqueue(item)
    stream.close()
    return stream


async def serving(serve: Serve, answer: Callable[[], Response], **settings: Any) -> Served:
    async def handler(request: Request) -> Response:
        return answer()

    return await serve(handler, **settings)


def content(received: bytes) -> bytes:
    """The content so far, out of its chunks."""
    parts = Decoder().feed(received.partition(b"\r\n\r\n")[2])
    return b"".join(part for part in parts if not isinstance(part, End))


def chunks(received: bytes) -> list[bytes]:
    """Each chunk so far."""
    parts = Decoder().feed(received.partition(b"\r\n\r\n")[2])
    return [part for part in parts if not isinstance(part, End)]


# --- headers and events -----------------------------------------------------------------------


async def test_the_headers_that_people_forget(serve: Serve) -> None:
    server = await serving(serve, lambda: EventStream(pulled()))
    head = (await raw(server.port, GET, until=LAST_CHUNK)).partition(b"\r\n\r\n")[0]
    for line in (
        *(b"HTTP/1.1 200 OK", b"content-type: text/event-stream", b"transfer-encoding: chunked"),
        *(b"cache-control: no-cache, no-transform", b"x-accel-buffering: no"),
    ):
        assert line in head.split(b"\r\n")


def test_headers_and_status_that_a_handler_sets() -> None:
    given = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "yes"}
    stream = EventStream(pulled(), status=201, headers=given)
    assert stream.status == 201
    assert stream.headers.get_all("content-type") == ["text/event-stream; charset=utf-8"]
    assert stream.headers.get_all("x-accel-buffering") == ["yes"]


@pytest.mark.parametrize("body", [pulled, pushed])
@pytest.mark.parametrize("heartbeat", [0, None])
async def test_each_event_is_one_chunk(
    serve: Serve, body: Callable[..., Any], heartbeat: float | None
) -> None:
    """Switched off or not needed, heartbeats leave the bytes as they are."""
    server = await serving(serve, lambda: EventStream(body(*ITEMS), heartbeat=heartbeat))
    received = await raw(server.port, GET, until=LAST_CHUNK)
    assert content(received) == BYTES
    assert len(chunks(received)) == len(ITEMS)


async def test_a_handler_is_told_where_its_client_left_off(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return EventStream(pulled(Event(f"after {request.last_event_id}")))

    server = await serve(handler)
    sent = GET.replace(b"Host: a", b"Host: a\r\nLast-Event-ID: 41")
    assert b"data: after 41\n\n" in await raw(server.port, sent, until=LAST_CHUNK)


@pytest.mark.parametrize("body", [pulled, pushed])
@pytest.mark.parametrize("retry", [0, 3000])
async def test_the_time_to_reconnect_is_told_once_and_first(
    serve: Serve, body: Callable[..., Any], retry: int
) -> None:
    server = await serving(serve, lambda: EventStream(body("one", "two"), retry=retry))
    for _ in range(2):
        received = await raw(server.port, GET, until=LAST_CHUNK)
        assert content(received) == b"retry: %d\n\ndata: one\n\ndata: two\n\n" % retry


@pytest.mark.parametrize("retry", [-1, 1.5, True, "3000"])
def test_a_retry_is_whole_milliseconds(retry: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        EventStream(pulled(), retry=retry)


@pytest.mark.parametrize("heartbeat", [-1, -0.001, float("nan")])
def test_a_heartbeat_is_zero_or_more(heartbeat: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        EventStream(pulled(), heartbeat=heartbeat)


@pytest.mark.parametrize(
    "item",
    [
        *(Event("x", event=f"a{end}data: forged") for end in ("\n", "\r", "\r\n")),
        *(Event("x", id=f"a{end}b") for end in ("\n", "\r", "\0")),
        Event("x", retry=-1),
        Event(),
        None,
        object(),
        float("nan"),
        "\ud800",
    ],
    ids=str,
)
async def test_an_event_that_would_forge_another_is_not_sent(serve: Serve, item: object) -> None:
    """Nothing of it is, and the stream is cut, so that the client can tell."""
    server = await serving(serve, lambda: EventStream(pulled("sound", item, "after")))
    received = await raw(server.port, GET)
    assert content(received) == b"data: sound\n\n"
    assert LAST_CHUNK not in received
    server = await serving(serve, lambda: EventStream(pulled(item)))
    received = await raw(server.port, GET, until=lambda got: b"\r\n\r\n" in got)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"forged" not in received


# --- heartbeats -------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"heartbeat": 0.02}, {}])
async def test_a_silent_stream_beats_from_its_start(
    serve: Serve, settings: dict[str, float]
) -> None:
    """The interval is the stream's own, or else the settings'."""
    over = asyncio.Event()
    own = None if settings else 0.02
    server = await serving(
        serve, lambda: EventStream(pulled(until=over), heartbeat=own), **settings
    )
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(lambda got: got.count(BEAT) == 3)
        assert set(chunks(client.received)) == {BEAT}
        over.set()
        await client.read_until(LAST_CHUNK)


@pytest.mark.parametrize(("own", "general"), [(0, 0.01), (None, 0)])
async def test_no_heartbeats(serve: Serve, own: float | None, general: float) -> None:
    stream = Stream()
    server = await serving(serve, lambda: EventStream(stream, heartbeat=own), heartbeat=general)
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
    stream = Stream()
    server = await serving(serve, lambda: EventStream(stream), heartbeat=0.01)
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
    stream = Stream()
    server = await serving(serve, lambda: EventStream(stream), heartbeat=2.0)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.2
        while loop.time() < end:
            stream.enqueue("tick")
            await asyncio.sleep(0.02)
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert BEAT not in chunks(client.received)


async def test_a_stream_that_has_ended_beats_no_more(serve: Serve) -> None:
    server = await serving(serve, lambda: EventStream(pulled("one")), heartbeat=0.01)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(LAST_CHUNK)
        with pytest.raises(TimeoutError):
            await client.read_until(BEAT, timeout=0.1)


async def test_a_client_that_does_not_read_gets_no_heaps_of_heartbeats(serve: Serve) -> None:
    stream = Stream()
    server = await serving(serve, lambda: EventStream(stream), heartbeat=0.01)
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        while stream.desired_size > 0:
            stream.enqueue("x" * 8192)
        before = stream.desired_size
        await asyncio.sleep(0.2)
        assert stream.desired_size >= before


# --- the farewell -----------------------------------------------------------------------------

FAREWELL = re.compile(rb"retry: ([0-9]+)\n\n\Z")


@pytest.mark.parametrize("push", [True, False])
async def test_a_server_that_stops_ends_its_streams_properly(serve: Serve, push: bool) -> None:
    """Each client is told to come back, and not all of them at once."""
    ended: list[int] = []

    async def endless() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    def answer() -> Response:
        if not push:
            return EventStream(endless())
        stream = Stream(on_cancel=lambda: ended.append(1))
        stream.enqueue("one")
        return EventStream(stream)

    server = await serving(serve, answer)
    times = set()
    async with connect(server.port) as one, connect(server.port) as two, connect(server.port) as x:
        for client in (one, two, x):
            await client.send(GET)
            await client.read_until(b"data: one\n\n")
        await server.stop(grace=5)
        for client in (one, two, x):
            assert (await client.read_until()).endswith(LAST_CHUNK)
            told = FAREWELL.search(content(client.received))
            assert told, client.received
            times.add(int(told[1]))
    assert len(times) > 1, "once in sixteen million they are all the same"
    assert all(1000 <= time <= 5000 for time in times)
    assert ended == [1, 1, 1]
    assert [exchange.outcome for exchange in server.ended] == ["drained"] * 3


async def test_a_stream_that_begins_while_the_server_stops_ends_too(serve: Serve) -> None:
    """It would go on until the grace period is over, and then be cut."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        reached.set()
        await go_on.wait()
        return EventStream(Stream())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await reached.wait()
        stopping = asyncio.create_task(server.stop(grace=2))
        await asyncio.sleep(0)
        go_on.set()
        try:
            await client.read_until(LAST_CHUNK)
        finally:
            await stopping


async def test_a_stream_that_outlives_its_time_ends_properly(serve: Serve) -> None:
    server = await serving(serve, lambda: EventStream(Stream()), max_stream=0.05)
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until()).endswith(LAST_CHUNK)
        assert FAREWELL.search(content(client.received))
    await wait_until(lambda: server.ended)
    assert server.ended[0].outcome == "expired"
