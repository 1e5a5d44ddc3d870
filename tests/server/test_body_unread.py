"""Bodies that nobody reads: what is left of them is read away, or the connection ends."""

import asyncio

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.body import WINDOW
from support.answers import statuses
from support.handlers import echo
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import LAST, chunked, post
from support.waiting import wait_until

MIB = 1024 * 1024


@pytest.mark.parametrize(
    "sent",
    [
        post(b"hello", target=b"/unread"),
        post(bytes(WINDOW), target=b"/unread"),
        chunked(b"hello", target=b"/unread"),
        chunked(*[b"x"] * 1000, target=b"/unread"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_short_body_is_read_away(serve: Serve, sent: bytes, late: bool) -> None:
    """Whether it came before the answer or comes after it, the connection stays in step."""
    server = await serve(echo)
    async with connect(server.port) as client:
        if late:
            head, sent = sent[: sent.index(b"\r\n\r\n") + 4], sent[sent.index(b"\r\n\r\n") + 4 :]
            await client.send(head)
            await client.read_until(b"unread")
        await client.send(sent + LAST)
        received = await client.read_until()
    assert statuses(received) == [200, 200]
    assert [exchange.target for exchange in server.ended] == ["/unread", "/last"]


@pytest.mark.parametrize(
    "sent",
    [
        post(bytes(5 * MIB), target=b"/unread"),
        post(b"", length=10**15, target=b"/unread"),
        chunked(*[bytes(WINDOW)] * 20, target=b"/unread"),
    ],
)
async def test_a_long_body_ends_the_connection(serve: Serve, sent: bytes) -> None:
    """The answer is readable all the same, and nothing hidden in the body runs."""
    server = await serve(echo)
    async with connect(server.port) as client:
        sending = asyncio.create_task(client.send(sent + LAST))
        received = await client.read_until()
        sending.cancel()
        await asyncio.wait([sending])
    assert statuses(received) == [200]
    assert received.endswith(b"unread")
    assert len(server.ended) == 1


async def test_a_body_read_by_half_is_read_away(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        async for part in request:
            return Response(b"part " + part)
        return Response(b"none")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"12345", length=10))
        await client.read_until(b"part 12345")
        await client.send(b"67890" + LAST)
        received = await client.read_until(b"none")
    assert statuses(received) == [200, 200]


async def test_an_unread_body_that_turns_out_malformed_ends_the_connection(serve: Serve) -> None:
    server = await serve(echo)
    async with connect(server.port) as client:
        await client.send(chunked(end=b"", target=b"/unread"))
        await client.read_until(b"unread")
        await client.send(b"oops\r\n" + LAST)
        received = await client.read_until()
    assert statuses(received) == [200]


async def test_an_unread_body_that_never_comes_ends_the_connection(serve: Serve) -> None:
    server = await serve(echo, linger=0.05)
    received = await raw(server.port, post(b"h", length=5, target=b"/unread"))
    assert statuses(received) == [200]
    await wait_until(lambda: not server.listener.connections)


async def test_a_stop_does_not_reset_a_client_that_still_sends(serve: Serve) -> None:
    """A reset could destroy the response on its way (RFC 9112, section 9.6)."""
    server = await serve(echo)
    async with connect(server.port) as client:
        body = bytes(WINDOW)
        sent = post(body, target=b"/unread")
        await client.send(sent[:-WINDOW])
        await client.read_until(b"unread")
        stopping = asyncio.create_task(server.stop())
        while not server.listener._server.draining:
            await asyncio.sleep(0)
        for at in range(0, WINDOW, 1024):
            await client.send(body[at : at + 1024])
            await asyncio.sleep(0)
        client.end()
        received = await client.read_until()
        await stopping
    assert statuses(received) == [200]
