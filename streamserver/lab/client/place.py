"""Where requests go: a name that is resolved once, and the way to a connection.

Resolving is done before all else, so that no exchange waits for it; connecting and TLS are two
steps, which are measured apart.
"""

import asyncio
import socket
from dataclasses import dataclass, field
from ssl import SSLContext
from time import monotonic_ns
from typing import Any
from urllib.parse import SplitResult

from streamserver.lab.client.connection import Connection
from streamserver.lab.client.record import Record

Address = tuple[int, Any]
"""A socket's family, and an address of it."""


@dataclass(slots=True)
class Place:
    """A host and port, and whether TLS is spoken there."""

    host: str
    port: int
    tls: SSLContext | None = None
    resolving: int = 0
    """How long resolving took, in ns; 0 before it was done."""
    _addresses: list[Address] = field(default_factory=list)

    async def resolve(self) -> None:
        """Find the addresses, once; OSError if there are none."""
        if self._addresses:
            return
        begin = monotonic_ns()
        found = await asyncio.get_running_loop().getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        )
        self.resolving = monotonic_ns() - begin
        self._addresses = [(int(family), address) for family, _, _, _, address in found]

    async def connect(self, record: Record, connection: Connection) -> None:
        """Open it, and tell the record when each step was done; OSError if that fails."""
        await self.resolve()
        loop = asyncio.get_running_loop()
        record.dialed = monotonic_ns()
        sock = await self._dial()
        record.connected = monotonic_ns()
        name = self.host if self.tls else None
        try:
            await loop.create_connection(
                lambda: connection, sock=sock, ssl=self.tls, server_hostname=name
            )
        except BaseException:
            sock.close()
            raise
        if self.tls:
            record.secured = connection.made

    async def _dial(self) -> socket.socket:
        """A connection to the first address that takes it, which from then on is the first."""
        problem: OSError | None = None
        for address in self._addresses:
            try:
                sock = await _dial(*address)
            except OSError as error:
                problem = problem or error
                continue
            if problem is not None:
                self._addresses.remove(address)
                self._addresses.insert(0, address)
            return sock
        raise problem or OSError(f"{self.host} has no address")


async def _dial(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def place_of(parts: SplitResult, tls: SSLContext | None) -> Place:
    """The place that a URL names; ``tls`` is for an https one."""
    secure = parts.scheme == "https"
    return Place(
        parts.hostname or "", parts.port or (443 if secure else 80), tls if secure else None
    )
