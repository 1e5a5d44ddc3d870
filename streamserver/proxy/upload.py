"""The part of a request's body that arrives after its head was sent to the upstream.

Pieces are passed on as they arrive. A slow upstream slows the client down: reading from the
client is paused. The framing is written anew: a length stays a length, chunks become other
chunks. A body that the client cuts short is never ended towards the upstream; the connection is
closed instead.
"""

import asyncio

from streamserver.proxy.ports import Sender
from streamserver.proxy.upstream import UpstreamConnection
from streamserver.server.body import RequestBody
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.heads import CHUNKED

CONTINUE_TIMEOUT = 1.0
"""Seconds that a client which expects a 100 waits for that of the upstream. An old origin may
never send one (RFC 9110, section 10.1.1)."""


class Upload:
    """Passes on the rest of a request's body. ``done``: whether all of it was sent."""

    __slots__ = ("_body", "_chunked", "_sender", "_timer", "_upstream", "done")

    _sender: Sender
    _upstream: UpstreamConnection

    def __init__(self, body: RequestBody, length: int) -> None:
        """``length``: in bytes, or ``CHUNKED``, as the request's head has it."""
        self._body = body
        self._chunked = length == CHUNKED
        self._timer: asyncio.TimerHandle | None = None
        self.done = False

    def start(
        self, sender: Sender, upstream: UpstreamConnection, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Begin, after the request's head was written to ``upstream``."""
        self._sender, self._upstream = sender, upstream
        if self._body.expects_continue:
            sender.await_upstream()
            self._timer = loop.call_later(CONTINUE_TIMEOUT, self.send_continue)
        self._body.push_to(self)

    def send_continue(self) -> None:
        """Send 100 (Continue) to the client if it waits for that."""
        if self._body.expects_continue:
            self._sender.await_client()
            self._body.send_continue()

    def on_head(self) -> None:
        """The final head has arrived: no 100 has to be sent any more."""
        if self._timer is not None:
            self._timer.cancel()

    def resume(self) -> None:
        """The upstream takes more again."""
        if not self.done:
            self._sender.await_client()
            self._body.resume()

    def stop(self) -> None:
        """Pass on nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._body.stop_pushing()

    # Callbacks of the body

    def received(self, part: bytes, is_last: bool) -> None:
        """Pass on a piece."""
        data = encode(part) if part and self._chunked else part
        if is_last and self._chunked:
            data += LAST_CHUNK
        self.done = is_last
        sender, upstream = self._sender, self._upstream
        upstream.transport.write(data)
        if sender.recording is not None:
            sender.recording.on_request_body(part, is_last)
        if is_last:
            sender.await_upstream()
        elif upstream.paused:
            self._body.pause()
            sender.await_upstream()
        else:
            sender.await_client()

    def failed(self, error: Exception) -> None:
        """The body will never be complete."""
        self._sender.fail(error)
