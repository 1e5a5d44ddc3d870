"""The answer of an upstream on its way back.

A piece of it goes from the upstream's socket to the client's in one call: no task waits for it
and no queue holds it. While the client is slow, the upstream is not read; TCP does the rest.
"""

from collections.abc import Sequence
from typing import cast

from streamserver.proxy.asking import Asking, StaleConnection
from streamserver.proxy.rewriting import end_to_end
from streamserver.proxy.shared import Shared
from streamserver.server.exchange import Exchange
from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead


class Relay(Asking):
    """The relay of one exchange, and the body of its response.

    ``trailers``: whether the client takes trailer fields. ``tells_all``: whether it also gets
    interim answers.
    """

    __slots__ = ("_attached", "_end", "_held", "_keep_alive", "tells_all", "trailers")

    def __init__(self, shared: Shared, exchange: Exchange, method: str, request: bytes) -> None:
        super().__init__(shared, exchange, method, request)
        self._keep_alive = False
        self._attached = False
        self._held = b""
        self._end: End | None = None
        self.trailers = False
        self.tells_all = True

    # What the upstream tells

    def take(self, parts: Sequence[ResponseHead | bytes | End]) -> None:
        """Pass on what one read of the upstream has brought, in one write."""
        if self.tape is not None:
            self.tape.heard(parts)
        if type(parts[0]) is bytes and type(parts[-1]) is bytes:
            # Heads come first and the end comes last: these are pieces alone.
            return self._forward(b"".join(cast("Sequence[bytes]", parts)), None)
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
        if self.exchange.outcome is None and (pieces or end is not None):
            self._forward(b"".join(pieces), end)
        self.exchange.flush_head()

    def _inform(self, head: ResponseHead) -> None:
        """An interim answer: the client hears it as it is (RFC 9110, section 15.2)."""
        if self._shared.first_byte.stop(self):  # else it is the client's turn
            self._shared.first_byte.start(self)
        if head.status == 100:
            if self._upload is not None:
                self._upload.send_continue()
        elif self.tells_all:
            fields = [f for f in end_to_end(head) if f[0] != "content-length"]
            self.exchange.connection.inform(head.status, fields)

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
            if self._upload is not None:
                self._upload.stop()  # at once: uvloop raises when a closed transport is written to
            if not waiter.done():
                waiter.set_exception(StaleConnection())
        else:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End with an error, from whichever side."""
        waiter = self._waiter
        self.stop()
        self._blamed(error)
        if waiter is not None:
            if not waiter.done():
                waiter.set_exception(error)
        elif self._attached:
            self._end_with(error)
        elif isinstance(error, HTTPError):
            self._error = error
            if self._patience is not None:
                self._patience.reschedule(0)

    def _end_with(self, error: Exception) -> None:
        """The client has part of the answer: let it know that there is no more."""
        self.exchange.fail(error)

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
            if self._waiter is None:
                self._shared.gap.start(self)

    def cancelled(self, exchange: Exchange) -> None:
        """Nobody reads any more; ``on_end`` tells the same."""
