"""The relay of one exchange, and the body of its response.

A piece of the response is written to the client in the call that received it: no task and no
queue lies between the two sockets. While the client is slow the upstream is not read, and TCP
flow control stops it.
"""

import asyncio
from time import monotonic

from streamserver.proxy.attempts import Attempts
from streamserver.proxy.phase import AWAITING_HEAD, BEFORE_HEAD, ENDED, HOLDING, PAUSED, STREAMING
from streamserver.proxy.repeating import RepeatedRequest
from streamserver.proxy.request import RelayedRequest
from streamserver.proxy.rewriting import end_to_end
from streamserver.proxy.state import ProxyState
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import CLOSED
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead


class Relay(RepeatedRequest):
    """A relayed request with its response, on behalf of ``exchange``.

    ``passes_trailers``: whether the client accepts trailer fields. ``passes_interim``: whether
    interim responses are passed on.
    """

    is_relayed = True
    """Whether the body is that of another server, which ``compress`` leaves alone by default."""

    __slots__ = (
        "_attached",
        "_error",
        "_waiter",
        "exchange",
        "passes_interim",
        "passes_trailers",
    )

    def __init__(self, state: ProxyState, exchange: Exchange, method: str, request: bytes) -> None:
        super().__init__(state, exchange, method, request)
        self.exchange = exchange
        self.passes_trailers = False
        self.passes_interim = True
        self._attached = False  # whether the handler has returned this response
        self._error: Exception | None = None
        self._waiter: asyncio.Future[ResponseHead] | None = None  # until the handler resumes
        # A handler may relay to a second upstream because the first has failed.
        exchange.on_end.append(self.stop)

    async def head(self, upload: Upload | None = None) -> ResponseHead:
        """Send the request and wait for the final head; ``upload``: the rest of the body.

        HTTPError: 502 if the upstream fails, 503 if it is busy, 504 if it is late, and the error
        of the request's own body.
        """
        waiter: asyncio.Future[ResponseHead] = self._state.loop.create_future()
        self._waiter = waiter
        self.start(upload)
        try:
            return await waiter
        except BaseException:
            self.stop()
            raise

    def _on_connect(self, milliseconds: float) -> None:
        super()._on_connect(milliseconds)
        self.exchange.attributes = (("connect_ms", milliseconds),)

    def adopt(self, request: RelayedRequest) -> None:
        """Continue a request that is HOLDING the beginning of its response; HTTPError 502 if its
        connection has failed since."""
        if request.phase is not HOLDING:
            raise HTTPError(502, CLOSED)
        self._state = request._state
        self._pool = request._pool  # the connection belongs to it
        self._attempts, request._attempts = request._attempts, None
        self.recording = request.recording
        self._connect_ms, self._keep_alive = request._connect_ms, request._keep_alive
        self._upstream, request._upstream = request._upstream, None
        request.stop()
        if self._upstream is not None:
            self._upstream.receiver = self
            if self._state.total is not None:
                self._state.total.start(self)
        self._enter(AWAITING_HEAD)
        exchange = self.exchange
        exchange.attributes = self._hold(request._held, request._end, exchange.started)

    def _on_interim(self, head: ResponseHead) -> None:
        """Pass on an interim response as it is (RFC 9110, section 15.2)."""
        super()._on_interim(head)
        if head.status == 100:
            if self._upload is not None:
                self._upload.send_continue()
        elif self.passes_interim:
            if self._attempts is not None:
                self._attempts.is_final = True
            fields = [field for field in end_to_end(head) if field[0] != "content-length"]
            self.exchange.connection.inform(head.status, fields)

    def _on_head(self, head: ResponseHead, piece: bytes, end: End | None) -> None:
        """Resume the handler with the final head; it attaches the body when it returns."""
        exchange = self.exchange
        exchange.attributes = self._hold(piece, end, exchange.started)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            exchange.resume(waiter, head)
        if self.phase is HOLDING and piece and self._upstream is not None:
            self._upstream.pause_reading()
        exchange.flush_head()

    def _forward(self, piece: bytes, end: End | None) -> None:
        exchange = self.exchange
        if self.phase is HOLDING:
            self._hold_more(piece, end)
        elif end is not None:
            exchange.end(piece, end.trailers if self.passes_trailers else ())
        else:
            exchange.write(piece)
            if not exchange.connection.paused:
                self._state.gap.start(self, monotonic())
            elif self.phase is STREAMING and self._upstream is not None:
                self._enter(PAUSED)
                self._upstream.pause_reading()

    # The ends

    def _end_attempts(self, attempts: Attempts) -> None:
        if attempts.waits_since:  # the client has left the queue
            self.exchange.attributes += attempts.attributes
        super()._end_attempts(attempts)

    def fail(self, error: Exception) -> None:
        """End with an error of the upstream, of the request's body, or of a deadline."""
        if self.phase is ENDED:
            return
        if self._attempts is not None and self.phase in BEFORE_HEAD:
            self.exchange.attributes += self._attempts.attributes
        self.stop()
        if isinstance(error, HTTPError) and error.status >= 500:
            self._report("failure")
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            if not waiter.done():
                waiter.set_exception(error)
        elif self._attached:
            self._fail_response(error)
        else:
            self._error = error

    def _fail_response(self, error: Exception) -> None:
        self.exchange.fail(error)

    # Callbacks of the engine

    def attach(self, exchange: Exchange, encode: object) -> None:
        """The handler has returned this response: pass on what is held, then what arrives."""
        self._attached = True
        if self._error is not None:
            self._fail_response(self._error)
        elif self.phase is HOLDING:
            self._stream()

    def _stream(self) -> None:
        piece, end = self._held, self._end
        self._held = b""
        self._enter(STREAMING)
        if piece or end is not None:
            self._forward(piece, end)
        if self.phase is STREAMING and self._upstream is not None:
            self._upstream.resume_reading()

    def drained(self) -> None:
        """The client takes more again."""
        if self.phase is PAUSED and self._upstream is not None:
            self._enter(STREAMING)
            self._upstream.resume_reading()

    def cancelled(self, exchange: Exchange) -> None:
        """Do nothing: ``on_end`` of the exchange calls ``stop``."""
