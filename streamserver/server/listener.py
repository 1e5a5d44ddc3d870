"""Listen, drain, stop.

Stopping has three steps: accepting ends; each open exchange ends as properly as it can, and TLS
handshakes and first requests that are on their way complete; the connections that are open after
the grace period are cut. The last connection to close resolves a future that the listener awaits,
so nothing polls.
"""

import asyncio
import socket
import ssl as tls

from streamserver.server.accepting import Acceptor
from streamserver.server.descriptors import Descriptors, of_process
from streamserver.server.observer import Observer
from streamserver.server.proxy_headers import ProxyHeaders
from streamserver.server.settings import Settings
from streamserver.server.sockets import url_of
from streamserver.server.state import LAST_REQUEST, Handler, ServerState
from streamserver.wire.forwarded import TrustedPeers


class Listener:
    """A server: ``handler`` answers requests, ``observer`` is called with events.

    ``descriptors`` is the budget that its clients, files and upstreams share; the default is that
    of the process. ``trusted``: the proxies that name their clients. ``identifies``: whether each
    request gets an id. ``proxy_protocol``: whether connections begin with a PROXY header, in which
    a trusted proxy names the client; those of other peers are closed. Create it inside a running
    event loop. ValueError for ``proxy_protocol`` without trusted peers.
    """

    def __init__(
        self,
        handler: Handler,
        settings: Settings | None = None,
        observer: Observer | None = None,
        descriptors: Descriptors | None = None,
        trusted: TrustedPeers | None = None,
        identifies: bool = False,
        proxy_protocol: bool = False,
    ) -> None:
        self.settings = settings or Settings()
        loop, descriptors = asyncio.get_running_loop(), descriptors or of_process()
        observer = observer or Observer()
        self._server = ServerState(handler, self.settings, observer, loop, descriptors)
        self._server.trusted = trusted
        self._server.identifies = identifies
        self._acceptors: list[Acceptor] = []
        self._headers: ProxyHeaders | None = None
        if proxy_protocol:
            if trusted is None:
                raise ValueError("the PROXY protocol needs trusted peers")
            self._headers = ProxyHeaders(loop, trusted)
        self.url = ""

    @property
    def connections(self) -> int:
        """How many connections are open, TLS handshakes included."""
        return len(self._server.connections) + len(self._server.opening)

    async def start(self, *, sock: socket.socket, ssl: tls.SSLContext | None = None) -> None:
        """Accept connections on a bound ``sock``; may be called for several, and ``url`` is that
        of the first one. OSError when the kernel will not listen."""
        self.url = self.url or url_of(sock, ssl is not None)
        if sock.family != socket.AF_UNIX:
            # A chunk must not wait for the acknowledgement of the one before it. asyncio sets
            # this only for sockets that name their protocol; accepted ones inherit it.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        acceptor = Acceptor(self._server, sock, ssl, self._headers)
        self._acceptors.append(acceptor)
        acceptor.start()

    async def stop(self, grace: float | None = None, *, has_successor: bool = False) -> None:
        """Drain, and cut what is open after ``grace`` seconds (default: the settings').

        With a successor, which accepts on the same socket, idle connections may send one more
        request for a short time, because no program waits for the end of this server.
        """
        server = self._server
        self._stop_accepting()
        server.has_successor = has_successor
        server.drain()
        grace = self.settings.grace if grace is None else grace
        await self._until_empty(first := min(grace, LAST_REQUEST))
        self._cancel_handshakes()
        await self._until_empty(grace - first)
        self.abort()
        await self._until_empty(1.0)
        if server.unwinding:
            await asyncio.wait(server.unwinding, timeout=1.0)
        server.close()

    def hurry(self) -> None:
        """While it stops: there is no successor any more."""
        self._server.has_successor = False
        self._server.drain()

    def close(self) -> None:
        """Cut every connection now, and release everything."""
        self.abort()
        self._server.close()

    def abort(self) -> None:
        """Cut every connection now."""
        self._stop_accepting()
        for connection in list(self._server.connections):
            connection.abort()
        self._cancel_handshakes()

    def _stop_accepting(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()

    def _cancel_handshakes(self) -> None:
        for opening in list(self._server.opening.values()):
            if opening is not None:
                opening.cancel()

    async def _until_empty(self, seconds: float) -> None:
        server = self._server
        if not server.is_empty:
            server.emptied = server.loop.create_future()
            await asyncio.wait([server.emptied], timeout=seconds)
