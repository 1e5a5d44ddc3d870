"""Listen, admit, drain, stop.

Stopping has three steps: accept nobody; let everything that is open end as well as it can;
cut what is left when the grace period is over. Nothing polls: the last connection to close
wakes whoever waits for it.
"""

import asyncio
import socket
import ssl as tls
import sys
from typing import Any

from streamserver.server.connection import Connection
from streamserver.server.observer import Observer
from streamserver.server.outcome import Outcome
from streamserver.server.settings import Settings
from streamserver.server.shared import Handler, Shared
from streamserver.server.sockets import BACKLOG


class Listener:
    """A server on one socket: ``handler`` answers, ``observer`` is told what happens.

    Create it inside a running event loop.
    """

    def __init__(
        self, handler: Handler, settings: Settings | None = None, observer: Observer | None = None
    ) -> None:
        self.settings = settings or Settings()
        loop = asyncio.get_running_loop()
        self._shared = Shared(handler, self.settings, observer or Observer(), loop)
        self._server: asyncio.AbstractServer | None = None
        self.url = ""

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._shared.connections)

    async def start(self, *, sock: socket.socket, ssl: tls.SSLContext | None = None) -> None:
        """Accept connections on a bound ``sock``. OSError when the kernel will not listen."""
        loop = self._shared.loop
        self.url = _url(sock, ssl is not None)
        options: dict[str, Any] = {"sock": sock, "ssl": ssl, "backlog": BACKLOG}
        if ssl is not None:
            options["ssl_handshake_timeout"] = self.settings.head_timeout
        unix = sock.family == socket.AF_UNIX
        if not unix:
            # A chunk must not wait for the acknowledgement of the one before it. asyncio sees
            # to this only for sockets that name their protocol; accepted ones inherit it.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if unix and sys.version_info >= (3, 13):
            options["cleanup_socket"] = False  # other workers may still listen on it
        create: Any = loop.create_unix_server if unix else loop.create_server
        self._server = await create(lambda: Connection(self._shared), **options)

    async def stop(self, grace: float | None = None) -> None:
        """Drain, and cut what is left after ``grace`` seconds (default: the settings')."""
        shared = self._shared
        if self._server is not None:
            self._server.close()
        shared.draining = True
        for connection in list(shared.connections):
            connection.drain()
        await self._until_empty(self.settings.grace if grace is None else grace)
        self.abort()
        await self._until_empty(1.0)
        if shared.unwinding:
            await asyncio.wait(shared.unwinding, timeout=1.0)
        shared.close()

    def close(self) -> None:
        """Cut every connection now, and let go of everything."""
        self.abort()
        self._shared.close()

    def abort(self) -> None:
        """Cut every connection now."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._shared.connections):
            if connection.exchange is not None:
                connection.exchange.abandon(Outcome.DRAINED)
            connection.cut(reset=True)

    async def _until_empty(self, seconds: float) -> None:
        shared = self._shared
        if shared.connections:
            shared.emptied = shared.loop.create_future()
            await asyncio.wait([shared.emptied], timeout=seconds)


def _url(sock: socket.socket, secure: bool) -> str:
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
