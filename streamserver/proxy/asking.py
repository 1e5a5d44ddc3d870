"""One request on its way to an upstream, until the answer begins.

A connection is taken from the pool, or opened, or waited for; the request goes out, the rest
of its body follows as it comes; and the deadlines run for whichever side is awaited. Whatever
ends the exchange meanwhile ends this too, in every phase: a connection that is still at work
for a client that has gone is cut, there and then.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import monotonic
from typing import TypeVar

from streamserver.proxy.shared import Shared
from streamserver.proxy.tape import Tape
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import Upstream
from streamserver.server.exchange import Exchange
from streamserver.server.observer import UpstreamEvent
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

E = TypeVar("E", bound=BaseException)

REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""Methods that may be sent twice without doing more than once (RFC 9110, section 9.2.2); TRACE,
which is another, is answered by no server of ours."""


class StaleConnection(Exception):
    """A connection from the pool died before anything came back."""


class Asking(ABC):
    """A request to an upstream, for the sake of ``exchange``.

    ``connected``: how many ms it took to connect, None for a pooled connection.
    ``answered``: ms from the request to the head of the upstream's answer. ``tape``: who listens.
    """

    __slots__ = (
        "_error",
        "_has_failed",
        "_method",
        "_patience",
        "_request",
        "_shared",
        "_upload",
        "_upstream",
        "_waiter",
        "answered",
        "connected",
        "exchange",
        "tape",
    )

    def __init__(self, shared: Shared, exchange: Exchange, method: str, request: bytes) -> None:
        """``request``: what is sent, with all of its body that is here already."""
        self._shared = shared
        self.exchange = exchange
        self._method = method
        self._request = request
        self._upstream: Upstream | None = None
        self._upload: Upload | None = None
        self._waiter: asyncio.Future[ResponseHead] | None = None
        self._error: HTTPError | None = None
        self._has_failed = False
        self._patience: asyncio.Timeout | None = None
        self.connected: float | None = None
        self.answered = 0.0
        self.tape: Tape | None = None
        # One of several, where a handler asks a second upstream because the first has failed.
        exchange.on_end.append(self.stop)

    async def head(self, upload: Upload | None = None) -> ResponseHead:
        """Send the request, and wait for the head of its answer; ``upload``: the rest of it.

        HTTPError: 502 when the upstream fails, 503 when it is busy, 504 when it is late, and
        what the client's own body is refused with.
        """
        shared = self._shared
        shared.total.start(self)
        repeatable = upload is None and self._method in REPEATABLE
        try:
            upstream = shared.pool.take() or await self._connect()
            try:
                return await self._ask(upstream, upload)
            except StaleConnection:
                if not repeatable:
                    raise
                self._tell("retry")
                return await self._ask(await self._connect(), None)
        except StaleConnection as error:
            self.stop()
            raise self._blamed(HTTPError(502, "the upstream closed the connection")) from error
        except BaseException as error:
            self.stop()
            self._blamed(error)
            raise

    async def _connect(self) -> Upstream:
        began = monotonic()
        try:
            async with asyncio.timeout(None) as self._patience:
                upstream = await self._shared.pool.connect()
        except TimeoutError:
            assert self._error is not None
            raise self._error from None
        finally:
            self._patience = None
        if not upstream.reused:
            self.connected = _ms_since(began)
            self.exchange.attributes = (("connect_ms", self.connected),)
        return upstream

    async def _ask(self, upstream: Upstream, upload: Upload | None) -> ResponseHead:
        self._upstream = upstream
        self._tell("reuse" if upstream.reused else "connect")
        upstream.ask(self, self._method)
        if self._error is not None:
            raise self._error
        if upstream.transport.is_closing():  # in the moment in which it was opened
            raise HTTPError(502, "the upstream closed the connection")
        waiter: asyncio.Future[ResponseHead] = self._shared.loop.create_future()
        self._waiter = waiter
        upstream.transport.write(self._request)
        if upload is None:
            self._shared.first_byte.start(self)
        else:
            self._upload = upload
            upload.start(self, upstream, self._shared.loop)
        return await waiter

    def _tell(self, event: UpstreamEvent) -> None:
        self.exchange.server.observer.upstream(event)

    def _blamed(self, error: E) -> E:
        """The same error; the observer is told, once, if it is not the client's doing."""
        if isinstance(error, HTTPError) and error.status >= 500 and not self._has_failed:
            self._has_failed = True
            self._tell("failure")
        return error

    def server_timing(self) -> str:
        """How long it took the upstream, as the client may hear it (W3C Server-Timing)."""
        connect = "reused" if self.connected is None else f"connect;dur={self.connected}"
        return f"{connect}, upstream;dur={self.answered}"

    def _answer(self, head: ResponseHead) -> None:
        waiter, self._waiter = self._waiter, None
        self._shared.first_byte.stop(self)
        if self._upload is not None:
            self._upload.forgo()
        self._request = b""
        self.answered = _ms_since(self.exchange.started)
        connect = (
            ("connect", "reused") if self.connected is None else ("connect_ms", self.connected)
        )
        self.exchange.attributes = (connect, ("upstream_ms", self.answered))
        if waiter is not None and not waiter.done():
            self.exchange.resume(waiter, head)

    # What the upload tells

    def sent(self) -> None:
        """The upstream has all of the request, or as much as it takes: its time begins."""
        if self._waiter is not None:
            self._shared.first_byte.start(self)

    def awaits_client(self) -> None:
        """It is for the client to go on with its body: the upstream cannot be late."""
        self._shared.first_byte.stop(self)

    def upstream_drained(self) -> None:
        """The upstream takes more of the request again."""
        if self._upload is not None:
            self._upload.resume()

    # What the upstream tells, which is for the relay of the answer

    @abstractmethod
    def take(self, parts: Sequence[ResponseHead | bytes | End]) -> None:
        """What one read of the upstream has brought: one part at least."""

    @abstractmethod
    def broken(self, error: HTTPError) -> None:
        """The upstream has failed; ``_upstream`` is closed."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """End with an error, from whichever side, or because a deadline has passed."""

    # The end

    def stop(self) -> None:
        """Let go of everything: the upstream's connection is cut if it is still at work."""
        self._waiter = None
        upstream = self._detach()
        if upstream is not None:
            upstream.cut()

    def _detach(self) -> Upstream | None:
        """No deadline and no upload concerns the upstream's connection any more."""
        shared = self._shared
        shared.first_byte.stop(self)
        shared.gap.stop(self)
        shared.total.stop(self)
        if self._upload is not None:
            self._upload.stop()
            self._upload = None
        upstream, self._upstream = self._upstream, None
        return upstream


def _ms_since(moment: float) -> float:
    return round((monotonic() - moment) * 1000, 2)
