"""The push stream, in the words of the WHATWG Streams standard."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Serve
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.kit.stream import Stream
from streamserver.server.writer import HIGH_WATER
from streamserver.wire.chunked import LAST_CHUNK
from streamserver.wire.sse import Event
from support.inprocess import Served
from support.rawsocket import RawClient, connect, raw
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"

Kind = Callable[[Stream], Response]


async def serving(serve: Serve, stream: Stream, kind: Kind = Response, **settings: Any) -> Served:
    """A server whose answer to everything is this stream."""

    async def handler(request: Request) -> Response:
        return kind(stream)

    return await serve(handler, **settings)


async def open_stream(client: RawClient, sent: bytes = GET) -> None:
    """Ask for the stream; its head has come when this returns."""
    await client.send(sent)
    await client.read_until(b"\r\n\r\n")


def body(client: RawClient) -> bytes:
    """What has come of the body."""
    return client.received.partition(b"\r\n\r\n")[2]


# --- enqueue, close, error --------------------------------------------------------------------


async def test_what_is_enqueued_before_the_head_goes_with_it(serve: Serve) -> None:
    stream = Stream()
    stream.enqueue(b"one")
    stream.enqueue("zw\xf6")
    stream.close()
    received = await raw((await serving(serve, stream)).port, GET, until=LAST_CHUNK)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert rest == b"3\r\none\r\n4\r\nzw\xc3\xb6\r\n0\r\n\r\n"


async def test_each_chunk_is_sent_when_it_is_enqueued(serve: Serve) -> None:
    stream = Stream()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client)
        for chunk in (b"one", b"two"):
            stream.enqueue(chunk)
            await client.read_until(b"3\r\n%b\r\n" % chunk)
            assert not client.received.endswith(LAST_CHUNK)
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert body(client) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


async def test_the_connection_goes_on_after_a_stream(serve: Serve) -> None:
    streams: asyncio.Queue[Stream] = asyncio.Queue()

    async def handler(request: Request) -> Response:
        stream = Stream()
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
    stream = Stream()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        stream.enqueue(chunk)
        await open_stream(client)
        stream.enqueue(chunk)
        stream.enqueue(b"x")
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert body(client) == b"1\r\nx\r\n0\r\n\r\n"


@pytest.mark.parametrize("early", [True, False])
async def test_a_stream_that_fails_is_cut(serve: Serve, early: bool) -> None:
    """There is no last-chunk, so its client can tell; why it failed is for the log."""
    stream = Stream()
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
        assert body(client) == b"1\r\nx\r\n"
    assert (server.ended[0].outcome, server.ended[0].error) == ("truncated", error)


async def test_a_stream_that_fails_before_its_head_is_out_is_an_error_answer(serve: Serve) -> None:
    stream = Stream()
    stream.error(ValueError("secret"))
    received = await raw((await serving(serve, stream)).port, GET, until=b"}\n")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in received


async def test_an_error_for_http_1_0_is_a_reset(serve: Serve) -> None:
    stream = Stream()
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client, OLD)
        stream.enqueue(b"x")
        await client.read_until(b"\r\n\r\nx")
        stream.error(ValueError("broken"))
        with pytest.raises(ConnectionResetError):
            await client.read_until()


# --- after the end ----------------------------------------------------------------------------

ENDINGS: list[tuple[str, Callable[[Stream], None]]] = [
    ("closed", Stream.close),
    ("errored", lambda stream: stream.error(ValueError("broken"))),
]


@pytest.mark.parametrize(("word", "end"), ENDINGS, ids=["closed", "errored"])
@pytest.mark.parametrize("attached", [True, False])
async def test_after_its_end_a_stream_takes_nothing(
    serve: Serve, word: str, end: Callable[[Stream], None], attached: bool
) -> None:
    stream = Stream()
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
    """It is told so once; ending such a stream is no error, for nobody could have known."""
    cancelled: list[int] = []
    stream = Stream(on_cancel=lambda: cancelled.append(stream.desired_size))
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
    serve: Serve, word: str, end: Callable[[Stream], None]
) -> None:
    cancelled: list[str] = []
    stream = Stream(on_cancel=lambda: cancelled.append(word))
    server = await serving(serve, stream)
    async with connect(server.port) as client:
        await open_stream(client)
        end(stream)
    await server.stop()
    assert cancelled == []


async def test_a_stream_that_nobody_will_read_is_cancelled_at_once(serve: Serve) -> None:
    cancelled: list[int] = []
    stream = Stream(on_cancel=lambda: cancelled.append(1))
    server = await serving(serve, stream)
    assert await raw(server.port, GET.replace(b"GET", b"HEAD"), until=b"\r\n\r\n")
    assert cancelled == [1]
    with pytest.raises(ConnectionResetError):
        stream.enqueue(b"x")


async def test_a_stream_whose_answer_became_an_error_is_cancelled(serve: Serve) -> None:
    """Or its producer would hold on to it for ever."""
    cancelled: list[int] = []
    stream = Stream(on_cancel=lambda: cancelled.append(1))
    stream.enqueue(Event(event="two\nlines"))
    server = await serving(serve, stream, EventStream)
    received = await raw(server.port, GET, until=b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert cancelled == [1]


async def test_a_stream_is_the_body_of_one_response(serve: Serve) -> None:
    stream = Stream()
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
    stream = Stream()
    server = await serving(serve, stream, kind)
    async with connect(server.port) as client:
        await open_stream(client)
        with pytest.raises((TypeError, ValueError)):
            stream.enqueue(chunk)
        stream.enqueue("sound")
        stream.close()
        await client.read_until(LAST_CHUNK)
        assert b"sound" in client.received


# --- flow control -----------------------------------------------------------------------------


def fill(stream: Stream) -> None:
    """Enqueue until the stream wants no more."""
    while stream.desired_size > 0:
        stream.enqueue(bytes(8192))


async def test_desired_size_falls_as_the_reader_stays_away(serve: Serve) -> None:
    drained = asyncio.Event()
    stream = Stream(on_drain=drained.set)
    server = await serving(serve, stream)
    async with connect(server.port, receive_buffer=65536) as client:
        await open_stream(client)
        for _ in range(2):
            drained.clear()
            assert stream.desired_size > 0
            fill(stream)
            assert -8300 < stream.desired_size <= 0
            await asyncio.sleep(0)
            assert not drained.is_set()
            await client.read_until(lambda _: drained.is_set())
        await client.read_until(lambda _: stream.desired_size == HIGH_WATER)
        stream.close()
        await client.read_until(LAST_CHUNK)


async def test_a_stream_filled_to_the_last_byte_drains_too(serve: Serve) -> None:
    """A desired size of exactly zero says wait, and whoever waits must be told."""
    drained = asyncio.Event()
    stream = Stream(on_drain=drained.set)
    server = await serving(serve, stream)
    async with connect(server.port, receive_buffer=65536) as client:
        await open_stream(client, OLD)
        size = len(client.received)
        while stream.desired_size == HIGH_WATER:
            stream.enqueue(bytes(32768))  # until the kernel takes no more
            size += 32768
        size += stream.desired_size
        stream.enqueue(bytes(stream.desired_size))
        assert stream.desired_size == 0
        await client.read_until(lambda got: len(got) == size)
        await asyncio.wait_for(drained.wait(), 2)


async def test_a_stream_that_has_ended_is_not_told_that_it_drained(serve: Serve) -> None:
    told: list[int] = []
    stream = Stream(on_drain=lambda: told.append(1))
    server = await serving(serve, stream)
    async with connect(server.port, receive_buffer=65536) as client:
        await open_stream(client)
        fill(stream)
        stream.close()
        await client.read_until(LAST_CHUNK)
    assert told == []


async def test_a_reader_that_takes_nothing_is_cut(serve: Serve) -> None:
    cancelled = asyncio.Event()
    stream = Stream(on_cancel=cancelled.set)
    server = await serving(serve, stream, write_timeout=0.05)
    async with connect(server.port, receive_buffer=4096) as client:
        await open_stream(client)
        fill(stream)
        await asyncio.wait_for(cancelled.wait(), 5)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert [exchange.outcome for exchange in server.ended] == ["stalled"]


# --- what it costs, and whom it harms ---------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True])
async def test_an_open_push_stream_has_no_task(serve: Serve, waits: bool) -> None:
    streams: list[Stream] = []

    async def handler(request: Request) -> Response:
        if waits:
            await asyncio.sleep(0)
        streams.append(Stream())
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


async def failing_hooks(serve: Serve, **settings: Any) -> tuple[Served, list[Stream]]:
    """A server whose streams all fail when they are cancelled."""
    streams: list[Stream] = []

    def fail() -> None:
        raise ValueError("a hook that fails")

    async def handler(request: Request) -> Response:
        streams.append(Stream(on_cancel=fail))
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
    """The loop is told of the failure, and the reader is cut all the same."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    server, streams = await failing_hooks(serve, write_timeout=0.05)
    async with connect(server.port, receive_buffer=4096) as client:
        await open_stream(client)
        while streams[0].desired_size > 0:
            streams[0].enqueue("x" * 8192)
        await wait_until(lambda: server.ended)
        await wait_until(lambda: not server.listener.connections, timeout=2)
