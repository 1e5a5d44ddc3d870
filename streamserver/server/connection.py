"""One connection: bytes in, exchanges in order, bytes out (RFC 9112, section 9).

Reading continues while a response streams, because a paused transport detects neither a FIN nor
a reset. What a client sends meanwhile is the body of the current request or further requests.
Both are bounded, and reading is paused only at their bound. Each pipelined request is answered in
its own iteration of the event loop, so a client with a thousand requests in one packet does not
delay other clients.
"""

import asyncio
from contextlib import suppress
from typing import cast

from streamserver.server.body import WINDOW, RequestBody
from streamserver.server.exchange import Exchange
from streamserver.server.flow import Flow
from streamserver.server.observed import ObservedExchange
from streamserver.server.phase import Outcome
from streamserver.server.sockets import peer_name
from streamserver.server.state import ServerState
from streamserver.server.writer import HIGH_WATER
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead, read_request_head
from streamserver.wire.response_heads import response_head


class Connection(Flow):
    """A client's connection, from accept to close."""

    __slots__ = (
        "_incoming",
        "_is_scheduled",
        "_lingering",
        "_make_exchange",
        "_skipped",
        "_unread",
        "client",
        "exchange",
    )

    def __init__(self, server: ServerState) -> None:
        super().__init__(server)
        self.client = ""  # or set before the transport is made
        self.exchange: Exchange | None = None
        self._make_exchange = ObservedExchange if server.observer.sees_streams else Exchange
        self._incoming = b""  # the beginning of a head, or pipelined requests
        self._is_scheduled = False  # whether the loop will call _continue
        self._lingering = False
        self._unread: RequestBody | None = None  # a body that the handler did not read
        self._skipped = 0

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, though they do the same.
        self.transport = cast(asyncio.Transport, transport)
        if not self.client:
            self.client = peer_name(transport.get_extra_info("peername"))
        if transport.get_extra_info("sslcontext") is not None:
            self.transport.set_write_buffer_limits(high=HIGH_WATER - 1)  # as without TLS
        server = self.server
        if not server.opened(self):
            self.transport.abort()
        elif self in server.refused:
            self._refuse(HTTPError(503, "too many connections", headers={"Retry-After": "1"}))
        else:
            server.fresh_deadlines.start(self)

    def buffer_updated(self, nbytes: int) -> None:
        data = self.server.read_buffer[:nbytes].tobytes()
        exchange = self.exchange
        if exchange is not None:
            if exchange.body is not None and not exchange.body.complete:
                data = exchange.body.feed(data)
        elif self._lingering:
            return
        elif self._unread is not None:
            data = self._skip(self._unread, data)
        if not data:
            return
        if self._incoming:
            data = self._incoming + data
        if exchange is not None or self._is_scheduled or self.paused:
            self._queue(data)
        else:
            self._read(data)

    def eof_received(self) -> None:
        # A client that half-closes could still read, but it looks the same as one that has left,
        # and a stream without a reader costs most.
        self._abandon(Outcome.CLIENT_GONE)
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.resume_reading()
        self._closing = True
        self.server.forget(self)
        self._abandon(Outcome.CLIENT_GONE)

    def _abandon(self, outcome: Outcome) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon(outcome)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.exchange is not None:
            self.exchange.drained()
        else:
            self._continue()

    # From head to head

    def _read(self, data: bytes) -> None:
        """Read the next head from ``data`` and start its exchange."""
        if self._reading_paused:
            self.resume_reading()
        server = self.server
        limits = server.settings
        seen = len(self._incoming)
        try:
            head, rest = read_request_head(data, limits.max_head, limits.max_target, seen)
        except HTTPError as error:
            return self._refuse(error, data)
        was_idle = server.idle_deadlines.stop(self) or server.fresh_deadlines.stop(self)
        if head is None:
            # The deadline also covers empty lines before a head.
            self._incoming = rest
            if was_idle:
                server.head_deadlines.start(self)
            return
        if not was_idle:
            server.head_deadlines.stop(self)
        self.exchange = exchange = self._make_exchange(server, self, head)
        if server.identifies:
            exchange.identify()
        if rest and exchange.body is not None:
            rest = exchange.body.feed(rest)
        self._incoming = rest
        if rest:
            self._queue(rest)
        exchange.start()

    def _queue(self, data: bytes) -> None:
        """Keep pipelined requests, as many bytes as the settings allow."""
        self._incoming = data
        if len(data) > self.server.settings.max_pipelined:
            self.pause_reading()

    def exchange_ended(self, keep_alive: bool) -> None:
        """The response is complete: read the next request, or close."""
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        body = exchange.body
        if body is not None and not body.complete:
            self._leave_unread(body, keep_alive and not self.server.draining)
        elif not keep_alive:
            if self._incoming or exchange.outcome is Outcome.REJECTED:
                self.linger()
            else:
                self.close()
        elif self._incoming:
            self._is_scheduled = True
            # Not in the current context: it may have values that a handler has set.
            self.loop.call_soon(self._continue, context=self.server.context)
        else:
            self.server.idle_deadlines.start(self, exchange.ended)
            if self.server.draining:  # since its head, which announced a persistent connection
                self.drain()

    def _continue(self) -> None:
        """Read the next pipelined request."""
        self._is_scheduled = False
        if self.exchange is None and self._incoming and not (self._closing or self._lingering):
            if self.paused:
                return
            data, self._incoming = self._incoming, b""
            self.server.idle_deadlines.start(self)
            self._read(data)

    def _leave_unread(self, body: RequestBody, keep_alive: bool) -> None:
        """Discard the short rest of a body as it arrives; close before a long one."""
        body.discard()
        if keep_alive and body.is_short:
            self._unread = body
            self._skipped = 0
            self.server.linger_deadlines.start(self)
        else:
            self.linger()

    def _skip(self, body: RequestBody, data: bytes) -> bytes:
        """Discard bytes of a body that the handler did not read; returns what follows it."""
        rest = body.feed(data)
        body.discard()
        self._skipped += len(data) - len(rest)
        if body.error is not None or self._skipped > WINDOW:
            self.linger()
            return b""
        if body.complete:
            self._unread = None
            self.server.linger_deadlines.stop(self)
            self.server.idle_deadlines.start(self)
        return rest

    def _refuse(self, error: HTTPError, data: bytes = b"") -> None:
        """Answer a request whose head could not be read, and close."""
        self._incoming = b""
        method = "HEAD" if data.startswith(b"HEAD ") else "-"
        head = RequestHead(method, "-", 1, [])
        self.exchange = exchange = self._make_exchange(self.server, self, head)
        exchange.send_error(error)

    def inform(self, status: int, fields: Fields) -> None:
        """Send an interim response unless the final head has been sent (RFC 9110, section 15.2);
        none to an HTTP/1.0 client. ValueError as for ``response_head``."""
        exchange = self.exchange
        if exchange is not None and not exchange.has_sent_head and exchange.head.minor:
            self.transport.write(response_head(status, fields))

    def head_is_late(self) -> None:
        """The rest of a request head did not arrive in time."""
        self._refuse(HTTPError(408, "the request head did not come in time"))

    # The end

    def drain(self) -> None:
        """The server stops: close if idle, end an endless stream, let any other response end.

        A connection without a request so far was opened for one, so that is awaited for a short
        time. With a successor, the same holds for another request on an idle connection. Otherwise
        an idle connection is closed, unless a request waits in the kernel. One that arrives after
        that is lost, as with other servers: HTTP/1.1 has no means to announce a close on an idle
        connection, and clients repeat such a request (RFC 9112, sections 9.3.1 and 9.5).
        """
        if self.exchange is not None:
            self.exchange.end_early(Outcome.DRAINED)
        elif self._unread is not None:
            self.linger()
        elif not (
            self._incoming
            or self._lingering
            or self.server.has_successor
            or self in self.server.fresh_deadlines
        ):
            self.close_unused()

    def close_unused(self) -> None:
        """Close unless a request has arrived in the kernel, which is then read."""
        if self.has_unread:
            self.server.idle_deadlines.start(self)
        else:
            self.close()

    def hung_up(self) -> None:
        """The client has left, and no read has detected it."""
        self._abandon(Outcome.CLIENT_GONE)
        super().hung_up()

    def abort(self) -> None:
        """Reset at once, because the server stops."""
        self._abandon(Outcome.DRAINED)
        self.cut(reset=True)

    def stalled(self) -> None:
        """The client takes nothing."""
        if self.exchange is not None:
            self.exchange.cut(Outcome.STALLED)
        else:
            super().stalled()

    def linger(self) -> None:
        """Close for writing, and read and discard for a while (RFC 9112, section 9.6).

        To close while the client still sends would make the kernel reset the connection, and the
        response could be lost on its way.
        """
        if self._closing or self._lingering:
            return
        self._lingering = True
        self._incoming = b""
        self._unread = None
        server = self.server
        server.fresh_deadlines.stop(self)
        server.idle_deadlines.stop(self)
        server.head_deadlines.stop(self)
        self.resume_reading()
        if not server.settings.linger:
            return self.close()
        server.linger_deadlines.start(self)
        if self.transport.can_write_eof():
            with suppress(OSError):  # ENOTCONN: the client has already reset the connection
                self.transport.write_eof()

    def cut(self, reset: bool) -> None:
        """Close at once: with an RST where a FIN would signal completion."""
        self.exchange = None
        super().cut(reset)
