"""How event streams end when their server stops, or their time is over."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.answer import Endless
from streamserver.wire.chunked import LAST_CHUNK
from support.answers import content
from support.handlers import answering
from support.inprocess import Serve
from support.rawsocket import connect
from support.requests import GET
from support.waiting import wait_until

FAREWELL = re.compile(rb"retry: ([0-9]+)\n\n\Z")


@pytest.mark.parametrize("push", [True, False])
async def test_a_server_that_stops_ends_its_streams_properly(serve: Serve, push: bool) -> None:
    """Each client gets a random reconnection time."""
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
        stream = StreamController(on_cancel=lambda: ended.append(1))
        stream.enqueue("one")
        return EventStream(stream)

    server = await serve(answering(answer))
    times = set()
    async with connect(server.port) as one, connect(server.port) as two, connect(server.port) as x:
        for client in (one, two, x):
            await client.send(GET)
            await client.read_until(b"data: one\n\n")
        await server.stop(grace=5)
        for client in (one, two, x):
            assert (await client.read_until()).endswith(LAST_CHUNK)
            found = FAREWELL.search(content(client.received))
            assert found, client.received
            times.add(int(found[1]))
    assert len(times) > 1, "once in sixteen million they are all the same"
    assert all(1000 <= time <= 5000 for time in times)
    assert ended == [1, 1, 1]
    assert [exchange.outcome for exchange in server.ended] == ["drained"] * 3


@pytest.mark.parametrize("count", [1, 4_000, 17_000])
def test_thousands_of_clients_return_at_a_thousand_a_second(count: int) -> None:
    endless = EventStream(StreamController()).endless
    assert endless is not None
    farewell = endless.farewell
    assert farewell is not None
    times = [int(farewell(count).removeprefix(b"retry: ")) for _ in range(500)]
    longest = max(5000, 1000 + count)
    assert 1000 <= min(times) <= 0.2 * longest + 1000
    assert 0.9 * longest <= max(times) <= longest, "once in 1e22 all are shorter"


@pytest.mark.parametrize(("max_stream", "expected"), [(0, 3), (0.05, 1)])
async def test_the_reconnection_time_grows_with_the_streams_that_end(
    serve: Serve, max_stream: float, expected: int
) -> None:
    """All of a server that stops, but only one that has outlived its time."""
    counts: list[int] = []

    def farewell(count: int) -> bytes:
        counts.append(count)
        return b"retry: 1000\n\n"

    def answer() -> Response:
        response = EventStream(StreamController())
        response.endless = Endless(b":\n\n", 0, farewell)
        return response

    server = await serve(answering(answer), max_stream=max_stream)
    async with connect(server.port) as one, connect(server.port) as two, connect(server.port) as x:
        for client in (one, two, x):
            await client.send(GET)
            await client.read_until(b"\r\n\r\n")
        if not max_stream:
            await server.stop(grace=5)
        await wait_until(lambda: len(counts) == 3)
    assert counts == [expected] * 3


async def test_a_stream_that_begins_while_the_server_stops_ends_too(serve: Serve) -> None:
    """It would go on until the grace period is over, and then be cut."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        reached.set()
        await go_on.wait()
        return EventStream(StreamController())

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
    server = await serve(answering(lambda: EventStream(StreamController())), max_stream=0.05)
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until()).endswith(LAST_CHUNK)
        assert FAREWELL.search(content(client.received))
    await wait_until(lambda: server.ended)
    assert server.ended[0].outcome == "expired"
