"""The metrics of streams: while they are open, and how they end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamserver import (
    EventStream,
    FileResponse,
    Request,
    Response,
    Router,
    StreamController,
    TextStream,
    compress,
)
from streamserver.kit.service import Handler
from streamserver.observe.metrics import Metrics
from support.figures import Figures
from support.handlers import answering
from support.inprocess import Serve
from support.producers import pulled
from support.rawsocket import connect, raw
from support.requests import GET, LAST, get
from support.waiting import wait_until

PIECE = bytes(16384)
LITTLE = 65536
"""Bytes that a client takes before it stalls its server."""


async def test_a_stream_is_counted_while_it_is_open(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    app, stream = Router(), StreamController()

    @app.get("/stream/{id}")
    async def handler(request: Request) -> Response:
        return Response(stream)

    server = await serve(app, observers=[metrics])
    route = {"route": "/stream/{id}"}
    async with connect(server.port) as client:
        await client.send(get(b"/stream/1"))
        await client.read_until(b"\r\n\r\n")
        assert figures("open_streams", **route) == 1
        assert figures("first_byte_seconds_count", **route) == 0
        for count, piece in enumerate((b"one", b"three"), 1):
            stream.enqueue(piece)
            stream.enqueue(b"")  # is nothing, and so no piece
            assert figures("first_byte_seconds_count", **route) == 1
            assert figures("gap_seconds_count", **route) == count - 1
        assert figures("sent_bytes_total", **route) == 8
        assert figures("stream_seconds_count", **route) == 0
        assert figures("exchanges_total") == 0
        stream.close()
        assert figures("open_streams", **route) == 0
        assert figures("stream_seconds_count", **route) == 1
        assert figures("exchanges_total", outcome="complete", **route) == 1


async def test_how_long_a_stream_lasts_is_no_latency(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    """Its first byte is quick, then comes a gap; each is in its own histogram, in its bucket."""
    server = await serve(slow, observers=[metrics])
    await raw(server.port, LAST)
    ended = (await wait_until(lambda: server.ended))[0]
    latency, duration = ended.first_byte - ended.started, ended.ended - ended.started
    assert figures("first_byte_seconds_sum") == pytest.approx(latency)
    assert figures("stream_seconds_sum") == pytest.approx(duration)
    assert 0.15 <= figures("gap_seconds_sum") <= duration - latency
    for name, value in (("first_byte", latency), ("stream", duration)):
        assert figures(f"{name}_seconds_bucket", le="+Inf") == 1
        assert figures(f"{name}_seconds_bucket", le="0.1") == (value <= 0.1)
    assert figures("gap_seconds_bucket", le="0.1") == 0
    assert figures("gap_seconds_count") == 1


async def slow(request: Request) -> Response:
    """Two pieces with a gap between them."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"now"
        await asyncio.sleep(0.15)
        yield b"later"

    return Response(pieces())


