"""The push stream, in the words of the WHATWG Streams standard."""

import asyncio

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.wire.chunked import LAST_CHUNK
from support.answers import body
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import GET, OLD
from support.streams import open_stream, serving


async def test_what_is_enqueued_before_the_head_goes_with_it(serve: Serve) -> None:
    stream = StreamController()
    stream.enqueue(b"one")
    stream.enqueue("zw\xf6")
    stream.close()
    received = await raw((await serving(serve, stream)).port, GET, until=LAST_CHUNK)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert rest == b"3\r\none\r\n4\r\nzw\xc3\xb6\r\n0\r\n\r\n"


async def test_each_chunk_is_sent_when_it_is_enqueued(serve: Serve) -> None:
    stream = StreamController()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client)
        for chunk in (b"one", b"two"):
            stream.enqueue(chunk)
            await client.read_until(b"3\r\n%b\r\n" % chunk)
            assert not client.received.endswith(LAST_CHUNK)
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert body(client.received) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


async def test_the_connection_goes_on_after_a_stream(serve: Serve) -> None:
    streams: asyncio.Queue[StreamController] = asyncio.Queue()

    async def handler(request: Request) -> Response:
        stream = StreamController()
        streams.put_nowait(stream)
        return Response(stream)

    server = await serve(handler)
    async with connect(server.port) as client:
        for number in (1, 2):
            await client.send(GET)
            stream = await streams.get()
            stream.enqueue(b"%d" % number)
            stream.close()
            await client.read_until(b"1\r\n%d\r\n0\r\n\r\n" % number)


@pytest.mark.parametrize("chunk", [b"", ""])
async def test_an_empty_chunk_does_not_end_the_stream(serve: Serve, chunk: bytes | str) -> None:
    stream = StreamController()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        stream.enqueue(chunk)
        await open_stream(client)
        stream.enqueue(chunk)
        stream.enqueue(b"x")
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert body(client.received) == b"1\r\nx\r\n0\r\n\r\n"


@pytest.mark.parametrize("early", [True, False])
async def test_a_stream_that_fails_is_cut(serve: Serve, early: bool) -> None:
    """The client gets no last-chunk; the reason is logged."""
    stream = StreamController()
    error = ValueError("secret")
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        if not early:
            await open_stream(client)
        stream.enqueue(b"x")
        stream.error(error)
        if early:
            await client.send(GET)
        await client.read_until()
        assert body(client.received) == b"1\r\nx\r\n"
    assert (server.ended[0].outcome, server.ended[0].error) == ("truncated", error)


async def test_a_stream_that_fails_before_its_head_is_out_is_an_error_answer(serve: Serve) -> None:
    stream = StreamController()
    stream.error(ValueError("secret"))
    received = await raw((await serving(serve, stream)).port, GET, until=b"}\n")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in received


async def test_an_error_for_http_1_0_is_a_reset(serve: Serve) -> None:
    stream = StreamController()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client, OLD)
        stream.enqueue(b"x")
        await client.read_until(b"\r\n\r\nx")
        stream.error(ValueError("broken"))
        with pytest.raises(ConnectionResetError):
            await client.read_until()


# --- what it costs, and whom it harms ---------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True])
async def test_an_open_push_stream_has_no_task(serve: Serve, waits: bool) -> None:
    streams: list[StreamController] = []

    async def handler(request: Request) -> Response:
        if waits:
            await asyncio.sleep(0)
        streams.append(StreamController())
        return Response(streams[-1])

    server = await serve(handler)
    before = asyncio.all_tasks()
    async with connect(server.port) as one, connect(server.port) as two:
        for client in (one, two):
            await open_stream(client)
            streams[-1].enqueue(b"x")
            await client.read_until(b"1\r\nx\r\n")
        assert asyncio.all_tasks() == before
        for stream in streams:
            stream.close()
