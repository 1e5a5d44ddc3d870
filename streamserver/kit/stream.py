"""The push stream: a body written from outside, whenever there is something to send.

The names are those of ReadableStreamDefaultController in the WHATWG Streams standard: a producer
calls ``enqueue``, ``close`` or ``error``, and reads ``desired_size`` to learn whether the client
has room. No task lies between ``enqueue`` and the socket. The first chunk in an iteration of the
event loop is written at once; the other chunks of that iteration share a write at its end. Only
chunks that are enqueued before the head is sent wait here.
"""

from collections.abc import Callable
from typing import Any

from streamserver.server.exchange import Exchange
from streamserver.server.writer import HIGH_WATER

Hook = Callable[[], object]


class StreamController:
    """A body to be pushed: ``Response(stream)``, ``EventStream(stream)``, ``TextStream(stream)``.

    ``on_drain`` is called when the client has room again after ``desired_size`` was zero or
    less; ``on_cancel`` once, if the response ends before the stream. Both are plain functions.
    A stream is the body of one response. Use it in the thread of its event loop.
    """

    __slots__ = ("_encode", "_end", "_ended", "_exchange", "_waiting", "on_cancel", "on_drain")

    def __init__(self, *, on_drain: Hook | None = None, on_cancel: Hook | None = None) -> None:
        self.on_drain = on_drain
        self.on_cancel = on_cancel
        self._exchange: Exchange | None = None
        self._encode: Callable[[Any], bytes] | None = None
        self._waiting: list[Any] | None = None
        self._ended = ""
        self._end: BaseException | None = None

    @property
    def desired_size(self) -> int:
        """Bytes the client has room for; if 0 or less, wait for ``on_drain``. 0 after the end."""
        if self._ended:
            return 0
        return HIGH_WATER if self._exchange is None else self._exchange.desired_size

    def enqueue(self, chunk: Any) -> None:
        """Send a chunk: bytes or str, an ``Event`` where the stream is one of events.

        RuntimeError after ``close`` or ``error``, ConnectionResetError when the client has
        left, and the exceptions of the encoding.
        """
        if self._ended:
            raise (ConnectionResetError if self._ended == "cancelled" else RuntimeError)(
                f"the stream is {self._ended}: nothing can be enqueued"
            )
        if self._exchange is not None:
            self._exchange.push(chunk if self._encode is None else self._encode(chunk))
        elif self._waiting is None:
            self._waiting = [chunk]
        else:
            self._waiting.append(chunk)

    def close(self) -> None:
        """Complete the body. RuntimeError if the stream was closed or failed before."""
        self._finish("closed")
        if self._exchange is not None:
            self._exchange.end()

    def error(self, error: BaseException) -> None:
        """The producer failed: cut the response, so the client detects it.

        RuntimeError if the stream was closed or failed before.
        """
        self._finish("errored")
        self._end = error
        if self._exchange is not None:
            self._exchange.fail(error)

    def _finish(self, how: str) -> None:
        if self._ended and self._ended != "cancelled":
            raise RuntimeError(f"the stream is {self._ended} already")
        self._ended = self._ended or how

    # Callbacks of the engine

    def attach(self, exchange: Exchange, encode: Callable[[Any], bytes] | None) -> None:
        """The stream is the body of ``exchange`` from now on."""
        if self._exchange is not None:
            raise RuntimeError("a stream is the body of one response")
        self._exchange = exchange
        self._encode = encode
        waiting, self._waiting = self._waiting or (), None
        for chunk in waiting:
            exchange.push(chunk if encode is None else encode(chunk))
        if self._end is not None:
            exchange.fail(self._end)
        elif self._ended == "closed":
            exchange.end()

    def drained(self) -> None:
        """The client has room again."""
        if self.on_drain is not None and not self._ended:
            self.on_drain()

    def cancelled(self, exchange: Exchange) -> None:
        """The exchange has ended before the stream."""
        if not self._ended and self._exchange in (None, exchange):
            self._ended = "cancelled"
            self._waiting = None
            if self.on_cancel is not None:
                self.on_cancel()
