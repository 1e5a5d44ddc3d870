"""Expect: 100-continue (RFC 9110, section 10.1.1)."""

import asyncio

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.answers import statuses
from support.handlers import echo
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST, chunked, post

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


EXPECTING = post(b"", length=5, fields=[b"Expect: 100-continue"])
EXPECTING_CHUNKS = chunked(end=b"", fields=[b"Expect: 100-continue"])


@pytest.mark.parametrize(
    ("sent", "body"), [(EXPECTING, b"hello"), (EXPECTING_CHUNKS, b"5\r\nhello\r\n0\r\n\r\n")]
)
async def test_a_client_is_asked_to_go_on_when_the_handler_reads(
    serve: Serve, sent: bytes, body: bytes
) -> None:
    reached, read = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        reached.set()
        await read.wait()
        return await echo(request)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(sent)
        await reached.wait()
        with pytest.raises(TimeoutError):
            await client.read_until(b"100", timeout=0.05)
        read.set()
        assert await client.read_until(b"\r\n\r\n") == CONTINUE
        await client.send(body)
        received = await client.read_until(b"got hello")
        assert received.startswith(CONTINUE + b"HTTP/1.1 200 OK\r\n")
        await client.send(LAST)
        assert statuses(await client.read_until()) == [100, 200, 200]


@pytest.mark.parametrize("expecting", [EXPECTING, EXPECTING_CHUNKS])
async def test_a_client_is_not_asked_when_the_handler_answers_first(
    serve: Serve, expecting: bytes
) -> None:
    """It may send the body or not; nobody can tell, so the connection ends."""
    server = await serve(echo)
    received = await raw(server.port, expecting.replace(b"POST /", b"POST /unread"))
    assert statuses(received) == [200]
    assert b"\r\nconnection: close\r\n" in received
    assert received.endswith(b"unread")


async def test_a_client_that_does_not_wait_is_not_asked(serve: Serve) -> None:
    server = await serve(echo)
    received = await raw(server.port, EXPECTING + b"hello" + LAST)
    assert statuses(received) == [200, 200]
    assert b"got hello" in received
