"""The PROXY protocol on accepted sockets: who the client is, before TLS or HTTP begin.

A header counts only if the peer is trusted, and a trusted peer must send one: a client could write
a header itself, and one without a header would pass as the load balancer.
"""

import asyncio
import logging
import socket

from streamserver.wire.forwarded import UNIX, TrustedPeers
from streamserver.wire.proxy_protocol import MAX_HEADER, read_proxy_header

log = logging.getLogger("streamserver")

REPORT_EVERY = 10.0
"""Seconds between two lines about connections that were closed: any client can cause one."""


class ProxyHeaders:
    """Reads the header of each connection, from peers in ``trusted`` only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, trusted: TrustedPeers) -> None:
        self._loop = loop
        self._trusted = trusted
        self._report_at = 0.0

    async def read(self, sock: socket.socket, timeout: float) -> str | None:
        """The client that the header names; "" if it names none, None if it is to be closed.

        Exactly the header is read. It must be complete after ``timeout`` seconds.
        """
        peer = UNIX
        try:
            if isinstance(name := sock.getpeername(), tuple):
                peer = name[0]
            if not self._trusted.trusts(peer):
                raise ValueError("the peer is no trusted proxy")
            async with asyncio.timeout(timeout):
                return await self._read(sock)
        except TimeoutError:
            self._report(peer, "its PROXY header did not come in time")
        except OSError:  # the peer has left, as a load balancer does that checks the port
            pass
        except ValueError as problem:
            self._report(peer, str(problem))
        return None

    async def _read(self, sock: socket.socket) -> str:
        data = b""
        while True:
            try:
                seen = sock.recv(MAX_HEADER, socket.MSG_PEEK)
            except BlockingIOError:
                await self._readable(sock)
                continue
            if not seen:
                raise ConnectionResetError
            header = read_proxy_header(data + seen)
            if header is not None:
                sock.recv(header.length - len(data))
                return header.client
            data += sock.recv(len(seen))

    async def _readable(self, sock: socket.socket) -> None:
        readable = asyncio.Event()
        self._loop.add_reader(sock, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(sock)

    def _report(self, peer: str, problem: str) -> None:
        now = self._loop.time()
        if now >= self._report_at:
            self._report_at = now + REPORT_EVERY
            log.warning("closed a connection of %s without an answer: %s", peer, problem)
