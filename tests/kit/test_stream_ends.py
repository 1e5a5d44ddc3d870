"""Push streams that have ended, or whose reader has left."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.kit.stream import StreamController
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.sse import Event
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect, raw
from support.requests import GET
from support.streams import Kind, open_stream, serving
from support.waiting import wait_until

ENDINGS: list[tuple[str, Callable[[StreamController], None]]] = [
    ("closed", StreamController.close),
    ("errored", lambda stream: stream.error(ValueError("broken"))),
]


@pytest.mark.parametrize(("word", "end"), ENDINGS, ids=["closed", "errored"])
@pytest.mark.parametrize("attached", [True, False])
async def test_after_its_end_a_stream_takes_nothing(
    serve: Serve, word: str, end: Callable[[StreamController], None], attached: bool
) -> None:
    stream = StreamController()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        if attached:
            await open_stream(client)
        assert stream.desired_size > 0
        end(stream)
        assert stream.desired_size == 0
        with pytest.raises(RuntimeError, match=f"the stream is {word}"):
            stream.enqueue(b"x")
        for _, again in ENDINGS:
            with pytest.raises(RuntimeError, match=f"the stream is {word}"):
                again(stream)


@pytest.mark.parametrize("leave", [RawClient.reset, RawClient.end], ids=["RST", "FIN"])
async def test_after_its_reader_left(serve: Serve, leave: Callable[[RawClient], None]) -> None:
    """`on_cancel` is called once; to end such a stream is no error."""
    cancelled: list[int] = []
    stream = StreamController(on_cancel=lambda: cancelled.append(stream.desired_size))
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client)
        stream.enqueue(b"x")
        leave(client)
        await wait_until(lambda: cancelled)
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                stream.enqueue(b"y")
        stream.close()
        stream.error(ValueError("late"))
    assert cancelled == [0]
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]


@pytest.mark.parametrize(("word", "end"), ENDINGS, ids=["closed", "errored"])
async def test_a_stream_that_has_ended_is_not_cancelled(
    serve: Serve, word: str, end: Callable[[StreamController], None]
) -> None:
    cancelled: list[str] = []
    stream = StreamController(on_cancel=lambda: cancelled.append(word))
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client)
        end(stream)
    await server.stop()
    assert cancelled == []


async def test_a_stream_that_nobody_will_read_is_cancelled_at_once(serve: Serve) -> None:
    cancelled: list[int] = []
    stream = StreamController(on_cancel=lambda: cancelled.append(1))
    server = await serving(serve, stream)
    assert await raw(server.port, GET.replace(b"GET", b"HEAD"), until=b"\r\n\r\n")
    assert cancelled == [1]
    with pytest.raises(ConnectionResetError):
        stream.enqueue(b"x")


async def test_a_stream_whose_answer_became_an_error_is_cancelled(serve: Serve) -> None:
    """Or its producer would hold on to it for ever."""
    cancelled: list[int] = []
    stream = StreamController(on_cancel=lambda: cancelled.append(1))
    stream.enqueue(Event(event="two\nlines"))
    server = await serving(serve, stream, EventStream)
    received = await raw(server.port, GET, until=b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert cancelled == [1]


async def test_a_stream_is_the_body_of_one_response(serve: Serve) -> None:
    stream = StreamController()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client)
        assert (await raw(server.port, GET, until=b"}\n")).startswith(b"HTTP/1.1 500 ")
        stream.enqueue(b"still mine")
        await client.read_until(b"still mine")


@pytest.mark.parametrize(
    ("kind", "chunk"), [(TextStream, b"bytes"), (EventStream, Event(id="a\nb")), (Response, 7)]
)
async def test_a_chunk_that_cannot_be_encoded_is_its_producer_s_error(
    serve: Serve, kind: Kind, chunk: object
) -> None:
    """The stream is none the worse for it."""
    stream = StreamController()
    server = await serving(serve, stream, kind)
    async with connect(server.port) as client:
        await open_stream(client)
        with pytest.raises((TypeError, ValueError)):
            stream.enqueue(chunk)
        stream.enqueue("sound")
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert b"sound" in client.received


async def failing_hooks(serve: Serve, **settings: Any) -> tuple[Served, list[StreamController]]:
    """A server whose streams all fail when they are cancelled."""
    streams: list[StreamController] = []

    def fail() -> None:
        raise ValueError("a hook that fails")

    async def handler(request: Request) -> Response:
        streams.append(StreamController(on_cancel=fail))
        return EventStream(streams[-1])

    return await serve(handler, **settings), streams


async def test_a_hook_that_fails_does_not_keep_others_from_their_end(serve: Serve) -> None:
    server, _ = await failing_hooks(serve)
    async with connect(server.port) as one, connect(server.port) as two:
        for client in (one, two):
            await open_stream(client)
        await server.stop(grace=1)
        for client in (one, two):
            assert (await client.read_until()).endswith(LAST_CHUNK)


async def test_a_hook_that_fails_does_not_keep_a_frozen_reader(serve: Serve) -> None:
    """The loop reports the failure, and the reader is cut nevertheless."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    server, streams = await failing_hooks(serve, write_timeout=0.05)
    async with connect(server.port, receive_buffer=4096) as client:
        await open_stream(client)
        while streams[0].desired_size > 0:
            streams[0].enqueue("x" * 8192)
        await wait_until(lambda: server.ended)
        await wait_until(lambda: not server.listener.connections, timeout=2)
