"""How long an exchange may live, and what its handler may do to the others meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import LAST_CHUNK
from support.inprocess import Serve
from support.producers import Producer
from support.rawsocket import connect
from support.requests import GET, OLD
from support.waiting import wait_until


async def test_a_handler_that_is_cancelled_by_its_own_is_an_error(serve: Serve) -> None:
    """Only a client that left cancels silently; any other cancellation is an answer."""

    async def handler(request: Request) -> Response:
        raise asyncio.CancelledError

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 500 ")
    [exchange] = server.ended
    assert isinstance(exchange.error, asyncio.CancelledError)


async def test_a_producer_that_never_waits_leaves_others_their_turn(serve: Serve) -> None:
    made: list[int] = []
    seen: list[int] = []

    async def hasty() -> AsyncIterator[bytes]:
        asyncio.get_running_loop().call_soon(lambda: seen.append(len(made)))
        for n in range(20_000):
            made.append(n)
            yield b"x"

    async def handler(request: Request) -> Response:
        return Response(hasty())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(LAST_CHUNK)
    assert seen[0] < 20_000


@pytest.mark.parametrize(("sent", "error"), [(GET, None), (OLD, ConnectionResetError)])
async def test_a_body_that_outlives_its_time_is_not_dressed_up_as_whole(
    serve: Serve, sent: bytes, error: type[Exception] | None
) -> None:
    """Only an event stream means the same wherever it ends."""
    producer = Producer(talks=True)
    server = await serve(producer.answer, max_stream=0.05)
    async with connect(server.port) as client:
        await client.send(sent)
        with pytest.raises(error) if error else contextlib.nullcontext():
            await client.read_until()
        assert b"piece" in client.received
        assert not client.received.endswith(LAST_CHUNK)
        assert await wait_until(lambda: producer.ended) is producer.began
    assert [exchange.outcome for exchange in server.ended] == [Outcome.EXPIRED]


async def test_a_handler_that_outlives_its_time_without_an_answer_is_a_503(serve: Serve) -> None:
    server = await serve(Producer(talks=False).wait, max_stream=0.05)
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 503 ")
    assert [exchange.outcome for exchange in server.ended] == [Outcome.EXPIRED]


async def test_what_ends_in_time_does_not_expire(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"in time")

    server = await serve(handler, max_stream=0.02)
    async with connect(server.port) as client:
        for _ in range(3):
            await client.send(GET)
            await client.read_until(b"in time")
            client.received = b""
            await asyncio.sleep(0.03)
    assert {exchange.outcome for exchange in server.ended} == {Outcome.COMPLETE}


@pytest.mark.parametrize("length", [3, 20])
async def test_a_body_that_is_unbound_is_sent_whatever_its_length_was_to_be(
    serve: Serve, length: int
) -> None:
    async def handler(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            request.exchange.unbind()
            yield b"seven "
            yield b"more"

        return Response(pieces(), headers={"Content-Length": str(length)})

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until()  # and its connection is not kept
    assert b"content-length: %d\r\n" % length in client.received
    assert client.received.endswith(b"\r\n\r\nseven more")
