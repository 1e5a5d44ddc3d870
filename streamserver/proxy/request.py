"""A request to the upstream, until the head of the response has arrived.

A connection is acquired from the pool, or opened, or waited for. The head is written to it, and
the body as it arrives. Each phase has the deadline of the side that it waits for. If the exchange
ends before the response is complete, the connection is closed at once, in every phase.
"""

import asyncio
from abc import ABC, abstractmethod
from time import monotonic

from streamserver.proxy.phase import (
    AWAITING_HEAD,
    COLLECTING,
    CONNECTING,
    ENDED,
    SENDING,
    STREAMING,
    Phase,
)
from streamserver.proxy.ports import Parts, Recording, Waiting
from streamserver.proxy.state import ProxyState
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import CLOSED, UpstreamConnection
from streamserver.server import eager
from streamserver.server.deadlines import Deadlines
from streamserver.server.exchange import Exchange
from streamserver.server.observer import UpstreamEvent
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""The idempotent methods (RFC 9110, section 9.2.2) but TRACE, which the server refuses."""


class RelayedRequest(ABC):
    """A request that is sent to the upstream on behalf of ``exchange``.

    ``recording``: receives a copy, if there is one.
    """

    __slots__ = (
        "_connect_ms",
        "_connecting",
        "_deadlines",
        "_may_repeat",
        "_method",
        "_request",
        "_state",
        "_upload",
        "_upstream",
        "_waiter",
        "exchange",
        "phase",
        "recording",
    )

    _may_repeat: bool

    def __init__(self, state: ProxyState, exchange: Exchange, method: str, request: bytes) -> None:
        """``request``: what is sent first, with the part of the body that has arrived."""
        self.exchange = exchange
        self.phase = CONNECTING
        self.recording: Recording | None = None
        self._state = state
        self._method = method
        self._request = request
        self._waiter: asyncio.Future[ResponseHead] | None = None  # until the handler resumes
        self._deadlines: Deadlines[Waiting] | None = None  # those of the phase
        self._connecting: asyncio.Task[None] | None = None
        self._upstream: UpstreamConnection | None = None
        self._upload: Upload | None = None
        self._connect_ms: float | None = None
        # A handler may relay to a second upstream because the first has failed.
        exchange.on_end.append(self.stop)

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

    async def head(self, upload: Upload | None = None) -> ResponseHead:
        """Send the request and wait for the final head; ``upload``: the rest of the body.

        HTTPError: 502 if the upstream fails, 503 if it is busy, 504 if it is late, and the error
        of the request's own body.
        """
        self._upload = upload
        self._may_repeat = upload is None and self._method in REPEATABLE
        waiter: asyncio.Future[ResponseHead] = self._state.loop.create_future()
        self._waiter = waiter
        if self._state.total is not None:
            self._state.total.start(self)
        upstream = self._state.pool.acquire()
        if upstream is not None:
            self._send(upstream)
        else:
            self._connecting = eager.start(self._connect(), self._state.loop)
        try:
            return await waiter
        except BaseException:
            self.stop()
            raise

    async def _connect(self) -> None:
        began = monotonic()
        try:
            upstream = await self._state.pool.connect()
        except Exception as error:
            self._connecting = None
            return self.fail(error)
        self._connecting = None
        if not upstream.is_reused:
            self._connect_ms = ms_since(began)
            self.exchange.attributes = (("connect_ms", self._connect_ms),)
        self._send(upstream)

    def _send(self, upstream: UpstreamConnection) -> None:
        self._upstream = upstream
        self._report("reuse" if upstream.is_reused else "connect")
        upstream.serve(self, self._method)
        if upstream.transport.is_closing():  # closed since it was opened
            return self.fail(HTTPError(502, CLOSED))
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

    # The response, which is for the relay

    @abstractmethod
    def on_response(self, parts: Parts) -> None:
        """One read of the upstream contained these parts."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """End with an error of the upstream, of the request's body, or of a deadline."""

    # The ends

    def on_failure(self, error: HTTPError) -> None:
        """The connection failed; a stale one is replaced if the request may be repeated."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None and upstream.is_reused and not upstream.has_responded:
            error = HTTPError(502, CLOSED)
            if self._may_repeat:
                self._may_repeat = False
                self._report("retry")
                self._enter(CONNECTING)
                self._connecting = eager.start(self._connect(), self._state.loop)
                return
        self.fail(error)

    def stop(self) -> None:
        """End; a connection that is in use is closed."""
        if self.phase is ENDED:
            return
        self._enter(ENDED)
        self._stop_waiting()
        if self._connecting is not None and self._connecting.cancel():
            unwinding = self.exchange.server.unwinding
            unwinding.add(self._connecting)
            self._connecting.add_done_callback(unwinding.discard)
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abort()

    def _stop_waiting(self) -> None:
        """Stop what runs until the response is complete: the total deadline, and the upload."""
        if self._state.total is not None:
            self._state.total.stop(self)
        if self._upload is not None:
            self._upload.stop()
            self._upload = None

    def _report(self, event: UpstreamEvent) -> None:
        self.exchange.server.observer.upstream(event)


def ms_since(moment: float) -> float:
    """Milliseconds since a moment of ``time.monotonic``."""
    return round((monotonic() - moment) * 1000, 2)
