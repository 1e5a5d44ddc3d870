"""A request body, read as it arrives.

The connection feeds bytes in, and the handler takes pieces out. At most a window of them waits
in between: beyond it reading is paused, and TCP flow control stops the client. The limit counts
what the handler has taken, so a route may raise it until it begins to read.
"""

import asyncio
from collections import deque
from typing import Protocol

from streamserver.server.ports import Connection
from streamserver.server.state import ServerState
from streamserver.wire.chunked import Decoder, End
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead

WINDOW = 64 * 1024
"""Bytes that may wait for the handler: the size of asyncio's own write buffer."""


class BodySink(Protocol):
    """The receiver of a body that is pushed."""

    def received(self, part: bytes, is_last: bool) -> None:
        """A piece has arrived; only the last one may be empty."""

    def failed(self, error: Exception) -> None:
        """The body will never be whole."""


class RequestBody:
    """The pieces of one request's body; iterate over it once, or have it pushed.

    Raises HTTPError: 400 malformed or cut short, 408 when the client falls silent, 413
    beyond ``limit``. ``limit`` is in bytes; None is no limit.
    """

    __slots__ = (
        "_buffered",
        "_connection",
        "_deadlines",
        "_declared",
        "_decoder",
        "_parts",
        "_remaining",
        "_sink",
        "_taken",
        "_waiter",
        "complete",
        "error",
        "expects_continue",
        "limit",
        "trailers",
    )

    def __init__(self, server: ServerState, connection: Connection, head: RequestHead) -> None:
        self._connection = connection
        self._deadlines = server.body_deadlines
        self._decoder = Decoder() if head.length == CHUNKED else None
        self._declared = self._remaining = max(head.length, 0)
        self._parts: deque[bytes] = deque()
        self._buffered = 0
        self._taken = 0
        self._waiter: asyncio.Future[None] | None = None
        self._sink: BodySink | None = None
        self.error: Exception | None = None
        self.complete = False
        self.expects_continue = head.expects_continue
        self.limit: int | None = server.settings.max_body
        self.trailers: tuple[tuple[str, str], ...] = ()

    @property
    def is_short(self) -> bool:
        """Whether reading the rest of the body costs less than a new connection."""
        return self.complete or (
            self.error is None
            and not self.expects_continue
            and (self._decoder is not None or self._remaining <= WINDOW)
        )

    def feed(self, data: bytes) -> bytes:
        """Accept bytes that the client sent; those that follow the body are returned."""
        rest = b""
        if self.error is not None:
            return rest
        if self._decoder is not None:
            try:
                parts = self._decoder.feed(data)
            except HTTPError as error:
                self.fail(error)
                return b""
            if parts and isinstance(parts[-1], End):
                end = parts.pop()
                assert isinstance(end, End)
                rest, self.trailers, self.complete = end.rest, end.trailers, True
            # One piece per read, because a body may have chunks of one byte.
            self._add(b"".join([part for part in parts if isinstance(part, bytes)]))
        else:
            if len(data) > self._remaining:
                data, rest = data[: self._remaining], data[self._remaining :]
            self._remaining -= len(data)
            self.complete = not self._remaining
            self._add(data)
        return rest

    def fail(self, error: Exception) -> None:
        """The body will never be whole: the reader gets the pieces so far, then this error."""
        if self.error is None and not self.complete:
            self.error = error
            self._wake()
            if self._sink is not None:
                self._sink.failed(error)

    def discard(self) -> None:
        """The handler will not read the rest: free what waits."""
        self._parts.clear()
        self._buffered = 0
        self._connection.resume_reading()

    def __aiter__(self) -> "RequestBody":
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self.error is not None:
                raise self.error
            if self.complete:
                raise StopAsyncIteration
            self._refuse_too_large()
            await self._wait()
        part = self._parts.popleft()
        self._taken += len(part)
        self._refuse_too_large()
        before = self._buffered
        self._buffered -= len(part)
        if before > WINDOW >= self._buffered:
            self._connection.resume_reading()
        return part

    # Pushed, for a relay

    def take_whole(self) -> bytes | None:
        """The whole body if it has arrived, else None; HTTPError 413 as for iteration."""
        if self.error is not None:
            raise self.error
        if self._taken:  # the rest would look like the whole
            raise RuntimeError("a part of the request body was taken before")
        self._refuse_too_large()
        if not self.complete:
            return None
        whole = b"".join(self._parts)
        self._taken += len(whole)
        self._refuse_too_large()
        self.discard()
        return whole

    def push_to(self, sink: BodySink) -> None:
        """Pass to ``sink`` what has arrived, and each further piece when it is received."""
        if self.error is not None:
            return sink.failed(self.error)
        self._sink = sink
        parts = b"".join(self._parts)
        self.discard()
        self._push(parts)

    def _push(self, part: bytes) -> None:
        self._taken += len(part)
        sink = self._sink
        assert sink is not None
        try:
            self._refuse_too_large()
        except HTTPError as error:
            return sink.failed(error)
        if self.complete:
            self.stop_pushing()
        elif not self.expects_continue:
            self._deadlines.start(self)
        if part or self.complete:
            sink.received(part, self.complete)

    def send_continue(self) -> None:
        """Send 100 (Continue) to a client that waits for it (RFC 9110, section 10.1.1)."""
        self.expects_continue = False
        self._connection.inform(100, [])
        if self._sink is not None:
            self._deadlines.start(self)

    def pause(self) -> None:
        """Stop reading from the client until ``resume``."""
        self._deadlines.stop(self)
        self._connection.pause_reading()

    def resume(self) -> None:
        """Read again; the deadline of the client starts again."""
        self._connection.resume_reading()
        if self._sink is not None:
            self._deadlines.start(self)

    def stop_pushing(self) -> None:
        """Pass nothing more to the sink."""
        self._sink = None
        self._deadlines.stop(self)

    def _refuse_too_large(self) -> None:
        if self.limit is not None and max(self._taken, self._declared) > self.limit:
            self.error = HTTPError(413, f"the request body is larger than {self.limit} bytes")
            raise self.error

    def _add(self, part: bytes) -> None:
        self.expects_continue = False
        if self._sink is not None:
            return self._push(part)
        if part:
            self._parts.append(part)
            self._buffered += len(part)
            if self._buffered > WINDOW:
                self._connection.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("a request body has one reader at a time")
        if self.expects_continue:
            self.send_continue()
        self._waiter = self._connection.loop.create_future()
        self._deadlines.start(self)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._deadlines.stop(self)
