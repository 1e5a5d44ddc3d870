"""One connection: bytes in, exchanges in order, bytes out (RFC 9112, section 9).

While a response streams we keep reading, because a transport that is paused notices neither
a FIN nor a reset. What a client sends meanwhile is either the body of the request being
answered or the requests behind it; both are bounded, and only at their bound is reading
paused. Requests are answered one at a time, each in its own turn of the loop, so that a
client with a thousand of them in one packet holds up nobody else.
"""

import asyncio
import socket
import struct
from typing import cast

from streamserver.server.body import WINDOW, RequestBody
from streamserver.server.exchange import Exchange
from streamserver.server.outcome import Outcome
from streamserver.server.shared import Shared
from streamserver.wire.heads import RequestHead, read_request_head
from streamserver.wire.problem import HTTPError

_UNREAD = RequestHead("-", "-", 1, [])
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds


class Connection(asyncio.Protocol):
    """A client's connection, from accept to close."""

    __slots__ = (
        "_closing",
        "_incoming",
        "_lingering",
        "_reading_paused",
        "_seen_buffer",
        "_skipped",
        "_unread",
        "_waiter",
        "client",
        "exchange",
        "loop",
        "paused",
        "shared",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.loop = shared.loop
        self.client = "unix"
        self.exchange: Exchange | None = None
        self.paused = False
        self._incoming = b""
        self._unread: RequestBody | None = None
        self._skipped = 0
        self._closing = False
        self._lingering = False
        self._reading_paused = False
        self._seen_buffer = 0
        self._waiter: asyncio.Future[None] | None = None

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, though they do the same.
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.client = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
        self.shared.connections.add(self)
        if not self.shared.has_room():
            self.refuse(HTTPError(503, "too many connections", headers={"Retry-After": "1"}))
        else:
            self.shared.idle_deadlines.start(self)

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        exchange = self.exchange
        if exchange is not None:
            if exchange.body is not None and not exchange.body.complete:
                data = exchange.body.feed(data)
            if data:
                self._queue(data)
            return
        if self._unread is not None:
            data = self._skip(self._unread, data)
        if self.paused:
            self._queue(data)
        elif data:
            self._read(self._incoming + data if self._incoming else data)

    def eof_received(self) -> None:
        # A client that half-closes could still read. But nothing tells it from one that
        # has gone, and a stream to nobody is what costs.
        if self.exchange is not None:
            self.exchange.abandon(Outcome.CLIENT_GONE)
            self.exchange = None
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self.shared.forget(self)
        if self.exchange is not None:
            self.exchange.abandon(Outcome.CLIENT_GONE)
            self.exchange = None

    def pause_writing(self) -> None:
        self.paused = True
        self._seen_buffer = self.transport.get_write_buffer_size()
        self.shared.write_deadlines.start(self)

    def resume_writing(self) -> None:
        self.paused = False
        self.shared.write_deadlines.stop(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.exchange is not None:
            self.exchange.drained()
        else:
            self._go_on()

    # From head to head

    def _read(self, data: bytes) -> None:
        """Take the next head from ``data`` and run its exchange."""
        settings = self.shared.settings
        try:
            head, rest = read_request_head(data, settings.max_head, settings.max_target)
        except HTTPError as error:
            return self.refuse(error)
        if head is None:
            if rest and not self._incoming:
                self.shared.idle_deadlines.stop(self)
                self.shared.head_deadlines.start(self)
            self._incoming = rest
            return
        self.shared.idle_deadlines.stop(self)
        self.shared.head_deadlines.stop(self)
        self.exchange = exchange = Exchange(self, head)
        if rest and exchange.body is not None:
            rest = exchange.body.feed(rest)
        self._incoming = rest
        exchange.start()

    def exchange_ended(self, exchange: Exchange, keep_alive: bool) -> None:
        """The response is complete: on to the next request, or to the end."""
        if self.exchange is not exchange:
            return
        self.exchange = None
        body = exchange.body
        if body is not None and not body.complete:
            body.discard()
            if keep_alive and body.is_short and not self.shared.draining:
                self._unread = body
                self._skipped = 0
                self.shared.linger_deadlines.start(self)
                return
            self.linger()
        elif not keep_alive or self.shared.draining:
            if self._incoming or exchange.outcome is Outcome.REJECTED:
                self.linger()
            else:
                self.close()
        elif self._incoming:
            self.loop.call_soon(self._go_on)
        else:
            self.shared.idle_deadlines.start(self)

    def _go_on(self) -> None:
        """Read on where an exchange left off."""
        if self.exchange is None and not (self._closing or self.paused or self._unread):
            data, self._incoming = self._incoming, b""
            self.resume_reading()
            if data:
                self._read(data)
            if self.exchange is None and not self._incoming and not self._closing:
                self.shared.idle_deadlines.start(self)

    def _queue(self, data: bytes) -> None:
        """Keep what came too early: pipelined requests, as many bytes as the settings allow."""
        self._incoming += data
        if len(self._incoming) > self.shared.settings.max_pipelined:
            self.pause_reading()

    def _skip(self, body: RequestBody, data: bytes) -> bytes:
        """Read away the body that no handler wanted; what follows it."""
        rest = body.feed(data)
        body.discard()
        self._skipped += len(data) - len(rest)
        if body.error is not None or self._skipped > WINDOW:
            self._unread = None
            self.linger()
            return b""
        if body.complete:
            self._unread = None
            self.shared.linger_deadlines.stop(self)
            self.shared.idle_deadlines.start(self)
        return rest

    def refuse(self, error: HTTPError) -> None:
        """Answer a request that is no exchange yet with an error, and close."""
        self._incoming = b""
        self.exchange = Exchange(self, _UNREAD)
        self.exchange.reject(error)

    # Flow control, as the exchange asks for it

    async def drained(self) -> None:
        """Wait until the client has room; cancelled when it never has."""
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def flushed(self) -> None:
        """Wait until nothing is left in the transport's own buffer."""
        if self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0)
            try:
                while self.paused:
                    await self.drained()
            finally:
                self.transport.set_write_buffer_limits()

    def invite_body(self) -> None:
        """Tell a client that expects it to go on (RFC 9110, section 15.2.1)."""
        if self.exchange is not None and not self.exchange.status:
            self.transport.write(_CONTINUE)

    def pause_reading(self) -> None:
        """Let TCP hold the client back."""
        if not self._reading_paused and not self._closing:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._reading_paused:
            self._reading_paused = False
            if not self._closing:
                self.transport.resume_reading()

    # Deadlines

    def head_is_late(self) -> None:
        """The rest of a request head did not come."""
        self.refuse(HTTPError(408, "the request head did not come in time"))

    def write_is_late(self) -> None:
        """The client takes nothing, or little: as long as it takes something, it may stay."""
        waiting = self.transport.get_write_buffer_size()
        if waiting < self._seen_buffer:
            self._seen_buffer = waiting
            self.shared.write_deadlines.start(self)
        elif self.exchange is not None:
            self.exchange.cut(Outcome.STALLED)
        else:
            self.cut(reset=True)

    # The end

    def drain(self) -> None:
        """The server stops: close if idle, end an endless stream, else let it finish."""
        if self.exchange is not None:
            self.exchange.end_early(Outcome.DRAINED)
        elif not self._incoming and not self._lingering:
            self.close()

    def linger(self) -> None:
        """Close for writing, and read on for a while (RFC 9112, section 9.6).

        To close at once while the client still sends would make the kernel reset the
        connection, and the answer could be lost on its way.
        """
        if self._closing or self._lingering:
            return
        self._lingering = True
        self._incoming = b""
        self.shared.idle_deadlines.stop(self)
        self.shared.head_deadlines.stop(self)
        self.shared.linger_deadlines.start(self)
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """Close once everything written is out; a client that does not take it is cut."""
        if not self._closing:
            self._closing = True
            self._incoming = b""
            self.transport.close()
            if self.transport.get_write_buffer_size():
                self.pause_writing()

    def cut(self, reset: bool) -> None:
        """Close at once: with a reset where a proper close would be a lie."""
        self.exchange = None
        if not reset:
            self.close()
        elif not self._closing or self.transport.get_write_buffer_size():
            self._closing = True
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
