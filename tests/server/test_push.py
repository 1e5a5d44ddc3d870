"""Pushed bodies: the first piece of a call leaves at once, those behind it share a write."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.phase import Outcome
from streamserver.server.writer import GATHER, HIGH_WATER
from streamserver.wire.chunked import LAST_CHUNK, encode
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect, raw, until_end
from support.requests import GET
from support.waiting import wait_until

ONE, TWO, THREE = encode(b"one"), encode(b"two"), encode(b"three")


class Pushed:
    """A handler whose stream the test drives, and which keeps the writes."""

    def __init__(self) -> None:
        self.stream = StreamController()
        self.writes: list[bytes] = []

    async def __call__(self, request: Request) -> Response:
        request.exchange.tap(self.writes.append)
        return Response(self.stream)


@contextlib.asynccontextmanager
async def streaming(serve: Serve) -> AsyncIterator[tuple[Served, Pushed, RawClient]]:
    """A client that has received the head of the pushed response."""
    pushed = Pushed()
    server = await serve(pushed)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        yield server, pushed, client


async def test_what_one_call_enqueues_shares_a_write(serve: Serve) -> None:
    async with streaming(serve) as (_, pushed, client):
        for piece in ("one", "two", "three"):
            pushed.stream.enqueue(piece)
        assert pushed.writes[1:] == [ONE]
        seen = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: seen.set_result(len(pushed.writes)))
        assert await seen == 3
        pushed.stream.enqueue("one")
        assert pushed.writes[1:] == [ONE, TWO + THREE, ONE]
        pushed.stream.enqueue("two")
        pushed.stream.close()
        await client.read_until(LAST_CHUNK)
    assert pushed.writes[1:] == [ONE, TWO + THREE, ONE, TWO + LAST_CHUNK]


async def test_what_was_enqueued_before_the_head_leaves_with_it(serve: Serve) -> None:
    pushed = Pushed()
    for piece in ("one", "two", "three"):
        pushed.stream.enqueue(piece)
    pushed.stream.close()
    server = await serve(pushed)
    await raw(server.port, GET, until=LAST_CHUNK)
    head, rest = pushed.writes
    assert head.endswith(b"\r\n\r\n" + ONE)
    assert rest == TWO + THREE + LAST_CHUNK


async def test_an_empty_piece_before_the_head_delays_nothing(serve: Serve) -> None:
    """The handler has waited, so no call of the engine writes the head after the step."""
    pushed = Pushed()
    pushed.stream.enqueue("")
    pushed.stream.enqueue("one")

    async def handler(request: Request) -> Response:
        await asyncio.sleep(0)
        return await pushed(request)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(ONE)


async def test_no_more_than_so_much_is_held(serve: Serve) -> None:
    async with streaming(serve) as (_, pushed, client):
        for _ in range(5):
            pushed.stream.enqueue(bytes(GATHER - 1))
        held = 2 * GATHER - 2
        assert list(map(len, pushed.writes[1:3])) == [
            len(encode(bytes(GATHER - 1))),
            pytest.approx(held, abs=20),
        ]
        await client.read_until(lambda got: len(got) > 5 * (GATHER - 1))


async def test_held_pieces_count_against_the_room(serve: Serve) -> None:
    async with streaming(serve) as (_, pushed, _):
        pushed.stream.enqueue("one")
        pushed.stream.enqueue(bytes(1000))
        assert pushed.stream.desired_size == HIGH_WATER - 1000
        await wait_until(lambda: pushed.stream.desired_size == HIGH_WATER)


async def fails(server: Served, stream: StreamController) -> None:
    stream.error(OSError("gone"))


async def stops(server: Served, stream: StreamController) -> None:
    await server.listener.stop(0)


@pytest.mark.parametrize("end", [fails, stops])
async def test_what_was_enqueued_before_the_end_is_sent(
    serve: Serve, end: Callable[[Served, StreamController], Awaitable[None]]
) -> None:
    async with streaming(serve) as (server, pushed, client):
        pushed.stream.enqueue("one")
        pushed.stream.enqueue("two")
        await end(server, pushed.stream)
        await until_end(client)
    assert client.received.endswith(ONE + TWO)


async def test_a_client_that_left_leaves_nothing_behind(serve: Serve) -> None:
    async with streaming(serve) as (server, pushed, client):
        pushed.stream.enqueue("one")
        pushed.stream.enqueue("two")
        client.reset()
        await wait_until(lambda: server.ended)
    assert server.ended[0].outcome is Outcome.CLIENT_GONE
