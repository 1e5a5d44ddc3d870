"""An upstream of bytes: a test accepts its connections, and says what each of them answers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from support.rawsocket import PATIENCE, RawClient


@dataclass(slots=True)
class RawServer:
    """A listening socket on 127.0.0.1, whose connections the test drives by itself."""

    sock: socket.socket
    accepted: contextlib.ExitStack

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.sock.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    async def accept(self, timeout: float = PATIENCE) -> RawClient:
        """The next connection, which is closed at the end of the test; TimeoutError without one."""
        async with asyncio.timeout(timeout):
            sock, _ = await asyncio.get_running_loop().sock_accept(self.sock)
        self.accepted.enter_context(sock)
        return RawClient(sock)

    async def asked(self, timeout: float = PATIENCE) -> RawClient:
        """The next connection, once a whole request head has come over it."""
        connection = await self.accept(timeout)
        await connection.read_until(b"\r\n\r\n", timeout)
        return connection


@contextlib.asynccontextmanager
async def raw_server() -> AsyncIterator[RawServer]:
    """A server of bytes while inside."""
    with contextlib.ExitStack() as accepted, socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield RawServer(sock, accepted)
