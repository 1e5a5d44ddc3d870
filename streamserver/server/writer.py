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
from streamserver.wire.chunked import LAST_CHUNK, last_chunk

if TYPE_CHECKING:
    from streamserver.server.connection import Connection

Trailers = tuple[tuple[str, str], ...]

HIGH_WATER = 64 * 1024 + 1
"""Bytes that may wait for a slow client before its producer is asked to wait: the first
number at which the event loops call ``pause_writing``, and so will call ``resume_writing``."""


class Writer:
    """The response side of an exchange.

    ``status`` is that of the final head, 0 before one is made. ``bytes_sent`` counts the body
    without its framing. ``first_byte`` is when the first byte of the body was handed to the
    socket, in seconds of ``time.monotonic``, 0 if none was.
    """

    __slots__ = (
        "_framing",
        "_keep_alive",
        "_left",
        "_to_wire",
        "_unsent_head",
        "bytes_sent",
        "connection",
        "first_byte",
        "outcome",
        "status",
    )

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
        self._keep_alive = False

    @property
    def has_sent_head(self) -> bool:
        """Whether the final head has been sent; one that is made may still wait for a piece."""
        return bool(self.status) and not self._unsent_head

    @property
    def desired_size(self) -> int:
        """Bytes the client has room for; zero or less asks the producer to wait."""
        return HIGH_WATER - self.connection.transport.get_write_buffer_size()

    def tap(self, hear: Callable[[bytes], object]) -> None:
        """Let ``hear`` have each write before it is made, framing and all; must not raise.

        What ``sendfile`` sends passes through no write of ours, and is only counted.
        """
        to_wire = self._to_wire

        def write(data: bytes) -> None:
            hear(data)
            to_wire(data)

        self._to_wire = write

    def write(self, piece: bytes | str, tail: bytes = b"") -> None:
        """Send a piece of the body, text as UTF-8; an empty one is nothing, for it would end
        a chunked body. ``tail``: framing that goes behind it in the same write.

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
            data = b"%x\r\n%b\r\n" % (size, piece)
        else:
            self._count(size)
            data = piece
        if not self.bytes_sent:
            self.first_byte = monotonic()
            data = self._unsent_head + data
            self._unsent_head = b""
        self.bytes_sent += size
        self._to_wire(data + tail if tail else data)

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
            chunks = self._unsent_head + chunks
            self._unsent_head = b""
        self.bytes_sent += size
        self._to_wire(chunks)

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
        """Send a head that still waits for its first piece."""
        if self._unsent_head and self.outcome is None:
            self._to_wire(self._unsent_head)
            self._unsent_head = b""

    def _write_end(self, piece: bytes, trailers: Trailers) -> None:
        """Send the last piece and what tells that it was the last, in one write."""
        tail = b""
        if self._framing == "chunked":
            tail = last_chunk(trailers) if trailers else LAST_CHUNK
        if piece and self._framing != "none":
            self.write(piece, tail)
        elif self._unsent_head or tail:
            self._to_wire(self._unsent_head + tail)
            self._unsent_head = b""
