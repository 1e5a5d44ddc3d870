"""One request on its way to an upstream, and the answer on its way back.

A piece of the answer goes from the upstream's socket to the client's in one call: no task
waits for it and no queue holds it. While the client is slow, the upstream is not read; TCP does
the rest. Whatever ends the exchange ends the upstream's work too, in every phase: a
connection that is still at work when its client has gone is cut, there and then.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic

from streamserver.proxy.rewriting import end_to_end
from streamserver.proxy.shared import Shared
from streamserver.proxy.upload import Upload
from streamserver.proxy.upstream import Upstream
from streamserver.server import eager
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead

REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))
"""Methods that may be sent twice without doing more than once (RFC 9110, section 9.2.2)."""


class StaleConnection(Exception):
    """A connection from the pool died before anything came back."""


class Relay:
    """The relay of one exchange, and the body of its response.

    ``connected``: how many ms it took to connect, None for a pooled connection.
    ``answered``: ms from the request to the head of the upstream's answer.
    ``trailers``: whether the client takes trailer fields.
    """

    __slots__ = (
        "_attached",
        "_end",
        "_error",
        "_held",
        "_keep_alive",
        "_method",
        "_request",
        "_shared",
        "_upload",
        "_upstream",
        "_waiter",
        "answered",
        "connected",
        "exchange",
        "trailers",
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
        self._keep_alive = False
        self._attached = False
        self._held = b""
        self._end: End | None = None
        self._error: HTTPError | None = None
        self.connected: float | None = None
        self.answered = 0.0
        self.trailers = False
        exchange.on_end = self.stop

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
                return await self._ask(await self._connect(), None)
        except StaleConnection as error:
            self.stop()
            raise HTTPError(502, "the upstream closed the connection") from error
        except BaseException:
            self.stop()
            raise

    async def _connect(self) -> Upstream:
        began = monotonic()
        upstream = await self._shared.pool.connect()
        if not upstream.reused:
            self.connected = _ms_since(began)
            self.exchange.notes = (("connect_ms", self.connected),)
        return upstream

    async def _ask(self, upstream: Upstream, upload: Upload | None) -> ResponseHead:
        self._upstream = upstream
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

    def server_timing(self) -> str:
        """How long it took the upstream, as the client may hear it (W3C Server-Timing)."""
        connect = "reused" if self.connected is None else f"connect;dur={self.connected}"
        return f"{connect}, upstream;dur={self.answered}"

    # What the upload tells

    def sent(self) -> None:
        """The upstream has all of the request, or as much as it takes: its time begins."""
        if self._waiter is not None:
            self._shared.first_byte.start(self)

    def awaits_client(self) -> None:
        """It is for the client to go on with its body: the upstream cannot be late."""
        self._shared.first_byte.stop(self)

    # What the upstream tells

    def take(self, parts: Sequence[ResponseHead | bytes | End]) -> None:
        """Pass on what one read of the upstream has brought, in one write."""
        first = parts[0]
        if len(parts) == 1 and type(first) is bytes:
            return self._forward(first, None)
        pieces, head, end = [], None, None
        for part in parts:
            if isinstance(part, bytes):
                pieces.append(part)
            elif isinstance(part, End):
                end = part
            elif part.status < 200:
                self._inform(part)
            else:
                head = part
        if head is not None:
            self._keep_alive = head.keep_alive
        if end is not None:
            self._release(end)
        if head is not None:
            self._answer(head)
            if self.exchange.outcome is not None:
                return
        if pieces or end is not None:
            self._forward(b"".join(pieces), end)

    def _inform(self, head: ResponseHead) -> None:
        """An interim answer: the client hears it as it is (RFC 9110, section 15.2)."""
        self._shared.first_byte.start(self)
        if head.status == 100:
            if self._upload is not None:
                self._upload.invite()
        else:
            self.exchange.inform(head.status, end_to_end(head.fields))

    def _answer(self, head: ResponseHead) -> None:
        waiter, self._waiter = self._waiter, None
        self._shared.first_byte.stop(self)
        self._request = b""
        self.answered = _ms_since(self.exchange.started)
        connect = (
            ("connect", "reused") if self.connected is None else ("connect_ms", self.connected)
        )
        self.exchange.notes = (connect, ("upstream_ms", self.answered))
        if waiter is not None and not waiter.done():
            eager.resolve(waiter, head, self._shared.loop)

    def _forward(self, piece: bytes, end: End | None) -> None:
        exchange = self.exchange
        if not self._attached:
            self._held += piece
            self._end = end
            if self._upstream is not None:
                self._upstream.pause_reading()
        elif end is not None:
            exchange.end(piece, end.trailers if self.trailers else ())
        else:
            exchange.write(piece)
            if exchange.connection.paused:
                self._pause()
            else:
                self._shared.gap.start(self)

    def _pause(self) -> None:
        """The client is slow: let the upstream wait, which then is never late."""
        if self._upstream is not None:
            self._upstream.pause_reading()
            self._shared.gap.stop(self)

    def _release(self, end: End) -> None:
        """The answer is whole: the connection may serve the next request, if all is settled."""
        settled = self._keep_alive and not end.rest and (self._upload is None or self._upload.done)
        upstream = self._detach()
        if upstream is None:
            return
        if settled and not upstream.paused:
            self._shared.pool.release(upstream)
        else:
            upstream.cut()

    def broken(self, error: HTTPError) -> None:
        """The upstream has failed: no answer while no head is out, else a cut one."""
        upstream, self._upstream = self._upstream, None
        waiter = self._waiter
        if waiter is not None and upstream is not None and upstream.reused and not upstream.heard:
            self._waiter = None
            if not waiter.done():
                waiter.set_exception(StaleConnection())
        else:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End with an error, from whichever side."""
        waiter = self._waiter
        self.stop()
        if waiter is not None:
            if not waiter.done():
                waiter.set_exception(error)
        elif self._attached:
            self._end_with(error)
        elif isinstance(error, HTTPError):
            self._error = error

    def _end_with(self, error: Exception) -> None:
        """The client has part of the answer: let it know that there is no more."""
        self.exchange.fail(error)

    def expire(self, error: HTTPError) -> None:
        """A deadline has passed."""
        self.fail(error)

    def upstream_drained(self) -> None:
        """The upstream takes more of the request again."""
        if self._upload is not None:
            self._upload.resume()

    # What the engine calls

    def attach(self, exchange: Exchange, encode: object) -> None:
        """The head is out: what the upstream sends goes to the client from now on."""
        self._attached = True
        if self._error is not None:
            return self._end_with(self._error)
        held, self._held = self._held, b""
        if held or self._end is not None:
            self._forward(held, self._end)
        if self._upstream is not None and not exchange.connection.paused:
            self.drained()

    def drained(self) -> None:
        """The client has room again."""
        if self._upstream is not None:
            self._upstream.resume_reading()
            self._shared.gap.start(self)

    def cancelled(self, exchange: Exchange) -> None:
        """Nobody reads any more; ``on_end`` tells the same."""

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
