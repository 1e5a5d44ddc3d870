"""What goes to the wire of one response.

Every piece is written the moment it is handed over, framed by hand. Only the head may
wait, for the first piece, so that both share one write and one packet.
"""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from streamserver.server.framing import Framing
from streamserver.server.outcome import Outcome
from streamserver.server.pieces import as_bytes
from streamserver.wire.chunked import LAST_CHUNK, encode, last_chunk

if TYPE_CHECKING:
    from streamserver.server.connection import Connection

Trailers = tuple[tuple[str, str], ...]

HIGH_WATER = 64 * 1024 + 1
"""Bytes that may wait for a slow client before its producer is asked to wait: the first
number at which the event loops call ``pause_writing``, and so will call ``resume_writing``."""


GATHER = 16 * 1024
"""Bytes of pieces that may be held for a common write."""


class Writer:
    """The response side of an exchange.

    ``status`` is that of the final head, 0 before one is made. ``bytes_sent`` counts the body
    without its framing, ``held_size`` the part of it that waits for the next write. ``first_byte``
    is when the first byte of the body was handed to the socket, in seconds of
    ``time.monotonic``, 0 if none was.
    """

    __slots__ = (
        "_framing",
        "_held",
        "_keep_alive",
        "_left",
        "_pushed_in",
        "_to_wire",
        "_unsent_head",
        "bytes_sent",
        "connection",
        "first_byte",
        "held_size",
        "outcome",
        "status",
    )

    _held: list[bytes]  # only while there is a ``held_size``

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self._to_wire: Callable[[bytes], None] = connection.transport.write
        self.bytes_sent = 0
        self.first_byte = 0.0
        self.outcome: Outcome | None = None
        self.status = 0
        self._framing: Framing = "none"
        self._left = 0
        self._unsent_head = b""
        self.held_size = 0
        self._pushed_in = 0
        self._keep_alive = False

    @property
    def has_sent_head(self) -> bool:
        """Whether the final head has been sent; one that is made may still wait for a piece."""
        return bool(self.status) and not self._unsent_head

    @property
    def desired_size(self) -> int:
        """Bytes the client has room for; zero or less asks the producer to wait."""
        waiting = self.connection.transport.get_write_buffer_size()
        return HIGH_WATER - waiting - self.held_size

    def tap(self, hear: Callable[[bytes], object]) -> None:
        """Let ``hear`` have each write before it is made, framing and all; must not raise.

        What ``sendfile`` sends passes through no write of ours, and is only counted.
        """
        to_wire = self._to_wire

        def write(data: bytes) -> None:
            hear(data)
            to_wire(data)

        self._to_wire = write

    def write(self, piece: bytes | str, *, held: bool = False) -> None:
        """Send a piece of the body, text as UTF-8, in a chunk of its own; an empty one is nothing,
        for it would end a chunked body. ``held``: with the next write, or at ``release``.

        TypeError when it is neither, ValueError when it goes beyond the announced
        Content-Length, ConnectionResetError when the exchange has ended.
        """
        if self.outcome is not None:
            raise ConnectionResetError(f"the exchange has ended: {self.outcome}")
        if type(piece) is not bytes:
            piece = as_bytes(piece)
        size = len(piece)
        if not size or self._framing == "none":
            return
        if self._framing == "chunked":
            data = encode(piece)
        else:
            self._count(size)
            data = piece
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += size
        if not held:
            if self.held_size or self._unsent_head:
                self._send(data)
            else:  # the usual case
                self._to_wire(data)
        elif self.held_size:
            self._held.append(data)
            self.held_size += size
        else:
            self._held, self.held_size = [data], size

    def push(self, piece: bytes | str) -> None:
        """``write`` for a producer outside: what it pushes in one call shares a write, but for the
        first piece, which leaves at once."""
        server = self.connection.server
        iteration = server.iteration()
        if iteration != self._pushed_in:
            self._pushed_in = iteration
            self.write(piece)
            return
        if not self.held_size:
            server.loop.call_soon(self.release)
        self.write(piece, held=True)
        if self.held_size >= GATHER:
            self.release()

    def release(self) -> None:
        """Send what is held."""
        if self.held_size and self.outcome is None:
            self._send(b"")

    def _send(self, data: bytes) -> None:
        """Write, behind what waits for the same write: the head, and the pieces that are held."""
        if self.held_size:
            data = b"".join((self._unsent_head, *self._held, data))
            self._held, self._unsent_head, self.held_size = [], b"", 0
        elif self._unsent_head:
            data = self._unsent_head + data
            self._unsent_head = b""
        self._to_wire(data)

    @property
    def is_chunked(self) -> bool:
        """Whether the body travels in chunks, so that ``write_chunks`` may be used."""
        return self._framing == "chunked"

    def write_chunks(self, chunks: bytes, size: int) -> None:
        """Send chunks that were framed beforehand, once for many: ``size`` bytes of data, not 0.

        Only for a body that ``is_chunked``. ConnectionResetError when the exchange has ended.
        """
        if self.outcome is not None:
            raise ConnectionResetError(f"the exchange has ended: {self.outcome}")
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += size
        self._send(chunks)

    def sent(self, size: int) -> None:
        """Count ``size`` bytes of a body with a length that went out another way."""
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
        """Hold the body no more against the Content-Length that was announced: for who sends
        another on purpose, and so must end the exchange by cutting it."""
        if self._framing == "length":
            self._framing = "close"
            self._keep_alive = False

    def flush_head(self) -> None:
        """Send a head that still waits for its first piece, and what is held."""
        if (self._unsent_head or self.held_size) and self.outcome is None:
            self._send(b"")

    def _write_end(self, piece: bytes, trailers: Trailers) -> None:
        """Send the last piece and the end of the framing, in one write."""
        if piece:
            self.write(piece, held=True)
        if self._framing == "chunked":
            self._send(last_chunk(trailers) if trailers else LAST_CHUNK)
        elif self._unsent_head or self.held_size:
            self._send(b"")
