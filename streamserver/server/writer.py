"""The response side of an exchange: what is written to the transport, and when.

A piece of the body is written as soon as it is handed over, in a chunk of its own. Two things
may wait for a common write: the head, for the first piece; and pieces that a producer yields
without waiting, for the next write or for ``release``.
"""

from collections.abc import Callable
from time import monotonic

from streamserver.server.answer import Answer
from streamserver.server.body import RequestBody
from streamserver.server.coding import CodedBody
from streamserver.server.framing import frame
from streamserver.server.phase import ENDED, GATHERING, HANDLING, READY, STREAMING, Outcome
from streamserver.server.ports import Connection
from streamserver.server.state import ServerState
from streamserver.server.tap import Output, Tap
from streamserver.wire.chunked import LAST_CHUNK, encode, encode_all, last_chunk
from streamserver.wire.request_heads import RequestHead

Trailers = tuple[tuple[str, str], ...]

HIGH_WATER = 64 * 1024 + 1
"""Bytes that may wait for a slow client before its producer has to wait. The event loops call
``pause_writing`` from this number on, and so call ``resume_writing`` later."""

GATHER = 16 * 1024
"""Bytes of pieces that may be held for a common write."""


class Writer(CodedBody):
    """The response side of an exchange: one request's ``head`` and ``body``, and its response.

    ``status`` is that of the final head, 0 before one is made.
    """

    __slots__ = (
        "_keep_alive",
        "_left",
        "_out",
        "_pushed_in",
        "_unsent_head",
        "body",
        "connection",
        "head",
        "outcome",
        "status",
    )

    _left: int  # bytes of Content-Length that are not written yet

    def __init__(self, server: ServerState, connection: Connection, head: RequestHead) -> None:
        self.server = server
        self.connection = connection
        self.head = head
        self.body = RequestBody(server, connection, head) if head.length else None
        self._out: Output = connection.transport
        self.phase = HANDLING
        self.outcome: Outcome | None = None
        self.status = 0
        self.bytes_sent = 0
        self.held_size = 0
        self.coder = None
        self._unsent_head = b""
        self.first_byte = 0.0
        self._framing = "none"
        self._keep_alive = False
        self._pushed_in = 0

    @property
    def has_sent_head(self) -> bool:
        """Whether another head is impossible: this one was written, or is held with pieces."""
        return self.phase not in (HANDLING, READY)

    @property
    def desired_size(self) -> int:
        """Bytes the client has room for; zero or less asks the producer to wait."""
        waiting = self.connection.transport.get_write_buffer_size()
        return HIGH_WATER - waiting - self.held_size

    def tap(self, callback: Callable[[bytes], object]) -> None:
        """Call ``callback`` with the bytes of each write, framing included, before it; it must
        not raise. What ``sendfile`` sends passes through no write, and is only counted."""
        self._out = Tap(self._out, callback)

    def prepare(self, answer: Answer) -> bool:
        """Make the head of ``answer``; whether a body follows it. ValueError as for ``frame``."""
        if self.phase is ENDED:
            return False
        body, server = self.body, self.server
        may_keep = self.head.keep_alive and not server.draining and (not body or body.is_short)
        framed = frame(self.head, answer, server.date(), may_keep)
        self._unsent_head, self._framing, self._left, self._keep_alive = framed
        self.status = answer.status
        self.phase = READY
        if answer.make_coder is not None:
            self._start_coding(answer.make_coder)
        return self._framing != "none"

    def write(self, piece: bytes | str) -> None:
        """Send a piece of the body, text as UTF-8, in a chunk of its own. An empty piece is
        skipped, because an empty chunk would end the body.

        TypeError for any other type, ValueError beyond the announced Content-Length,
        ConnectionResetError when the exchange has ended.
        """
        phase = self.phase
        if phase is ENDED:
            raise ConnectionResetError(f"the exchange has ended: {self.outcome}")
        if type(piece) is not bytes:
            piece = as_bytes(piece)
        size = len(piece)
        if not size or self._framing == "none":
            return
        if self._framing == "chunked":
            data = encode(piece)
        elif self._framing == "coded":
            return self._write_coded(piece)
        else:
            self._count(size)
            data = piece
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += size
        if phase is STREAMING:
            self._out.write(data)
        else:
            self._send(data)

    def push(self, piece: bytes | str) -> None:
        """``write`` for a producer outside: pieces that it pushes in one call share a write,
        except the first, which is written at once."""
        iteration = self.server.iteration()
        if iteration != self._pushed_in:
            self._pushed_in = iteration
            return self.write(piece)
        if self.phase is not GATHERING:
            self.server.loop.call_soon(self.release)
        self.hold(piece)
        if self.held_size >= GATHER:
            self.release()

    def hold(self, piece: bytes | str) -> None:
        """``write``, but with the next write or at ``release``; it is framed then."""
        if type(piece) is not bytes:
            piece = as_bytes(piece)
        size = len(piece)
        if self.phase is ENDED:
            raise ConnectionResetError(f"the exchange has ended: {self.outcome}")
        if not size:
            return
        if self._framing != "chunked":
            if self._framing == "none":
                return
            if self._framing == "coded":
                return self._hold_coded(piece)
            self._count(size)
        if self.phase is GATHERING:
            self._held.append(piece)
        else:
            if not self.bytes_sent:
                self.first_byte = monotonic()
            self._held = [piece]
            self.phase = GATHERING
        self.bytes_sent += size
        self.held_size += size

    def release(self) -> None:
        """Write what is held."""
        if self.phase is GATHERING:
            self._send(b"")

    def flush_head(self) -> None:
        """Write a head that still waits for its first piece, and what is held."""
        if self.phase is READY or self.phase is GATHERING:
            self._send(b"")

    def _send(self, data: bytes) -> None:
        """Write ``data`` after what waits for the same write: the head, and the held pieces."""
        if self.held_size:
            pieces, self._held, self.held_size = self._held, [], 0
            if self._framing == "chunked":
                held = encode_all(pieces)
            else:
                held = b"".join(pieces)
                if self._framing == "coded":
                    held = self._coded_chunk(held)
            data = held + data
        if self._unsent_head:
            data = self._unsent_head + data
            self._unsent_head = b""
        if self.phase is not STREAMING:
            self.phase = STREAMING
        self._out.write(data)

    @property
    def is_chunked(self) -> bool:
        """Whether each piece is sent as it is, in a chunk: not if the body is coded."""
        return self._framing == "chunked"

    def write_chunks(self, chunks: bytes, size: int) -> None:
        """Send chunks that were framed once for many readers: ``size`` bytes of data, not 0.

        Only for a body that ``is_chunked``, or of data that was encoded as ``coder`` requires.
        ConnectionResetError when the exchange has ended.
        """
        phase = self.phase
        if phase is ENDED:
            raise ConnectionResetError(f"the exchange has ended: {self.outcome}")
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += size
        if phase is STREAMING:
            self._out.write(chunks)
        else:
            self._send(chunks)

    def sent(self, size: int) -> None:
        """Count ``size`` bytes of a body with a length that ``sendfile`` has sent."""
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += size
        self._count(size)

    def _count(self, size: int) -> None:
        if self._framing == "length":
            self._left -= size
            if self._left < 0:
                raise ValueError(f"the body is {-self._left} bytes longer than its Content-Length")

    def unbind(self) -> None:
        """Stop checking the body against the announced Content-Length. The caller sends another
        length on purpose, and must end the exchange by cutting it."""
        if self._framing == "length":
            self._framing = "close"
            self._keep_alive = False

    def _write_end(self, piece: bytes, trailers: Trailers) -> None:
        """Write the last piece, and the ends of its coding and framing, in one write."""
        if piece:
            self.hold(piece)
        if self._framing in ("chunked", "coded"):
            end = last_chunk(trailers) if trailers else LAST_CHUNK
            if self._framing == "coded":
                end = self._coded_end() + end
            self._send(end)
        else:
            self.flush_head()

    def _write_coded(self, piece: bytes) -> None:
        if self.phase is STREAMING:
            self._out.write(self._coded_chunk(piece))
        elif self.held_size:
            self.hold(piece)
            self.release()
        else:
            self._send(self._coded_chunk(piece))


def as_bytes(piece: object) -> bytes:
    """A piece as bytes, text as UTF-8; TypeError for what is neither bytes-like nor text.

    A list of small numbers, an array or a view of wider items is refused: its length is not its
    number of bytes, and would make a wrong chunk size.
    """
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    given = "None" if piece is None else type(piece).__name__
    raise TypeError(f"a piece of a body is bytes or str, not {given}{_HINTS.get(given, '')}")


_HINTS = {
    "Event": ": an EventStream sends events",
    "dict": ": encode it first, or send it with an EventStream",
    "list": ": encode it first, or yield its members one by one",
    "coroutine": ": it must be awaited first",
}
