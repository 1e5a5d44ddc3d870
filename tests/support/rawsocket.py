"""A client of bytes: it sends what it is told, reads when it is told, and hides nothing.

A socket without a stream around it, because a reader that reads ahead is never frozen, and
because only a socket tells a FIN (`b""`) from a RST (ConnectionResetError).
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

PART = 65536
PATIENCE = 10.0
"""Seconds within which a peer that is another process answers, also on a busy machine."""


@dataclass(slots=True)
class RawClient:
    """One connection; `received` holds all bytes read so far, also after a reset."""

    sock: socket.socket
    received: bytes = b""

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def read_until(
        self, enough: bytes | Callable[[bytes], object] | None = None, timeout: float = PATIENCE
    ) -> bytes:
        """Read until the bytes received hold `enough` or it finds them so; without it, to the end.

        Returns `received`. EOFError when the end comes before enough does, ConnectionResetError
        when it comes by RST, TimeoutError after `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            while not self._has(enough):
                part = await loop.sock_recv(self.sock, PART)
                if not part and enough is not None:
                    raise EOFError(f"the connection ended after {self.received!r}")
                if not part:
                    break
                self.received += part
        return self.received

    def end(self) -> None:
        """Say that nothing more will be sent (FIN), and keep reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave without a goodbye (RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _has(self, enough: bytes | Callable[[bytes], object] | None) -> bool:
        if isinstance(enough, bytes):
            return enough in self.received
        return enough is not None and bool(enough(self.received))


@contextlib.asynccontextmanager
async def connect(
    port: int, *, receive_buffer: int = 0, source: str = ""
) -> AsyncIterator[RawClient]:
    """A connection, closed at the end; a small `receive_buffer` (bytes) stalls the peer early.
    `source` is the address that the peer sees."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        yield RawClient(sock)


async def until_end(connection: RawClient, timeout: float = PATIENCE) -> bytes:
    """What still comes before the connection ends, by FIN or RST; TimeoutError if it does not."""
    loop, rest = asyncio.get_running_loop(), bytearray()
    async with asyncio.timeout(timeout):
        with contextlib.suppress(ConnectionResetError):
            while part := await loop.sock_recv(connection.sock, PART):
                rest += part
    connection.received += rest
    return bytes(rest)


async def raw(
    port: int,
    data: bytes,
    *,
    eof: bool = False,
    until: bytes | Callable[[bytes], object] | None = None,
    timeout: float = PATIENCE,
    source: str = "",
) -> bytes:
    """Send the bytes (then a FIN, if `eof`), and return what comes back, as `read_until` has it."""
    async with connect(port, source=source) as client:
        await client.send(data)
        if eof:
            client.end()
        return await client.read_until(until, timeout)
