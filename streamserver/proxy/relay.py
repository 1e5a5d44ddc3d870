"""The relay of one exchange, and the body of its response.

A piece of the response is written to the client in the call that received it: no task and no
queue lies between the two sockets. While the client is slow the upstream is not read, and TCP
flow control stops it.
"""

from time import monotonic
from typing import Any

from streamserver.proxy.phase import AWAITING_HEAD, ENDED, HOLDING, PAUSED, STREAMING
from streamserver.proxy.ports import Parts
from streamserver.proxy.request import RelayedRequest, ms_since
from streamserver.proxy.rewriting import end_to_end
from streamserver.proxy.state import ProxyState
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

_REUSED = ("connect", "reused")


class Relay(RelayedRequest):
    """A relayed request with its response.

    ``passes_trailers``: whether the client accepts trailer fields. ``passes_interim``: whether
    interim responses are passed on.
    """

    is_relayed = True
    """Whether the body is that of another server, which ``compress`` leaves alone by default."""

    __slots__ = (
        "_attached",
        "_end",
        "_error",
        "_held",
        "_keep_alive",
        "_upstream_ms",
        "passes_interim",
        "passes_trailers",
    )

    def __init__(self, state: ProxyState, exchange: Exchange, method: str, request: bytes) -> None:
        super().__init__(state, exchange, method, request)
        self.passes_trailers = False
        self.passes_interim = True
        self._keep_alive = False
        self._attached = False  # whether the handler has returned this response
        self._held = b""
        self._end: End | None = None
        self._error: Exception | None = None
        self._upstream_ms = 0.0

    def on_response(self, parts: Parts) -> None:
        """Pass on what one read of the upstream contained, in one write."""
        if self.recording is not None:
            self.recording.on_response(parts)
        if type(parts[0]) is bytes and type(parts[-1]) is bytes:
            # Heads come first and the end comes last, so all parts are pieces.
            whole: Any = parts
            return self._forward(parts[0] if len(parts) == 1 else b"".join(whole), None)
        pieces, head, end = [], None, None
        for part in parts:
            if isinstance(part, bytes):
                pieces.append(part)
            elif isinstance(part, End):
                end = part
            elif part.status < 200:
                self._on_interim(part)
            else:
                head = part
                self._keep_alive = part.keep_alive
        if self.phase is ENDED:
            return
        if end is not None:
            # Before the handler resumes, because its next request may use the connection.
            self._release(end)
        if head is not None:
            self._on_head(head, b"".join(pieces), end)
        elif pieces or end is not None:
            self._forward(b"".join(pieces), end)

    def _on_interim(self, head: ResponseHead) -> None:
        """Pass on an interim response as it is (RFC 9110, section 15.2)."""
        if self.phase is AWAITING_HEAD:
            self._enter(AWAITING_HEAD)
        if head.status == 100:
            if self._upload is not None:
                self._upload.send_continue()
        elif self.passes_interim:
            fields = [field for field in end_to_end(head) if field[0] != "content-length"]
            self.exchange.connection.inform(head.status, fields)

    def _on_head(self, head: ResponseHead, piece: bytes, end: End | None) -> None:
        """Resume the handler with the final head; it attaches the body when it returns."""
        self._hold(piece, end)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            self.exchange.resume(waiter, head)
        if self.phase is HOLDING and piece and self._upstream is not None:
            self._upstream.pause_reading()
        self.exchange.flush_head()

    def _hold(self, piece: bytes, end: End | None) -> None:
        self._request = b""
        self._held, self._end = piece, end
        if self._upload is not None:
            self._upload.on_head()
        exchange, connect_ms = self.exchange, self._connect_ms
        self._upstream_ms = ms_since(exchange.started)
        exchange.attributes = (
            _REUSED if connect_ms is None else ("connect_ms", connect_ms),
            ("upstream_ms", self._upstream_ms),
        )
        self._enter(HOLDING)

    def server_timing(self) -> str:
        """The time that the upstream took, as a field for the client (W3C Server-Timing)."""
        reused = self._connect_ms is None
        connect = "reused" if reused else f"connect;dur={self._connect_ms}"
        return f"{connect}, upstream;dur={self._upstream_ms}"

    def _forward(self, piece: bytes, end: End | None) -> None:
        exchange = self.exchange
        if self.phase is HOLDING:
            self._held += piece
            self._end = end
            if self._upstream is not None:
                self._upstream.pause_reading()
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

    def _release(self, end: End) -> None:
        """The response is complete: the connection is reused, unless either side has more data."""
        upstream, self._upstream = self._upstream, None
        is_sent = self._upload is None or self._upload.done
        self._stop_waiting()
        if upstream is None:
            return
        if self._keep_alive and is_sent and not end.rest and not upstream.paused:
            self._state.pool.release(upstream)
        else:
            upstream.abort()

    def fail(self, error: Exception) -> None:
        """End with an error of the upstream, of the request's body, or of a deadline."""
        if self.phase is ENDED:
            return
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
