"""One connection: bytes in, exchanges in order, bytes out (RFC 9112, section 9).

While a response streams we keep reading, because a transport that is paused notices neither
a FIN nor a reset. What a client sends meanwhile is either the body of the request being
answered or the requests behind it; both are bounded, and only at their bound is reading
paused. Requests are answered one at a time, each in its own turn of the loop, so that a
client with a thousand of them in one packet holds up nobody else.
"""

import asyncio
from contextlib import suppress
from typing import cast

from streamserver.server.body import WINDOW, RequestBody
from streamserver.server.exchange import Exchange
from streamserver.server.flow import Flow
from streamserver.server.outcome import Outcome
from streamserver.server.state import ServerState
from streamserver.server.writer import HIGH_WATER
from streamserver.wire.heads import Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead, read_request_head
from streamserver.wire.response_heads import response_head


class Connection(Flow):
    """A client's connection, from accept to close."""

    __slots__ = (
        "_has_turn",
        "_incoming",
        "_lingering",
        "_skipped",
        "_unread",
        "client",
        "exchange",
    )

    def __init__(self, server: ServerState) -> None:
        super().__init__(server)
        self.client = "unix"
        self.exchange: Exchange | None = None
        self._incoming = b""
        self._has_turn = False  # whether the loop will call _go_on
        self._lingering = False
        self._unread: RequestBody | None = None  # a body that no handler wanted
        self._skipped = 0

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, though they do the same.
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.client = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
        if transport.get_extra_info("sslcontext") is not None:
            self.transport.set_write_buffer_limits(high=HIGH_WATER - 1)  # as without TLS
        server = self.server
        if not server.opened(self):
            self.transport.abort()
        elif self in server.refused:
            self._refuse(HTTPError(503, "too many connections", headers={"Retry-After": "1"}))
        else:
            server.idle_deadlines.start(self)

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self.server.read_buffer[:nbytes])
        exchange = self.exchange
        if self._lingering:
            return
        if exchange is not None:
            if exchange.body is not None and not exchange.body.complete:
                data = exchange.body.feed(data)
        elif self._unread is not None:
            data = self._skip(self._unread, data)
        if not data:
            return
        if exchange is not None or self._has_turn or self.paused:
            self._queue(self._incoming + data)
        else:
            self._read(self._incoming + data if self._incoming else data)

    def eof_received(self) -> None:
        # A client that half-closes could still read. But nothing tells it from one that
        # has gone, and a stream to nobody is what costs.
        self._abandon()
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.resume_reading()
        self._closing = True
        self.server.forget(self)
        self._abandon()

    def _abandon(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon(Outcome.CLIENT_GONE)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.exchange is not None:
            self.exchange.drained()
        else:
            self._go_on()

    # From head to head

    def _read(self, data: bytes) -> None:
        """Take the next head from ``data`` and run its exchange."""
        self.resume_reading()
        server = self.server
        limits = server.settings
        seen = len(self._incoming)
        try:
            head, rest = read_request_head(data, limits.max_head, limits.max_target, seen)
        except HTTPError as error:
            return self._refuse(error, data)
        was_idle = server.idle_deadlines.stop(self)
        if head is None:
            # Empty lines before a head count as its beginning: they may not trickle for ever.
            self._incoming = rest
            if was_idle:
                server.head_deadlines.start(self)
            return
        server.head_deadlines.stop(self)
        self.exchange = exchange = server.exchange(self, head)
        if rest and exchange.body is not None:
            rest = exchange.body.feed(rest)
        self._queue(rest)
        exchange.start()

    def _queue(self, data: bytes) -> None:
        """Keep what came too early: pipelined requests, as many bytes as the settings allow."""
        self._incoming = data
        if len(data) > self.server.settings.max_pipelined:
            self.pause_reading()

    def exchange_ended(self, exchange: Exchange, keep_alive: bool) -> None:
        """The response is complete: on to the next request, or to the end."""
        if self.exchange is not exchange:
            return
        self.exchange = None
        keep_alive = keep_alive and not self.server.draining
        body = exchange.body
        if body is not None and not body.complete:
            self._leave_unread(body, keep_alive)
        elif keep_alive:
            self._take_turn()
        elif self._incoming or exchange.outcome is Outcome.REJECTED:
            self.linger()
        else:
            self.close()

    def _take_turn(self) -> None:
        if self._incoming:
            self._has_turn = True
            # What handlers put into their context is not the next request's, least of all that of
            # the one for which a relay's pooled connection was opened, in which this may run.
            self.loop.call_soon(self._go_on, context=self.server.context)
        else:
            self.server.idle_deadlines.start(self)

    def _go_on(self) -> None:
        """Read on where an exchange left off."""
        self._has_turn = False
        if self.exchange is None and self._incoming and not (self._closing or self._lingering):
            if self.paused:
                return
            data, self._incoming = self._incoming, b""
            self.server.idle_deadlines.start(self)
            self._read(data)

    def _leave_unread(self, body: RequestBody, keep_alive: bool) -> None:
        """Read a short rest of a body away; close on a long one."""
        body.discard()
        if keep_alive and body.is_short:
            self._unread = body
            self._skipped = 0
            self.server.linger_deadlines.start(self)
        else:
            self.linger()

    def _skip(self, body: RequestBody, data: bytes) -> bytes:
        """Read away the body that no handler wanted; what follows it."""
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
        self.exchange = self.server.exchange(self, RequestHead(method, "-", 1, []))
        self.exchange.reject(error)

    def inform(self, status: int, fields: Fields) -> None:
        """Send an interim response unless the final head has been sent (RFC 9110, section 15.2);
        none to an HTTP/1.0 client. ValueError as ``response_head`` has it."""
        exchange = self.exchange
        if exchange is not None and not exchange.has_sent_head and exchange.head.minor:
            self.transport.write(response_head(status, fields))

    def head_is_late(self) -> None:
        """The rest of a request head did not come."""
        self._refuse(HTTPError(408, "the request head did not come in time"))

    # The end

    def drain(self) -> None:
        """The server stops: close if idle, end an endless stream, else let it finish."""
        if self.exchange is not None:
            self.exchange.end_early(Outcome.DRAINED)
        elif not self._incoming and not self._lingering:
            self.close()

    def hung_up(self) -> None:
        """The client has left while nothing was read from it."""
        self._abandon()
        super().hung_up()

    def stalled(self) -> None:
        """The client takes nothing."""
        if self.exchange is not None:
            self.exchange.cut(Outcome.STALLED)
        else:
            super().stalled()

    def linger(self) -> None:
        """Close for writing, and read on for a while (RFC 9112, section 9.6).

        To close at once while the client still sends would make the kernel reset the
        connection, and the answer could be lost on its way.
        """
        if self._closing or self._lingering:
            return
        self._lingering = True
        self._incoming = b""
        self._unread = None
        server = self.server
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
        """Close at once: with a reset where a proper close would be a lie."""
        self.exchange = None
        super().cut(reset)