async def test_a_body_that_is_whole_is_no_stream(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    server = await serve(answering(lambda: Response(b"hello")), observers=[metrics])
    await raw(server.port, LAST)
    assert figures("sent_bytes_total") == 5
    assert figures("first_byte_seconds_count") == 1
    assert figures("stream_seconds_count") == figures("gap_seconds_count") == 0


async def test_zero_open_streams_are_exposed_only_for_routes_that_had_some(
    serve: Serve, metrics: Metrics
) -> None:
    """Whenever the metrics are scraped."""
    app = Router()
    app.get("/stream")(answering(lambda: Response(pulled(b"one", b"two"))))
    app.get("/whole")(answering(lambda: Response(b"hello")))
    server = await serve(app, observers=[metrics])
    for target in (b"/stream", b"/whole"):
        await raw(server.port, get(target, b"Connection: close"))
    await wait_until(lambda: len(server.ended) == 2)
    lines = (await metrics.scrape(""))[0].decode().splitlines()
    samples = [line for line in lines if line.startswith("streamserver_open_streams")]
    assert samples == ['streamserver_open_streams{route="/stream"} 0.0']


def download(directory: Path, size: int) -> Handler:
    """A file of so many bytes."""
    file = directory / "file"
    file.write_bytes(bytes(size))
    return answering(lambda: FileResponse(file))


async def test_a_file_is_counted_in_slices(
    serve: Serve, metrics: Metrics, figures: Figures, tmp_path: Path
) -> None:
    server = await serve(download(tmp_path, 3 << 20), observers=[metrics])
    await raw(server.port, LAST)
    await wait_until(lambda: server.ended)
    assert figures("sent_bytes_total") == 3 << 20
    assert figures("gap_seconds_count") >= 2
    assert figures("stream_seconds_count") == figures("first_byte_seconds_count") == 1


# --- how it ends ------------------------------------------------------------------------------


async def failing(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("broken")

    return Response(pieces())


async def endless(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    return Response(pieces())


async def silent(request: Request) -> Response:
    return EventStream(StreamController(), heartbeat=0)


async def test_a_stream_that_failed(serve: Serve, metrics: Metrics, figures: Figures) -> None:
    server = await serve(failing, observers=[metrics])
    await raw(server.port, GET)
    assert figures("exchanges_total", status="200", outcome="truncated") == 1
    assert figures("stream_seconds_count") == 1
    assert figures("open_streams") == 0


async def test_a_client_that_has_gone(serve: Serve, metrics: Metrics, figures: Figures) -> None:
    server = await serve(silent, observers=[metrics])
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        client.reset()
        await wait_until(lambda: server.ended)
    assert figures("exchanges_total", status="200", outcome="client_gone") == 1
    assert figures("open_streams") == 0


async def test_a_client_that_takes_nothing(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    server = await serve(endless, observers=[metrics], write_timeout=0.3)
    async with connect(server.port, receive_buffer=LITTLE) as client:
        await client.send(GET)
        await wait_until(lambda: figures("write_stalls_total") == 1)
        assert figures("open_streams") == 1
        await wait_until(lambda: server.ended)
    assert figures("exchanges_total", outcome="stalled") == 1
    assert figures("open_streams") == 0


async def test_each_time_that_a_client_has_no_room_is_a_stall(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    server = await serve(endless, observers=[metrics])
    async with connect(server.port, receive_buffer=LITTLE) as client:
        await client.send(GET)
        await wait_until(lambda: figures("write_stalls_total") == 1)
        # All that lay in between: so there is room again, until that is full too.
        await client.read_until(lambda got: len(got) >= 4 << 20)
        await wait_until(lambda: figures("write_stalls_total") > 1)
        client.reset()
        await wait_until(lambda: server.ended)


async def test_a_file_that_a_client_does_not_read_is_a_stall(
    serve: Serve, metrics: Metrics, figures: Figures, tmp_path: Path
) -> None:
    server = await serve(download(tmp_path, 16 << 20), observers=[metrics])
    async with connect(server.port, receive_buffer=LITTLE) as client:
        await client.send(GET)
        await wait_until(lambda: figures("write_stalls_total") == 1)


async def test_connections_that_are_refused(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    server = await serve(silent, observers=[metrics], max_connections=1)
    async with contextlib.AsyncExitStack() as clients:
        first = await clients.enter_async_context(connect(server.port))
        await first.send(GET)
        await first.read_until(b"\r\n\r\n")
        for count in (1, 2):
            client = await clients.enter_async_context(connect(server.port))
            await client.read_until(b"too many connections")
            assert figures("refused_connections_total") == count
    assert figures("exchanges_total", status="503", outcome="rejected") == 2


async def test_a_coded_stream_counts_what_it_sends(
    serve: Serve, metrics: Metrics, figures: Figures
) -> None:
    """Two pieces share a write and are encoded together: they are one piece of the wire."""
    stream = StreamController()
    server = await serve(compress(answering(lambda: TextStream(stream))), observers=[metrics])
    async with connect(server.port) as client:
        await client.send(get(b"/", b"Accept-Encoding: gzip"))
        await client.read_until(b"\r\n\r\n")
        for piece in ("first", "held", "too"):
            stream.enqueue(piece)
        assert figures("first_byte_seconds_count") == 1
        stream.close()
        [ended] = await wait_until(lambda: server.ended)
        assert figures("sent_bytes_total") == ended.bytes_sent > 10
        assert figures("gap_seconds_count") == 1
