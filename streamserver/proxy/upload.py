"""A request's body on its way to the upstream, for as long as it is still arriving.

Pieces are passed on as they come. An upstream that takes them slowly slows the client
down, since we stop reading from it. The framing is made anew: a length stays a length, chunks
become chunks of ours. A body that the client cuts short is never ended towards the
upstream, whose connection is cut instead.
"""

from typing import TYPE_CHECKING

from streamserver.server.body import RequestBody
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.heads import CHUNKED

if TYPE_CHECKING:
    import asyncio

    from streamserver.proxy.asking import Asking
    from streamserver.proxy.upstream import Upstream

PATIENCE = 1.0
"""Seconds that a client which expects a 100 waits for the upstream to say it. An old origin
may never do so, while the client may wait for ever (RFC 9110, section 10.1.1)."""


class Upload:
    """The rest of a request's body: whatever was not there when its head was sent.

    ``done``: the upstream has been sent all of it.
    """

    __slots__ = ("_body", "_chunked", "_relay", "_timer", "_upstream", "done")

    def __init__(self, body: RequestBody, length: int) -> None:
        """``length``: in bytes, or ``CHUNKED``, as the request's head said."""
        self._body = body
        self._chunked = length == CHUNKED
        self._timer: asyncio.TimerHandle | None = None
        self.done = False

    def start(
        self, relay: "Asking", upstream: "Upstream", loop: "asyncio.AbstractEventLoop"
    ) -> None:
        """Begin, once the request's head is on its way to ``upstream``."""
        self._relay, self._upstream = relay, upstream
        if self._body.expects_continue:
            relay.sent()
            self._timer = loop.call_later(PATIENCE, self.send_continue)
        self._body.push_to(self)

    def send_continue(self) -> None:
        """Tell the client to go on, if it waits to be told."""
        if self._body.expects_continue:
            self._relay.awaits_client()
            self._body.send_continue()

    def forgo(self) -> None:
        """The answer has come: a client that waits to be told to go on need not."""
        if self._timer is not None:
            self._timer.cancel()

    def resume(self) -> None:
        """The upstream takes more again."""
        if not self.done:
            self._relay.awaits_client()
            self._body.resume()

    def stop(self) -> None:
        """Pass on nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._body.leave()

    # What the body tells

    def received(self, part: bytes, is_last: bool) -> None:
        """Pass on a piece."""
        data = encode(part) if part and self._chunked else part
        if is_last and self._chunked:
            data += LAST_CHUNK
        self.done = is_last
        upstream = self._upstream
        upstream.transport.write(data)
        if self._relay.tape is not None:
            self._relay.tape.asked(part, is_last)
        if is_last:
            self._relay.sent()
        elif upstream.paused:
            self._body.pause()
            self._relay.sent()
        else:
            self._relay.awaits_client()

    def failed(self, error: Exception) -> None:
        """The body will never be whole, and the upstream must not take it for that."""
        self._relay.fail(error)
