"""A replica by script: it answers, dies, hangs, resets, refuses, and comes back.

It keeps what it did to each request, by the name that the request's target has.
"""

import asyncio
import hashlib
import socket
import struct
from typing import cast

from support.relaying import LAST_CHUNK, chunk

FAULTS = ("dead", "hanging", "resetting", "busy", "barred")
PIECES = 4
PAUSE = 0.001
"""Seconds between two pieces of an answer."""


def pieces(name: str, method: str, body: bytes) -> list[bytes]:
    """The pieces of the answer to a request: each names it, and its body."""
    digest = hashlib.sha256(body).hexdigest()[:12]
    return [f"[{name} {method} {digest} {number}]".encode() for number in range(PIECES)]


class Connection(asyncio.Protocol):
    """One connection to the replica."""

    transport: asyncio.Transport

    def __init__(self, replica: "Failing") -> None:
        self.replica = replica
        self.received = b""
        self.name = ""  # of the request that is answered
        self.left: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.replica.connections.add(self)
        if self.replica.state == "dead":  # it was accepted while the replica died
            self.reset()

    def connection_lost(self, error: Exception | None) -> None:
        self.replica.connections.discard(self)
        self.left = []

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        size = int(head.partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        if end and len(rest) >= size:
            method, target, _ = head.decode().split(" ", 2)
            self.name, self.received = target[1:], rest[size:]
            self.respond(method, rest[:size])

    def respond(self, method: str, body: bytes) -> None:
        state, write = self.replica.state, self.transport.write
        self.replica.received.setdefault(self.name, []).append(state)
        if state == "resetting":
            self.reset()
        elif state in ("busy", "barred"):
            pause = b"Retry-After: 1\r\n" if state == "barred" else b""
            write(b"HTTP/1.1 503 No\r\n" + pause + b"Content-Length: 4\r\n\r\nbusy")
        elif state == "up":
            write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.left = pieces(self.name, method, body)
            self.send()

    def send(self) -> None:
        if self.left:
            self.transport.write(chunk(self.left.pop(0)))
            if not self.left and not self.name.startswith("held"):
                self.transport.write(LAST_CHUNK)
            else:
                asyncio.get_running_loop().call_later(PAUSE, self.send)

    def reset(self) -> None:
        if self.left:
            self.replica.cut.add(self.name)
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Failing:
    """``received``: the states in which it got each request; ``cut``: the answers that it did not
    finish; ``deaths``: how often it has died."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = 0
        self.state = "dead"
        self.connections: set[Connection] = set()
        self.received: dict[str, list[str]] = {}
        self.cut: set[str] = set()
        self.deaths = 0
        self._server: asyncio.Server | None = None

    async def become(self, state: str) -> None:
        """Change the state; ``dead`` closes all that is open, every other state listens."""
        if state == "dead" and self._server is not None:
            self._server.close()
            self._server = None
            self.deaths += 1
            for connection in list(self.connections):
                connection.reset()
        elif state != "dead" and self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: Connection(self), self.address, self.port, backlog=1000
            )
            self.port = self._server.sockets[0].getsockname()[1]
        self.state = state
