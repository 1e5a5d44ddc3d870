"""The response side of an exchange: what is written to the transport, and when.

A piece of the body is written as soon as it is handed over, in a chunk of its own. Two things
may wait for a common write: the head, for the first piece; and pieces that a producer yields
without waiting, for the next write or for ``release``.

In a content coding (RFC 9110, section 8.4) pieces are encoded when they are written. Those that
share a write share a flush and a chunk.
"""

from collections.abc import Callable
from time import monotonic

from streamserver.server.answer import Answer
from streamserver.server.body import RequestBody
from streamserver.server.framing import Framing, frame
from streamserver.server.phase import ENDED, GATHERING, HANDLING, READY, STREAMING, Outcome, Phase
from streamserver.server.ports import Connection
from streamserver.server.state import ServerState
from streamserver.server.tap import Output, Tap
from streamserver.wire.chunked import LAST_CHUNK, encode, encode_all, last_chunk
from streamserver.wire.content_coding import Coder
from streamserver.wire.pieces import as_bytes
from streamserver.wire.request_heads import RequestHead

Trailers = tuple[tuple[str, str], ...]

HIGH_WATER = 64 * 1024 + 1
"""Bytes that may wait for a slow client before its producer has to wait. The event loops call
``pause_writing`` from this number on, and so call ``resume_writing`` later."""

GATHER = 16 * 1024
"""Bytes of pieces that may be held for a common write."""


class Writer:
    """The response side of an exchange: one request's ``head`` and ``body``, and its response.

    ``id`` is that of the request, "" if it has none. ``status`` is that of the final head, 0 before
    one is made. ``coder`` encodes the body; None if it is sent as it is. ``bytes_sent`` counts the
    body as it is sent, without its framing; ``held_size`` the pieces that wait for the next write,
    which are not encoded yet. ``first_byte`` is when the first byte of the body was written, in
    seconds of ``time.monotonic``; 0 if none was.
    """

    __slots__ = (
        "_framing",
        "_held",
        "_keep_alive",
        "_left",
        "_out",
        "_pushed_in",
        "_unsent_head",
        "body",
        "bytes_sent",
        "coder",
        "connection",
        "first_byte",
        "head",
        "held_size",
        "id",
        "outcome",
        "phase",
        "server",
        "status",
    )

    _held: list[bytes]  # while GATHERING
    _left: int  # bytes of Content-Length that are not written yet

    def __init__(self, server: ServerState, connection: Connection, head: RequestHead) -> None:
        self.server = server
        self.connection = connection
        self.head = head
        self.id = ""
        self.body = RequestBody(server, connection, head) if head.length else None
        self._out: Output = connection.transport
        self.phase: Phase = HANDLING
        self.outcome: Outcome | None = None
        self.status = 0
        self.bytes_sent = 0
        self.held_size = 0
        self.coder: Coder | None = None
        self._unsent_head = b""
        self.first_byte = 0.0
        self._framing: Framing = "none"
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
        framed = frame(self.head, answer, server.date(), may_keep, self.id)
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
            if self.held_size:
                self.hold(piece)
                return self._send(b"")
            data = self._coded_chunk(piece)
            return self._out.write(data) if phase is STREAMING else self._send(data)
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
        if not size or self._framing == "none":
            return
        if self._framing == "length":
            self._count(size)
        if self.phase is GATHERING:
            self._held.append(piece)
        else:
            self._held = [piece]
            self.phase = GATHERING
        self.held_size += size
        if self._framing != "coded":
            if not self.bytes_sent:
                self.first_byte = monotonic()
            self.bytes_sent += size

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
            held = encode_all(self._held) if self._framing == "chunked" else b"".join(self._held)
            self._held, self.held_size = [], 0
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
                held = b"".join(self._held) if self.held_size else b""
                self._held, self.held_size = [], 0
                end = self._coded_chunk(held, is_last=True) + end
            self._send(end)
        else:
            self.flush_head()

    # The coder

    def _start_coding(self, make_coder: Callable[[], Coder]) -> None:
        if self._framing == "chunked":
            self._framing = "coded"
            self.coder = make_coder()
            if self.coder.holds_state:
                self.server.rest_deadlines.start(self.coder)
        elif self._framing != "none":
            raise ValueError("only a body that is sent in chunks can be coded")

    def _stop_coding(self, coder: Coder) -> None:
        self.server.rest_deadlines.stop(coder)
        self.coder = None

    def _coded_chunk(self, data: bytes, is_last: bool = False) -> bytes:
        """``data`` encoded, as a chunk; the last one contains the end of the coding."""
        coder = self.coder
        assert coder is not None
        coded = coder.finish(data) if is_last else coder.encode(data)
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += len(coded)
        return encode(coded)
