"""Accept connections, and stop accepting for a while when the kernel refuses.

The event loops accept by themselves, but not safely: out of descriptors, asyncio logs one
traceback for each place in the backlog and retries at once, and uvloop closes the connections
that wait. Here the listening socket is watched as any other descriptor. A refusal by the
kernel removes it from the loop; the connections stay in the backlog, and accepting resumes
when a connection of this server closes, or after `RETRY` seconds, because other processes may
have freed descriptors too.

Accepting also pauses while the server is full and the most refused connections that are allowed
are open. A connection is counted as soon as it is accepted, so a TLS handshake takes room, and
it has a deadline.
"""

import asyncio
import logging
import socket
import ssl as tls
from collections.abc import Coroutine
from functools import partial

from streamserver.server import eager
from streamserver.server.connection import Connection
from streamserver.server.proxy_headers import ProxyHeaders
from streamserver.server.sockets import BACKLOG, is_listening
from streamserver.server.state import ServerState

log = logging.getLogger("streamserver")

BATCH = 64
"""Connections accepted in one iteration of the loop; requests are served between two batches."""
RETRY = 0.1
"""Seconds between two attempts while the kernel refuses: ten system calls a second."""
REFUSED_HANDSHAKE = 2.0
"""Seconds for the TLS handshake of a connection that only gets a 503."""
PAUSED = "accepting connections is paused"
Opened = tuple[asyncio.BaseTransport, asyncio.BaseProtocol]


def _socket_class(sock: socket.socket) -> type[socket.socket]:
    """The class of the sockets that ``sock`` accepts: their family and type are constants.

    ``socket.socket`` makes an enum at each access to them, and ``accept`` and the loops access
    them six times for each connection, which costs as much as a system call.
    """
    constants = {"__slots__": (), "family": sock.family, "type": sock.type}
    return type("AcceptedSocket", (socket.socket,), constants)


class Acceptor:
    """Accepts on a bound ``sock``, which it owns from ``start`` on, with TLS by ``ssl``, and after
    a PROXY header if there are ``headers``."""

    def __init__(
        self,
        server: ServerState,
        sock: socket.socket,
        ssl: tls.SSLContext | None,
        headers: ProxyHeaders | None = None,
    ) -> None:
        self._server = server
        self._loop = server.loop
        self._sock = sock
        self._ssl = ssl
        self._headers = headers
        self._make_socket = _socket_class(sock)
        self._kind = int(sock.family), int(sock.type), sock.proto
        self._retry: asyncio.TimerHandle | None = None
        self._reported_at: float | None = None

    def start(self) -> None:
        """Listen, and accept from now on; OSError when the kernel will not listen."""
        if not is_listening(self._sock):  # else its backlog was chosen elsewhere
            self._sock.listen(BACKLOG)
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock, self._accept_batch)

    def close(self) -> None:
        """Accept the connections that wait in the backlog, and stop; may be called twice."""
        if self._sock.fileno() >= 0:
            self._accept_batch(BACKLOG)
            self._loop.remove_reader(self._sock)
            self._stop_waiting()
            self._sock.close()

    def _accept_batch(self, most: int = BATCH) -> None:
        server = self._server
        for _ in range(most):
            if len(server.refused) >= server.descriptors.refusals and server.is_full:
                return self._pause()
            try:
                # Private, but `accept` makes a socket object that would be made anew here.
                descriptor, _ = self._sock._accept()  # type: ignore[attr-defined]  # private
            except BlockingIOError:
                return self._report_resumed()
            except ConnectionAbortedError:  # the client left while it waited in the backlog
                continue
            except OSError as error:
                if server.descriptors.report(error, PAUSED):
                    self._reported_at = self._loop.time()
                return self._pause()
            self._open(self._make_socket(*self._kind, descriptor))

    def _open(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        server = self._server
        connection = Connection(server)
        server.admit(connection)
        timeout = server.settings.head_timeout
        if connection in server.refused:
            timeout = min(timeout, REFUSED_HANDSHAKE)
        connecting: Coroutine[None, None, Opened | None]
        if self._headers is None:
            connecting = self._connect(connection, sock, timeout)
        else:
            connecting = self._connect_named(connection, sock, timeout, self._headers)
        opening = eager.start(connecting, self._loop)
        if opening is None:  # it failed at once
            return server.forget(connection)
        opening.add_done_callback(partial(self._opened, connection))
        if connection in server.opening:
            server.opening[connection] = opening

    def _connect(
        self, connection: Connection, sock: socket.socket, timeout: float
    ) -> Coroutine[None, None, Opened]:
        return self._loop.connect_accepted_socket(
            lambda: connection,
            sock,
            ssl=self._ssl,
            ssl_handshake_timeout=None if self._ssl is None else timeout,
        )

    async def _connect_named(
        self, connection: Connection, sock: socket.socket, timeout: float, headers: ProxyHeaders
    ) -> Opened | None:
        """As ``_connect``, for the client that the PROXY header names."""
        client = None
        try:
            client = await headers.read(sock, timeout)
        finally:
            if client is None:
                sock.close()
                self._server.forget(connection)
        if client is None:
            return None
        connection.client = client
        return await self._connect(connection, sock, timeout)

    def _opened(self, connection: Connection, opening: "asyncio.Task[Opened | None]") -> None:
        """The transport is made, after the handshake where there is TLS, or it failed."""
        if opening.cancelled():
            self._server.forget(connection)
        elif (error := opening.exception()) is not None:
            self._server.forget(connection)
            if not isinstance(error, OSError):  # those mean that the client left or was late
                log.error("a connection could not be made", exc_info=error)

    # Pauses

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock)
        self._server.on_room = self._resume_soon
        if self._retry is None:
            self._retry = self._loop.call_later(RETRY, self._resume)

    def _resume_soon(self) -> None:
        # The loop closes the socket of a connection after it has reported its loss.
        self._server.on_room = None
        self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._retry is not None:
            self._stop_waiting()
            self._loop.add_reader(self._sock, self._accept_batch)

    def _stop_waiting(self) -> None:
        self._server.on_room = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _report_resumed(self) -> None:
        """The backlog is empty; if a pause was logged, log its end too."""
        if self._reported_at is not None:
            seconds = self._loop.time() - self._reported_at
            self._reported_at = None
            log.warning("accepting connections has resumed after %.1f s", seconds)
