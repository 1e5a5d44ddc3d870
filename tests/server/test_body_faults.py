"""Bodies that are malformed, or never come."""

import asyncio

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.answers import detail, statuses
from support.cutting import in_pieces
from support.handlers import echo
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST, chunked, post


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (chunked(end=b"oops\r\n"), "chunked body: a chunk begins with its size"),
        (chunked(b"a", end=b"+1\r\n"), "chunked body: a chunk begins with its size"),
        (chunked(end=b"1\r\naXY"), "chunked body: a chunk's data must be followed by CRLF"),
        (chunked(end=b"1\na\r\n"), "chunked body"),
        (chunked(end=b"0\r\nHost: b\r\n\r\n"), "chunked body"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_a_malformed_body_is_refused(
    serve: Serve, sent: bytes, told: str, whole: bool
) -> None:
    server = await serve(echo)
    async with connect(server.port) as client:
        data = sent + LAST
        for piece in in_pieces(data, len(data) if whole else 1):
            await client.send(piece)
            await asyncio.sleep(0)
        received = await client.read_until()
    assert statuses(received) == [400]
    assert told in detail(received)
    assert b"\r\nconnection: close\r\n" in received
    assert [exchange.outcome for exchange in server.ended] == ["rejected"]


@pytest.mark.parametrize("sent", [post(b"h", length=5), chunked(b"h", end=b"")])
async def test_a_client_that_falls_silent_in_its_body(serve: Serve, sent: bytes) -> None:
    server = await serve(echo, body_timeout=0.05)
    received = await raw(server.port, sent)
    assert statuses(received) == [408]
    assert "in time" in detail(received)
    assert b"\r\nconnection: close\r\n" in received
    assert [exchange.outcome for exchange in server.ended] == ["rejected"]


async def test_a_slow_body_is_not_a_silent_one(serve: Serve) -> None:
    """The deadline is for each gap, not for the whole."""
    server = await serve(echo, body_timeout=1.0)
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with connect(server.port) as client:
        await client.send(post(b"", length=25))
        for _ in range(25):
            await client.send(b"x")
            await asyncio.sleep(0.05)
        await client.read_until(b"got " + b"x" * 25)
    assert loop.time() - start > 1.0


async def test_a_handler_that_does_not_read_keeps_no_deadline(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(0.2)
        return Response(await request.body())

    server = await serve(handler, body_timeout=0.05)
    await raw(server.port, post(b"hello"), until=b"\r\n\r\nhello")
