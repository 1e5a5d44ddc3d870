"""One connection to an upstream.

It passes each part of a response to its receiver in the call that read it. Between two requests
it is idle in its pool. An idle connection may only be closed by the upstream: bytes that no
request asked for make it unusable (RFC 9112, section 9.2).
"""

import asyncio
import os
import select
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from streamserver.proxy.ports import Receiver
from streamserver.server.writer import HIGH_WATER
from streamserver.wire.problem import HTTPError
from streamserver.wire.responses import ResponseReader

MAX_HEAD = 64 * 1024
"""Bytes of a response head. It is larger than for requests, because of cookies."""

CLOSED = "the upstream closed the connection"


class UpstreamConnection(asyncio.BufferedProtocol):
    """A connection that serves one request at a time.

    ``is_reused``: whether it served a request before. ``has_responded``: whether any byte of the
    current response was received. ``paused``: whether the upstream takes less of the request than
    there is. ``is_counted``: whether the pool counts it among the open ones. ``receiver``: of the
    current response, None while idle.
    """

    __slots__ = (
        "_buffer",
        "_on_close",
        "_poll",
        "_reader",
        "_reading_paused",
        "connected",
        "has_responded",
        "is_counted",
        "is_reused",
        "paused",
        "receiver",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self, buffer: memoryview, on_close: Callable[["UpstreamConnection"], object]
    ) -> None:
        """``buffer``: shared by all connections, because what is read is copied at once."""
        self._buffer = buffer
        self._on_close = on_close
        self.receiver: Receiver | None = None
        self._reader: ResponseReader | None = None
        self._reading_paused = False
        self.connected = False
        self.has_responded = False
        self.is_counted = True
        self.is_reused = False
        self.paused = False

    def serve(self, receiver: Receiver, method: str) -> None:
        """Read the response to a request of this method, which ``receiver`` writes."""
        self.receiver = receiver
        self._reader = ResponseReader(method, MAX_HEAD)
        self.has_responded = False

    def become_idle(self) -> None:
        """The response is complete."""
        self.receiver = self._reader = None
        self.is_reused = True
        if self._reading_paused:
            self.resume_reading()

    def is_stale(self) -> bool:
        """Whether an idle connection was closed by the upstream, or has unexpected bytes to read.

        The kernel is asked, because the event loop may not have reported it yet: a request that
        cannot be repeated would fail, or get a response that was sent before it.
        """
        return self.transport.is_closing() or bool(self._poll.poll(0))

    def abort(self) -> None:
        """Close at once: the rest of the response is not wanted, or not valid."""
        self.receiver = self._reader = None
        self.transport.abort()

    def pause_reading(self) -> None:
        """Stop reading: TCP flow control stops the upstream."""
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._reading_paused:
            self._reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's, though they do the same.
        self.transport = cast(asyncio.Transport, transport)
        self.connected = True
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        if transport.get_extra_info("sslcontext") is not None:
            self.transport.set_write_buffer_limits(high=HIGH_WATER - 1)  # as without TLS

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        receiver, reader = self.receiver, self._reader
        if receiver is None or reader is None:
            return self.abort()
        self.has_responded = True
        try:
            parts = reader.feed(bytes(self._buffer[:nbytes]))
        except HTTPError as error:
            return self._fail(error)
        if parts:
            receiver.on_response(parts)

    def eof_received(self) -> None:
        receiver, reader = self.receiver, self._reader
        if receiver is not None and reader is not None:
            if not self._is_end_authentic():
                return self._fail(HTTPError(502, CLOSED))
            try:
                parts = reader.eof()
            except HTTPError as error:
                return self._fail(error)
            if parts:
                receiver.on_response(parts)

    def _is_end_authentic(self) -> bool:
        """Whether the upstream itself ended the connection. Over TLS anyone on the path can send
        a FIN, but not a close_notify (RFC 9112, section 9.8)."""
        secure = self.transport.get_extra_info("ssl_object")
        if secure is None:
            return True
        try:
            return not secure.read(1)
        except ssl.SSLError:
            return False

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self.transport.get_extra_info("sslcontext") is None:
            self._read_pending()
        fault = HTTPError(502, CLOSED)
        fault.__cause__ = error
        self._fail(fault)
        self._on_close(self)

    def _read_pending(self) -> None:
        """Read what arrived before a reset.

        An upstream that refuses a body and closes resets the connection, because most of the
        body is unread (RFC 9112, section 9.6). If a write finds that out, the response has still
        to be read.
        """
        descriptor = self.transport.get_extra_info("socket").fileno()
        with suppress(OSError):  # nothing is left but the reset itself
            while self.receiver is not None and not self._reading_paused:
                size = os.readv(descriptor, [self._buffer])
                if not size:
                    return
                self.buffer_updated(size)

    def _fail(self, error: HTTPError) -> None:
        receiver = self.receiver
        self.abort()
        if receiver is not None:
            receiver.on_failure(error)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.receiver is not None:
            self.receiver.on_writable()
