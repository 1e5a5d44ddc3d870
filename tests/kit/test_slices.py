"""Large content in a coding: encoded in slices, between which other tasks run."""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from threading import Event
from typing import Any

import pytest

from streamserver.kit.compress import compress
from streamserver.kit.response import Response, TextStream
from streamserver.kit.slices import SLICE, encode_whole
from streamserver.server.phase import Outcome
from streamserver.wire.coders import whole_compressor
from streamserver.wire.content_coding import CODINGS, Coding
from support.asking import ask
from support.coding import is_whole
from support.compressed import GZIP, decoded
from support.content_decoding import content_decoder
from support.handlers import answering
from support.inprocess import Serve
from support.producers import pulled
from support.rawsocket import connect, raw
from support.requests import get

HEX = os.urandom(8 * SLICE).hex()
"""Takes more than a millisecond for each slice."""


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [0, 1, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE, 3 * SLICE + 7])
async def test_a_whole_body(coding: Coding, size: int) -> None:
    body = HEX[:size].encode()
    decoder = content_decoder(coding)
    assert decoder.feed(await encode_whole(body, whole_compressor(coding))) == body
    assert decoder.is_complete


class Compressor:
    """Counts the slices, and waits in the second one."""

    def __init__(self) -> None:
        self.count = 0
        self.is_waiting, self.may_continue = Event(), Event()

    def compress(self, data: bytes, /) -> bytes:
        self.count += 1
        if self.count == 2:
            self.is_waiting.set()
            self.may_continue.wait(10)
        return data

    def flush(self) -> bytes:
        return b""


async def test_a_client_that_leaves_ends_the_encoding() -> None:
    compressor = Compressor()
    task = asyncio.create_task(encode_whole(bytes(5 * SLICE), compressor))
    await asyncio.to_thread(compressor.is_waiting.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    compressor.may_continue.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert compressor.count == 2


@pytest.mark.parametrize("make", [str, str.encode])
async def test_other_tasks_run_between_the_slices_of_a_piece(serve: Serve, make: Any) -> None:
    loop, iterations = asyncio.get_running_loop(), 0
    found: list[int] = []

    def count() -> None:
        nonlocal iterations
        iterations += 1
        if len(found) < 2:
            loop.call_soon(count)

    async def pieces() -> AsyncIterator[Any]:
        yield make("first, ")
        count()
        for piece in (HEX, ", last"):
            found.append(iterations)
            yield make(piece)

    headers = {"content-type": "text/plain"}
    server = await serve(compress(answering(lambda: Response(pieces(), headers=headers))))
    answer = await ask(server, "/", fields=GZIP)
    assert decoded(answer).decode() == f"first, {HEX}, last"
    assert found[1] - found[0] >= len(HEX) // SLICE


@pytest.mark.parametrize(
    ("declared", "problem"),
    [(1000, None), (1001, "1 bytes of Content-Length are missing"), (999, "1 bytes longer")],
)
async def test_a_declared_length_is_checked(
    serve: Serve, declared: int, problem: str | None
) -> None:
    """The client cannot: it does not get the length, which is that of the plain content."""
    headers = {"content-length": str(declared)}
    make = partial(TextStream, headers=headers)
    server = await serve(compress(answering(lambda: make(pulled("x" * 600, "y" * 400)))))
    received = await raw(server.port, get(b"/", b"Accept-Encoding: gzip", b"Connection: close"))
    assert b"content-encoding: gzip\r\n" in received
    assert b"content-length" not in received
    assert is_whole(received) == (problem is None)
    [ended] = server.ended
    assert ended.outcome is (Outcome.TRUNCATED if problem else Outcome.COMPLETE)
    assert (problem or "None") in str(ended.error)


async def test_a_producer_is_closed_in_the_middle_of_its_piece(serve: Serve) -> None:
    closed = asyncio.Event()

    async def pieces() -> AsyncIterator[str]:
        try:
            while True:
                yield HEX
        finally:
            closed.set()

    server = await serve(compress(answering(lambda: TextStream(pieces()))))
    async with connect(server.port) as client:
        await client.send(get(b"/", b"Accept-Encoding: gzip"))
        await client.read_until(b"\r\n\r\n")
    await asyncio.wait_for(closed.wait(), 10)


async def test_what_is_no_piece_is_named(serve: Serve) -> None:
    headers = {"content-type": "text/plain"}
    server = await serve(compress(answering(lambda: Response(pulled(17), headers=headers))))
    assert (await ask(server, "/", fields=GZIP)).status == 500
    assert "a piece of a body is bytes or str, not int" in str(server.ended[0].error)
