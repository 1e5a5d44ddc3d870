"""Real clients of a coded stream: each piece is sent when the client has returned the one before.

A client that waits for more bytes than those of the piece would never be sent them. So nothing
here depends on how fast a machine is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from streamserver.kit.compress import compress
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.exchange import Exchange
from streamserver.wire.sse import HEARTBEAT, Event, encode
from support import peers
from support.inprocess import Serve, Served

Read = AsyncIterator[bytes]
"""The content in the parts in which a client gets it."""

Client = Callable[[str, str], contextlib.AbstractAsyncContextManager[Read]]
"""Follows a URL, and sends this Accept-Encoding."""

READ = Path(__file__).with_name("read.mjs")
WORDS = ("What", "has", "arrived", "can", "be", "decoded", ",", "whatever", "follows", ".", "東")
DELTAS = [
    Event({"choices": [{"index": 0, "delta": {"content": f" {word}"}}]}, id=n)
    for n, word in enumerate(WORDS)
]


@contextlib.asynccontextmanager
async def aiohttp(url: str, coding: str) -> AsyncIterator[Read]:
    client = peers.module("aiohttp")
    async with (
        client.ClientSession(headers={"Accept-Encoding": coding}) as session,
        session.get(url) as response,
    ):
        yield response.content.iter_any()


@contextlib.asynccontextmanager
async def httpx(url: str, coding: str) -> AsyncIterator[Read]:
    client = peers.module("httpx").AsyncClient(trust_env=False)
    async with client, client.stream("GET", url, headers={"Accept-Encoding": coding}) as response:
        yield response.aiter_bytes()


@contextlib.asynccontextmanager
async def curl(url: str, coding: str) -> AsyncIterator[Read]:
    command = [peers.program("curl"), "-sSN", "--noproxy", "*", "--compressed"]
    async with _output(*command, "-H", f"Accept-Encoding: {coding}", url) as read:
        yield read


@contextlib.asynccontextmanager
async def node(url: str, coding: str) -> AsyncIterator[Read]:
    async with _output(peers.program("node"), str(READ), url, coding) as read:
        yield read


@contextlib.asynccontextmanager
async def _output(*command: str) -> AsyncIterator[Read]:
    """What a program writes; it must end well."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output = process.stdout
    assert output is not None

    async def read() -> Read:
        while part := await output.read(65536):
            yield part

    try:
        yield read()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else it warns of its pipes


class Lockstep:
    """A handler that answers with a stream of events, and keeps it for the test."""

    def __init__(self, heartbeat: float) -> None:
        self.heartbeat = heartbeat
        self.stream = StreamController()
        self.exchange: Exchange

    async def __call__(self, request: Request) -> Response:
        self.exchange = request.exchange
        return EventStream(self.stream, heartbeat=self.heartbeat)


async def follow(served: Served, lockstep: Lockstep, client: Client, coding: str) -> None:
    """Send each event when the client has all before it, then wait for a heartbeat."""
    async with client(served.url, coding) as read:
        sent = received = b""
        for event in DELTAS:
            lockstep.stream.enqueue(event)
            sent += encode(event)
            while not received.replace(HEARTBEAT, b"").endswith(sent):
                received += await anext(read)
            coder = lockstep.exchange.coder
            assert coder is not None
            assert coder.coding == coding
        while not received.endswith(HEARTBEAT):
            received += await anext(read)
        lockstep.stream.close()
        async for part in read:
            received += part
        assert received.replace(HEARTBEAT, b"") == sent


CLIENTS: list[Any] = [
    pytest.param(aiohttp, "gzip", id="aiohttp-gzip"),
    pytest.param(aiohttp, "zstd", id="aiohttp-zstd"),
    pytest.param(httpx, "gzip", id="httpx-gzip"),
    pytest.param(httpx, "zstd", id="httpx-zstd"),
    pytest.param(curl, "gzip", id="curl-gzip"),
    pytest.param(curl, "zstd", id="curl-zstd"),
    pytest.param(node, "gzip", id="node-gzip"),
]


@pytest.mark.parametrize("rest", [5.0, 0.01], ids=["in use", "resting"])
@pytest.mark.parametrize(("client", "coding"), CLIENTS)
async def test_each_piece_is_read_before_the_next_is_sent(
    serve: Serve, client: Client, coding: str, rest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a stream whose compressor is freed again and again."""
    monkeypatch.setattr("streamserver.server.state.REST", rest)
    lockstep = Lockstep(heartbeat=0.05)
    served = await serve(compress(lockstep))
    await follow(served, lockstep, client, coding)
