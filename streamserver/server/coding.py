"""The body of a response in a content coding (RFC 9110, section 8.4).

A piece that is written alone is encoded and flushed at once, in a chunk of its own. Pieces that
share a write are encoded together, with one flush, in one chunk.
"""

from collections.abc import Callable
from time import monotonic

from streamserver.server.framing import Framing
from streamserver.server.phase import GATHERING, Phase
from streamserver.server.state import ServerState
from streamserver.wire.chunked import encode
from streamserver.wire.content_coding import Coder


class CodedBody:
    """The part of a ``Writer`` that counts, holds and encodes what is sent.

    ``bytes_sent`` counts the content as it is sent, encoded if it is, and without its framing.
    ``held_size`` counts the pieces that wait for the next write, before they are encoded.
    ``first_byte`` is when the first byte of the body was written, in seconds of
    ``time.monotonic``; 0 if none was. ``coder`` encodes the body; None if it is sent as it is.
    """

    __slots__ = (
        "_framing",
        "_held",
        "bytes_sent",
        "coder",
        "first_byte",
        "held_size",
        "phase",
        "server",
    )

    # The writer initializes them.
    server: ServerState
    phase: Phase
    bytes_sent: int
    held_size: int
    first_byte: float
    coder: Coder | None
    _framing: Framing
    _held: list[bytes]  # while GATHERING

    def rest(self) -> None:
        """Called every few seconds: let the coder of an idle stream free its compressor."""
        if self.coder is not None:
            self.coder.rest()
            self.server.rest_deadlines.start(self)

    def _start_coding(self, make_coder: Callable[[], Coder]) -> None:
        if self._framing == "chunked":
            self._framing = "coded"
            self.coder = make_coder()
            if self.coder.holds_state:
                self.server.rest_deadlines.start(self)
        elif self._framing != "none":
            raise ValueError("only a body that is sent in chunks can be coded")

    def _stop_coding(self) -> None:
        self.coder = None
        self.server.rest_deadlines.stop(self)

    def _hold_coded(self, piece: bytes) -> None:
        if self.phase is not GATHERING:
            self._held = []
            self.phase = GATHERING
        self._held.append(piece)
        self.held_size += len(piece)

    def _coded_end(self) -> bytes:
        """What is held and the end of the coding, as a chunk."""
        held = b"".join(self._held) if self.held_size else b""
        self._held, self.held_size = [], 0
        return self._coded_chunk(held, is_last=True)

    def _coded_chunk(self, data: bytes, is_last: bool = False) -> bytes:
        """``data`` encoded, as a chunk."""
        coder = self.coder
        assert coder is not None
        coded = coder.finish(data) if is_last else coder.encode(data)
        if not self.bytes_sent:
            self.first_byte = monotonic()
        self.bytes_sent += len(coded)
        return encode(coded)
