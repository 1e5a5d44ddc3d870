"""Pulled bodies: which pieces leave at once, which share a write, what a producer can rely on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.server import pull
from streamserver.server.writer import GATHER
from streamserver.wire.chunked import LAST_CHUNK, encode
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import GET, LAST, OLD

Pieces = AsyncIterator[Any]


def tapped(make: Callable[[list[bytes]], Pieces], writes: list[bytes], **headers: str) -> Handler:
    """A handler whose pieces see the writes that were made so far."""

    async def handler(request: Request) -> Response:
        request.exchange.tap(writes.append)
        return Response(make(writes), headers=headers)

    return handler


def after_the_head(writes: list[bytes]) -> list[bytes]:
    head, _, first = writes[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    return [first, *writes[1:]]


async def test_what_is_yielded_without_a_wait_shares_a_write(serve: Serve) -> None:
    async def ten(writes: list[bytes]) -> Pieces:
        for n in range(10):
            yield b"%d" % n

    writes: list[bytes] = []
    server = await serve(tapped(ten, writes))
    await raw(server.port, GET, until=LAST_CHUNK)
    chunks = [encode(b"%d" % n) for n in range(10)]
    assert after_the_head(writes) == [chunks[0], b"".join(chunks[1:]) + LAST_CHUNK]


async def test_each_piece_leaves_before_its_producer_waits(serve: Serve) -> None:
    """What the event loop runs next already finds them written, however it was queued before."""
    seen: list[int] = []

    async def two_and_two(writes: list[bytes]) -> Pieces:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            loop.call_soon(lambda: seen.append(len(writes)))
            yield b"one"
            yield b"two"
            await asyncio.sleep(0)
        yield b"last"

    writes: list[bytes] = []
    server = await serve(tapped(two_and_two, writes))
    await raw(server.port, GET, until=LAST_CHUNK)
    one, two = encode(b"one"), encode(b"two")
    assert after_the_head(writes) == [one, two, one, two, encode(b"last"), LAST_CHUNK]
    assert seen == [2, 4]


async def test_a_producer_that_waits_for_each_has_each_written(serve: Serve) -> None:
    async def waiting(writes: list[bytes]) -> Pieces:
        for n in range(5):
            yield b"%d" % n
            await asyncio.sleep(0)
            assert len(writes) == n + 1

    writes: list[bytes] = []
    server = await serve(tapped(waiting, writes))
    await raw(server.port, GET, until=LAST_CHUNK)
    assert after_the_head(writes) == [*(encode(b"%d" % n) for n in range(5)), LAST_CHUNK]


@pytest.mark.parametrize("size", [1, 100, GATHER - 1, GATHER, 5 * GATHER])
async def test_no_more_than_so_much_waits(
    serve: Serve, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "monotonic", lambda: 1.0)
    count = min(3 * GATHER // size + 3, 5000)

    async def many(writes: list[bytes]) -> Pieces:
        for _ in range(count):
            yield bytes(size)

    writes: list[bytes] = []
    server = await serve(tapped(many, writes))
    await raw(server.port, GET, until=LAST_CHUNK)
    assert b"".join(after_the_head(writes)) == encode(bytes(size)) * count + LAST_CHUNK
    pieces = [write.count(encode(bytes(size))) for write in writes]
    assert pieces[0] == 1
    assert all((n - 1) * size < GATHER for n in pieces)
    assert all(n * size >= GATHER for n in pieces[1:-1])


def clock(step: float) -> Iterator[float]:
    now = 1.0
    while True:
        yield now
        now += step


async def test_a_piece_that_took_long_leaves_at_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = clock(0.002)
    monkeypatch.setattr(pull, "monotonic", lambda: next(ticks))

    async def slow(writes: list[bytes]) -> Pieces:
        for n in range(5):
            assert len(writes) == n
            yield b"%d" % n

    writes: list[bytes] = []
    server = await serve(tapped(slow, writes))
    await raw(server.port, GET, until=LAST_CHUNK)
    assert len(writes) == 6


@pytest.mark.parametrize("size", [1, 4095, 65536])
async def test_other_tasks_run_beside_a_producer_that_never_waits(
    serve: Serve, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = clock(0.0001)
    monkeypatch.setattr(pull, "monotonic", lambda: next(ticks))
    turn, pieces = 0, [0]

    async def endless(writes: list[bytes]) -> Pieces:
        for _ in range(100):
            pieces[-1] += 1
            yield bytes(size)

    server = await serve(tapped(endless, []))
    async with connect(server.port) as client:
        await client.send(GET)
        reading = asyncio.create_task(client.read_until(LAST_CHUNK))
        while not reading.done():
            turn += 1
            pieces.append(0)
            await asyncio.sleep(0)
    assert sum(pieces) == 100
    assert max(pieces) <= 11


async def test_empty_pieces_do_not_delay_the_head(serve: Serve) -> None:
    """Of a producer that never waits, in a handler that has waited before."""
    has_head = asyncio.Event()

    async def empty() -> Pieces:
        while not has_head.is_set():
            yield b""

    async def handler(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(empty())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        try:
            await client.read_until(b"\r\n\r\n")
        finally:
            has_head.set()
        await client.read_until(LAST_CHUNK)


async def test_what_was_yielded_before_a_failure_is_sent(serve: Serve) -> None:
    async def failing(writes: list[bytes]) -> Pieces:
        yield b"one"
        yield b"two"
        raise OSError("the disk has failed")

    server = await serve(tapped(failing, []))
    response = await raw(server.port, GET)
    assert response.endswith(encode(b"one") + encode(b"two"))


@pytest.mark.parametrize("request_bytes", [GET, OLD])
async def test_text_empty_pieces_and_views_of_a_buffer(serve: Serve, request_bytes: bytes) -> None:
    async def mixed(writes: list[bytes]) -> Pieces:
        buffer = bytearray(b"abc")
        yield ""
        yield "größe"
        yield b""
        yield memoryview(buffer)
        buffer[:] = b"xyz"  # as one that reads into its buffer again
        yield memoryview(buffer)
        yield ""

    server = await serve(tapped(mixed, []))
    response = await raw(
        server.port, request_bytes, until=None if request_bytes == OLD else LAST_CHUNK
    )
    pieces = ["größe".encode(), b"abc", b"xyz"]
    expected = b"".join(pieces if request_bytes == OLD else [*map(encode, pieces), LAST_CHUNK])
    assert response.partition(b"\r\n\r\n")[2] == expected


@pytest.mark.parametrize(("length", "is_whole"), [("6", True), ("5", False), ("7", False)])
async def test_a_promised_length_is_kept_or_the_stream_is_cut(
    serve: Serve, length: str, is_whole: bool
) -> None:
    async def six(writes: list[bytes]) -> Pieces:
        yield b"ab"
        yield b"cd"
        yield b"ef"

    server = await serve(tapped(six, [], **{"Content-Length": length}))
    if is_whole:
        assert (await raw(server.port, GET + LAST)).count(b"\r\n\r\nabcdef") == 2
    else:
        assert (await raw(server.port, GET + LAST)).count(b"HTTP/1.1") == 1


class Countdown:
    """An iterator that is no generator, and has nothing to close."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __aiter__(self) -> "Countdown":
        return self

    async def __anext__(self) -> bytes:
        if not self.count:
            raise StopAsyncIteration
        if self.count % 2:
            await asyncio.sleep(0)
        self.count -= 1
        return b"%d" % self.count


async def test_any_async_iterator_is_a_body(serve: Serve) -> None:
    server = await serve(tapped(lambda writes: Countdown(5), []))
    response = await raw(server.port, GET, until=LAST_CHUNK)
    assert response.endswith(b"".join(encode(b"%d" % n) for n in (4, 3, 2, 1, 0)) + LAST_CHUNK)


async def test_a_producer_may_outlive_a_timeout_of_its_own(serve: Serve) -> None:
    """An error that is thrown into a producer that waits is its own to handle."""

    async def patient(writes: list[bytes]) -> Pieces:
        for n in range(3):
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                await asyncio.sleep(0)
                yield b"%d" % n

    server = await serve(tapped(patient, []))
    response = await raw(server.port, GET, until=LAST_CHUNK)
    assert response.endswith(b"".join(encode(b"%d" % n) for n in range(3)) + LAST_CHUNK)
