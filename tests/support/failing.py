"""A replica by script: it answers, dies, hangs, resets, refuses, and comes back.

It keeps what it did to each request, by the name that the request's target has.
"""

import asyncio
import contextlib
import hashlib
import socket
import struct

from support.relaying import LAST_CHUNK, chunk

FAULTS = ("dead", "hanging", "resetting", "busy", "barred")
PIECES = 4
PAUSE = 0.001
"""Seconds between two pieces of an answer."""


def pieces(name: str, method: str, body: bytes) -> list[bytes]:
    """The pieces of the answer to a request: each names it, and its body."""
    digest = hashlib.sha256(body).hexdigest()[:12]
    return [f"[{name} {method} {digest} {number}]".encode() for number in range(PIECES)]


class Connection:
    """One connection to the replica."""

    def __init__(self, replica: "Failing", sock: socket.socket) -> None:
        self.replica = replica
        self.sock = sock
        self.received = b""
        self.name = ""  # of the request that is answered
        self.left: list[bytes] = []
        replica.connections.add(self)
        replica.loop.add_reader(sock, self.read)

    def read(self) -> None:
        """Take what there is; the whole request is answered."""
        data = b""
        with contextlib.suppress(OSError):
            data = self.sock.recv(65536)
        if not data:
            return self.close()
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        size = int(head.partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        if end and len(rest) >= size:
            method, target, _ = head.decode().split(" ", 2)
            self.name, self.received = target[1:], rest[size:]
            self.respond(method, rest[:size])

    def respond(self, method: str, body: bytes) -> None:
        """Answer a request in the way of the present state."""
        state = self.replica.state
        self.replica.received.setdefault(self.name, []).append(state)
        if state == "resetting":
            self.reset()
        elif state in ("busy", "barred"):
            pause = b"Retry-After: 1\r\n" if state == "barred" else b""
            self.write(b"HTTP/1.1 503 No\r\n" + pause + b"Content-Length: 4\r\n\r\nbusy")
        elif state == "up":
            self.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.left = pieces(self.name, method, body)
            self.send()

    def send(self) -> None:
        """Send the next piece; the answer to a name that begins so has no end."""
        if self.left:
            self.write(chunk(self.left.pop(0)))
            if self.left or self.name.startswith("held"):
                self.replica.loop.call_later(PAUSE, self.send)
            else:
                self.write(LAST_CHUNK)

    def write(self, data: bytes) -> None:
        """Send; it is too little to fill a socket."""
        with contextlib.suppress(OSError):
            self.sock.send(data)

    def close(self) -> None:
        """Close, with all that is unsent."""
        self.replica.connections.discard(self)
        self.replica.loop.remove_reader(self.sock)
        self.left = []
        self.sock.close()

    def reset(self) -> None:
        """Close by RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Failing:
    """``received``: the states in which it got each request; ``deaths``: how often it has died, and
    cut all answers that were not finished."""

    def __init__(self, address: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.address = address
        self.port = 0
        self.state = "dead"
        self.connections: set[Connection] = set()
        self.received: dict[str, list[str]] = {}
        self.deaths = 0
        self._sock: socket.socket | None = None

    def become(self, state: str) -> None:
        """Change the state; ``dead`` closes all that is open, every other state listens."""
        sock, self.state = self._sock, state
        if state == "dead" and sock is not None:
            self._sock = None
            self.loop.remove_reader(sock)
            sock.close()
            self.deaths += 1
            for connection in list(self.connections):
                connection.reset()
        elif state != "dead" and sock is None:
            self._sock = sock = socket.create_server((self.address, self.port), backlog=1000)
            sock.setblocking(False)
            self.port = sock.getsockname()[1]
            self.loop.add_reader(sock, self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = sock.accept()
                connection.setblocking(False)
                Connection(self, connection)
