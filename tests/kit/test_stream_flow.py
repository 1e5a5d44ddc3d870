"""Push streams and readers that are slower than their producer."""

import asyncio

import pytest

from streamserver.kit.stream import StreamController
from streamserver.server.writer import HIGH_WATER
from streamserver.wire.chunked import LAST_CHUNK
from support.inprocess import Serve
from support.rawsocket import connect
from support.requests import OLD
from support.streams import fill, open_stream, serving


async def test_desired_size_falls_as_the_reader_stays_away(serve: Serve) -> None:
    drained = asyncio.Event()
    stream = StreamController(on_drain=drained.set)
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
    """A desired size of exactly zero means to wait, so `on_drain` must be called."""
    drained = asyncio.Event()
    stream = StreamController(on_drain=drained.set)
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
    calls: list[int] = []
    stream = StreamController(on_drain=lambda: calls.append(1))
    server = await serving(serve, stream)
    async with connect(server.port, receive_buffer=65536) as client:
        await open_stream(client)
        fill(stream)
        stream.close()
        await client.read_until(LAST_CHUNK)
    assert calls == []


async def test_a_reader_that_takes_nothing_is_cut(serve: Serve) -> None:
    cancelled = asyncio.Event()
    stream = StreamController(on_cancel=cancelled.set)
    server = await serving(serve, stream, write_timeout=0.05)
    async with connect(server.port, receive_buffer=4096) as client:
        await open_stream(client)
        fill(stream)
        await asyncio.wait_for(cancelled.wait(), 5)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert [exchange.outcome for exchange in server.ended] == ["stalled"]
