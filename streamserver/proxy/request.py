"""A request to the upstream, and the reads of its response.

A connection is acquired from the pool, or opened, or waited for. The head is written to it, and
the body as it arrives. Each phase has the deadline of the side that it waits for. ``stop`` closes
the connection at once, in every phase.

This is one attempt; ``repeating`` decides what follows one that failed.
"""

import asyncio
from abc import ABC, abstractmethod
from time import monotonic
from typing import Any

from streamserver.proxy.attempts import Attempts
from streamserver.proxy.phase import (
    AWAITING_HEAD,
    BEFORE_HEAD,
    COLLECTING,
    CONNECTING,
    ENDED,
    HOLDING,
    SENDING,
    STREAMING,
    Phase,
)
from streamserver.proxy.ports import Parts, Recording, Waiting
from streamserver.proxy.state import ProxyState
from streamserver.proxy.timing import REUSED, Attributes, ms_since, server_timing
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import CLOSED, UpstreamConnection
from streamserver.server import eager
from streamserver.server.deadlines import Deadlines
from streamserver.server.exchange import Exchange
from streamserver.server.observer import UpstreamEvent
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""The idempotent methods (RFC 9110, section 9.2.2) but TRACE, which the server refuses."""


class RelayedRequest(ABC):
    """A request that is sent to the upstream, by a listener.

    ``recording``: receives a copy, if there is one.
    """

    __slots__ = (
        *("_attempts", "_connect_ms", "_connecting", "_deadlines", "_end", "_held", "_keep_alive"),
        *("_may_repeat", "_method", "_pool", "_request", "_state", "_upload", "_upstream"),
        *("_upstream_ms", "phase", "recording", "server"),
    )

    _may_repeat: bool

    def __init__(self, state: ProxyState, exchange: Exchange, method: str, request: bytes) -> None:
        """``exchange``: that it is for first. ``request``: what is sent first, with the part of the
        body that has arrived."""
        self.phase = CONNECTING
        self.recording: Recording | None = None
        self._state = state
        self._pool = state.pool
        self._attempts = None if state.group is None else Attempts(state.group, exchange.client)
        self.server = exchange.server
        self._method = method
        self._request = request
        self._deadlines: Deadlines[Waiting] | None = None  # those of the phase
        self._connecting: asyncio.Task[None] | None = None
        self._upstream: UpstreamConnection | None = None
        self._upload: Upload | None = None
        self._connect_ms: float | None = None
        self._upstream_ms = 0.0
        self._keep_alive = False
        self._held = b""  # what arrives of the body while HOLDING
        self._end: End | None = None

    def _enter(self, phase: Phase) -> None:
        """Change the phase, and replace the deadline of the old one by that of the new one."""
        if self._deadlines is not None:
            self._deadlines.stop(self)
            self._deadlines = None
        self.phase = phase
        if phase is AWAITING_HEAD:
            self._deadlines = deadlines = self._state.first_byte
            deadlines.start(self)
        elif phase is STREAMING or phase is COLLECTING:
            self._deadlines = deadlines = self._state.gap
            deadlines.start(self)

    def start(self, upload: Upload | None = None) -> None:
        """Send the request; ``upload``: the rest of its body."""
        self._upload = upload
        self._may_repeat = upload is None and self._method in REPEATABLE
        if self._state.total is not None:
            self._state.total.start(self)
        if (attempts := self._attempts) is not None:
            attempts.is_repeatable, attempts.has_whole_body = self._may_repeat, upload is None
            if not self._choose(attempts):
                return
        upstream = self._pool.acquire()
        if upstream is not None:
            self._send(upstream)
        else:
            self._connecting = eager.start(self._connect(), self._state.loop)

    async def _connect(self) -> None:
        began = monotonic()
        try:
            upstream = await self._pool.connect()
        except Exception as error:
            self._connecting = None
            return self._fail_attempt(error, is_sent=False)
        self._connecting = None
        if not upstream.is_reused:
            self._on_connect(ms_since(began))
        self._send(upstream)

    def _on_connect(self, milliseconds: float) -> None:
        """A connection was opened, in so many milliseconds."""
        self._connect_ms = milliseconds

    def _send(self, upstream: UpstreamConnection) -> None:
        self._upstream = upstream
        self._report("reuse" if upstream.is_reused else "connect")
        upstream.serve(self, self._method)
        if upstream.transport.is_closing():  # closed since it was opened
            return self._fail_attempt(HTTPError(502, CLOSED), is_sent=False)
        upstream.transport.write(self._request)
        if self._upload is None:
            self._enter(AWAITING_HEAD)
        else:
            self._enter(SENDING)
            self._upload.start(self, upstream, self._state.loop)

    def await_upstream(self) -> None:
        """The upstream has to respond, or to take more of the request."""
        if self.phase is SENDING:
            self._enter(AWAITING_HEAD)

    def await_client(self) -> None:
        """The client has to send more of the request's body."""
        if self.phase is AWAITING_HEAD:
            self._enter(SENDING)

    def on_writable(self) -> None:
        """The upstream takes more of the request again."""
        if self._upload is not None:
            self._upload.resume()

    # The response

    def on_response(self, parts: Parts) -> None:
        """Pass on what one read of the upstream contained, together."""
        attempts = self._attempts
        if attempts is not None and self.phase in BEFORE_HEAD and self._replace(attempts, parts):
            return
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
        """An interim response: the upstream has more time for the final one."""
        if self.phase is AWAITING_HEAD:
            self._enter(AWAITING_HEAD)

    @abstractmethod
    def _on_head(self, head: ResponseHead, piece: bytes, end: End | None) -> None:
        """The final head has arrived, with the beginning of the body, or all of it."""

    @abstractmethod
    def _forward(self, piece: bytes, end: End | None) -> None:
        """A piece of the body has arrived; the last one, which may be empty, with the end."""

    @abstractmethod
    def _choose(self, attempts: Attempts) -> bool:
        """Select a replica of the group; False if the request waits for one, or has failed."""

    @abstractmethod
    def _end_attempts(self, attempts: Attempts) -> None:
        """The request has ended."""

    @abstractmethod
    def _replace(self, attempts: Attempts, parts: Parts) -> bool:
        """Whether another replica is asked in place of the one that has sent these parts."""

    @abstractmethod
    def on_failure(self, error: HTTPError) -> None:
        """The connection failed."""

    @abstractmethod
    def on_late(self) -> None:
        """No head has arrived in time."""

    @abstractmethod
    def _fail_attempt(self, error: Exception, is_sent: bool = True) -> None:
        """There was no valid head. ``is_sent``: whether a part of the request was sent."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """End with an error of the upstream, of the request's body, or of a deadline."""

    def _hold(self, piece: bytes, end: End | None, started: float) -> Attributes:
        """Hold the beginning of the body; ``started``: when the request began. The attributes of an
        exchange that this request is for."""
        self._request = b""
        if self._attempts is not None:
            self._attempts.drop_refusal()
        self._held, self._end = piece, end
        if self._upload is not None:
            self._upload.on_head()
        self._upstream_ms = ms = ms_since(started)
        self._enter(HOLDING)
        connect_ms = self._connect_ms
        connect = REUSED if connect_ms is None else ("connect_ms", connect_ms)
        if self._attempts is None:
            return connect, ("upstream_ms", ms)
        return connect, ("upstream_ms", ms), *self._attempts.attributes

    def _hold_more(self, piece: bytes, end: End | None) -> None:
        self._held += piece
        self._end = end
        if self._upstream is not None:
            self._upstream.pause_reading()

    def server_timing(self) -> str:
        """The time that the upstream took, as a field for the client (W3C Server-Timing)."""
        queue_ms = 0.0 if self._attempts is None else self._attempts.queue_ms
        return server_timing(self._connect_ms, self._upstream_ms, queue_ms)

    # The ends

    def stop(self) -> None:
        """End; a connection that is in use is closed."""
        if self.phase is ENDED:
            return
        self._enter(ENDED)
        self._stop_waiting()
        if self._connecting is not None and self._connecting.cancel():
            unwinding = self.server.unwinding
            unwinding.add(self._connecting)
            self._connecting.add_done_callback(unwinding.discard)
        if self._attempts is not None:
            self._end_attempts(self._attempts)
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()

    def _release(self, end: End) -> None:
        """The response is complete: the connection is reused, unless either side has more data."""
        upstream, self._upstream = self._upstream, None
        is_sent = self._upload is None or self._upload.done
        self._stop_waiting()
        if self._attempts is not None:
            self._attempts.leave()
        if upstream is None:
            return
        if self._keep_alive and is_sent and not end.rest and not upstream.paused:
            self._pool.release(upstream)
        else:
            upstream.abort()

    def _stop_waiting(self) -> None:
        """Stop what runs until the response is complete: the total deadline, and the upload."""
        if self._state.total is not None:
            self._state.total.stop(self)
        if self._upload is not None:
            self._upload.stop()
            self._upload = None

    def _report(self, event: UpstreamEvent) -> None:
        self.server.observer.upstream(event)
