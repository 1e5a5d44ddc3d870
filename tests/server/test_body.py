"""A request's body over a real socket: read as it comes, and held back while nobody reads."""

import asyncio
import hashlib

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.answers import statuses
from support.cutting import in_pieces
from support.handlers import echo
from support.inprocess import Serve
from support.rawsocket import RawClient, connect, raw
from support.requests import LAST, chunked, post
from support.waiting import wait_until

MIB = 1024 * 1024


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        post(b"hello"),
        chunked(b"hello"),
        chunked(b"h", b"e", b"l", b"l", b"o"),
        chunked(b"hello", end=b"0\r\nX-Sum: 1\r\n\r\n"),
        chunked(b"hel", end=b"2;a=b\r\nlo\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_body_arrives_whole_however_it_is_cut(serve: Serve, sent: bytes, size: int) -> None:
    """And the request behind it is not lost."""
    server = await serve(echo)
    async with connect(server.port) as client:
        data = sent + LAST
        for piece in in_pieces(data, size):
            await client.send(piece)
            await asyncio.sleep(0)
        received = await client.read_until()
    assert received.count(b"got hello") == 1
    assert statuses(received) == [200, 200]
    assert [exchange.target for exchange in server.ended] == ["/", "/last"]


@pytest.mark.parametrize("sent", [post(b""), chunked(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_a_body_of_nothing(serve: Serve, sent: bytes) -> None:
    async def handler(request: Request) -> Response:
        return Response(f"{[part async for part in request]}")

    server = await serve(handler)
    assert (await raw(server.port, sent, until=b"[]")).startswith(b"HTTP/1.1 200 ")


async def test_each_part_is_given_when_it_has_come_and_not_later(serve: Serve) -> None:
    parts: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(request: Request) -> Response:
        async for part in request:
            parts.put_nowait(part)
        return Response(b"done")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(chunked(end=b""))
        for number in (b"1", b"2", b"3"):
            await client.send(b"1\r\n" + number)
            assert await asyncio.wait_for(parts.get(), 5) == number
            await client.send(b"\r\n")
        await client.send(b"0\r\n\r\n")
        await client.read_until(b"done")
    assert parts.empty()


async def test_a_second_reading_gives_nothing(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return Response(await request.body() + b"|" + await request.body())

    server = await serve(handler)
    assert (await raw(server.port, post(b"hello"), until=b"|")).endswith(b"hello|")


async def test_two_readers_at_a_time_are_an_error(serve: Serve) -> None:
    refused = asyncio.Event()

    async def handler(request: Request) -> Response:
        first = asyncio.create_task(request.body())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one reader at a time"):
            await request.body()
        refused.set()
        return Response(b"first " + await first)

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"", length=5))
        await refused.wait()
        await client.send(b"hello")
        await client.read_until(b"first hello")


@pytest.mark.parametrize("name", ["length", "chunked"])
async def test_a_client_that_leaves_in_its_body_cancels_the_reader(serve: Serve, name: str) -> None:
    ended = []

    async def handler(request: Request) -> Response:
        try:
            return Response(await request.body())
        except BaseException as error:
            ended.append(type(error))
            raise

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"half", length=8) if name == "length" else chunked(b"a", end=b""))
        await wait_until(lambda: server.listener.connections)
        client.reset()
        await wait_until(lambda: ended == [asyncio.CancelledError])
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]


# --- back-pressure ----------------------------------------------------------------------------


async def accepted(client: RawClient, data: bytes) -> int:
    """How many of these bytes the peer and the kernels take while nobody reads them."""
    at, quiet = 0, 0
    view = memoryview(data)
    while quiet < 20 and at < len(data):
        try:
            at += client.sock.send(view[at : at + 65536])
            quiet = 0
        except BlockingIOError:
            quiet += 1
            await asyncio.sleep(0.005)
        await asyncio.sleep(0)
    return at


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_an_upload_waits_for_a_handler_that_does_not_read(serve: Serve, coding: str) -> None:
    """Of 24 MiB the server takes a window, and the kernel what its buffers hold."""
    size, read = 24 * MIB, asyncio.Event()

    async def handler(request: Request) -> Response:
        await read.wait()
        request.max_body = None
        digest = hashlib.sha256()
        async for part in request:
            digest.update(part)
        return Response(digest.hexdigest())

    server = await serve(handler)
    data = b"0123456789abcdef" * (size // 16)
    sent = chunked(*in_pieces(data, MIB))
    if coding == "length":
        sent = post(data)
    async with connect(server.port) as client:
        at = await accepted(client, sent)
        assert at < 20 * MIB, "the kernel's buffers, at their largest, are smaller"
        read.set()
        await client.send(sent[at:])
        received = await client.read_until(hashlib.sha256(data).hexdigest().encode(), 30)
    assert statuses(received) == [200]


async def test_a_handler_that_reads_a_little_at_a_time_gets_it_all(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        request.max_body = None
        size = 0
        async for part in request:
            size += len(part)
            await asyncio.sleep(0)
        return Response(f"read {size}.")

    server = await serve(handler)
    data = bytes(3 * MIB)
    assert await raw(server.port, post(data) + LAST, until=b"read 0.", timeout=20)
    assert await raw(server.port, chunked(data[:MIB], data) + LAST, until=b"read 0.", timeout=20)
    assert [exchange.status for exchange in server.ended] == [200] * 4
