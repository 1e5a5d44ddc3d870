"""One connection to an upstream.

It reads a response and hands each part on in the very call that brought it. Between two
requests it lies idle in its pool, where the only thing it may say is goodbye.
"""

import asyncio
import os
import select
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from streamserver.server.writer import HIGH_WATER
from streamserver.wire.problem import HTTPError
from streamserver.wire.responses import ResponseReader

if TYPE_CHECKING:
    from streamserver.proxy.asking import Asking
    from streamserver.proxy.pool import Pool

MAX_HEAD = 64 * 1024
"""Bytes of a response head: what an upstream sets in cookies is often more than a client may."""


class Upstream(asyncio.BufferedProtocol):
    """A connection that answers one request at a time."""

    __slots__ = (
        "_poll",
        "_pool",
        "_reader",
        "_reading_paused",
        "_relay",
        "connected",
        "has_place",
        "heard",
        "paused",
        "reused",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._relay: Asking | None = None
        self._reader: ResponseReader | None = None
        self._reading_paused = False
        self.connected = False
        self.has_place = True
        self.heard = False  # whether anything came back for this request
        self.paused = False  # whether the upstream takes less than we have for it
        self.reused = False

    def ask(self, relay: "Asking", method: str) -> None:
        """From now on this connection is at work for ``relay``, which writes the request."""
        self._relay = relay
        self._reader = ResponseReader(method, MAX_HEAD)
        self.heard = False

    def let_go(self) -> None:
        """The response has ended, properly: whatever comes now, nobody asked for."""
        self._relay = self._reader = None
        self.reused = True
        self.resume_reading()

    def is_silent(self) -> bool:
        """Whether an idle connection is open, and has nothing to say that nobody has asked for.

        The loop may not have got round to it: so the kernel is asked, before a farewell meets a
        request that may not be repeated, or a forged answer the next request of somebody else.
        """
        return not self.transport.is_closing() and not self._poll.poll(0)

    def cut(self) -> None:
        """Close at once: the connection, or what it brings, is of no use any more."""
        self._relay = self._reader = None
        self.transport.abort()

    def pause_reading(self) -> None:
        """Let TCP hold the upstream back."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._reading_paused:
            self._reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, though they do the same.
        self.transport = cast(asyncio.Transport, transport)
        self.connected = True
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        if transport.get_extra_info("sslcontext") is not None:
            self.transport.set_write_buffer_limits(high=HIGH_WATER - 1)  # as without TLS

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._pool.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        relay, reader = self._relay, self._reader
        if relay is None or reader is None:
            return self.cut()
        self.heard = True
        try:
            parts = reader.feed(bytes(self._pool.read_buffer[:nbytes]))
        except HTTPError as error:
            return self._break(error)
        if parts:
            relay.take(parts)

    def eof_received(self) -> None:
        relay, reader = self._relay, self._reader
        if relay is not None and reader is not None:
            if not self._has_said_goodbye():
                return self._break(HTTPError(502, "the upstream closed the connection"))
            try:
                parts = reader.eof()
            except HTTPError as error:
                return self._break(error)
            if parts:
                relay.take(parts)

    def _has_said_goodbye(self) -> bool:
        """Whether the end is the upstream's own word: over TLS, anyone on the way can send a FIN,
        but not a close_notify (RFC 9112, section 9.8)."""
        secure = self.transport.get_extra_info("ssl_object")
        if secure is None:
            return True
        try:
            return not secure.read(1)
        except ssl.SSLError:
            return False

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self.transport.get_extra_info("sslcontext") is None:
            self._hear_out()
        fault = HTTPError(502, "the upstream closed the connection")
        fault.__cause__ = error
        self._break(fault)
        self._pool.forget(self)

    def _hear_out(self) -> None:
        """Read what is here already of an answer, though the connection is reset.

        An upstream that refuses a body and closes, with most of it unread, resets the connection
        (RFC 9112, section 9.6). If we learn of that as we write, its answer still lies unread.
        """
        descriptor = self.transport.get_extra_info("socket").fileno()
        buffer = self._pool.read_buffer
        with suppress(OSError):  # there is nothing more, or only the reset itself
            while self._relay is not None and not self._reading_paused:
                size = os.readv(descriptor, [buffer])
                if not size:
                    return
                self.buffer_updated(size)

    def _break(self, error: HTTPError) -> None:
        relay = self._relay
        self.cut()
        if relay is not None:
            relay.broken(error)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self._relay is not None:
            self._relay.upstream_drained()
