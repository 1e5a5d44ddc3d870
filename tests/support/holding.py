"""An upstream that streams for as long as a request's target says, and counts what is open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk

GRACE = 3
"""Iterations of the loop in which ends that have arrived are seen before the next beginning is."""


@dataclass(slots=True)
class Holding:
    """``open``: streams at present; ``most``: at once so far; ``total``: how many began."""

    port: int = 0
    open: int = 0
    most: int = 0
    total: int = 0
    connections: set["Held"] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"


class Held(asyncio.Protocol):
    """A connection, with one request at a time: ``/0.02`` streams for 0.02 seconds."""

    def __init__(self, owner: Holding) -> None:
        self._owner = owner
        self._is_open = False
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._owner.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            seconds = float(self._received.split(b" ", 2)[1][1:])
            self._received = b""
            self._begin(seconds, GRACE)

    def _begin(self, seconds: float, iterations: int) -> None:
        loop, owner = asyncio.get_running_loop(), self._owner
        if iterations:
            loop.call_soon(self._begin, seconds, iterations - 1)
        elif not self._transport.is_closing():
            self._is_open = True
            owner.open += 1
            owner.total += 1
            owner.most = max(owner.most, owner.open)
            self._transport.write(CHUNKED_HEAD + chunk(b"begun"))
            loop.call_later(seconds, self._end)

    def _end(self) -> None:
        if self._is_open:
            self._close()
            self._transport.write(chunk(b"ended") + LAST_CHUNK)

    def _close(self) -> None:
        self._owner.open -= self._is_open
        self._is_open = False

    def abort(self) -> None:
        """Reset the connection."""
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._close()
        self._owner.connections.discard(self)


@contextlib.asynccontextmanager
async def holding() -> AsyncIterator[Holding]:
    """Such an upstream while inside."""
    owner = Holding()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Held(owner), "127.0.0.1", 0, backlog=1000)
    owner.port = server.sockets[0].getsockname()[1]
    try:
        yield owner
    finally:
        server.close()
        for each in list(owner.connections):
            each.abort()
