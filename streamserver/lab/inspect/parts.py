r"""The parts of a response on the wire: each line of the head, chunk sizes, data, trailers.

``PartReader`` names the bytes of each read and holds none: the parts of a read are exactly its
bytes. An element that a read cuts is several parts, of which all but the first have ``continues``.

    HTTP/1.1 200 OK\r\n     status line          5\r\n       chunk size
    server: a\r\n           field                hello       data
    \r\n                    end of the head      \r\n        end of the chunk

``ResponseReader`` judges the bytes: each element is fed to it as it arrives, and what it refuses is
a part of the kind "unreadable", as is all that follows.
"""

import re
from typing import Literal, NamedTuple

from streamserver.lab.client.response import MAX_HEAD
from streamserver.lab.inspect.recording import Framing
from streamserver.wire.chunked import End
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import BROKEN, UNTIL_CLOSE, ResponseHead
from streamserver.wire.responses import ResponseReader

Kind = Literal[
    "status line",
    "field",
    "end of the head",
    "chunk size",
    "data",
    "end of the chunk",
    "last-chunk",
    "trailer",
    "end of the body",
    "excess",  # behind the end of the response
    "unreadable",
    # Parts of the data, see ``content``:
    "event field",
    "comment",
    "blank line",
    "line",
    "byte order mark",
]

_size = re.compile(rb"[0-9A-Fa-f]+").match


class Part(NamedTuple):
    """Adjacent bytes of one read that have one meaning."""

    kind: Kind
    """Of an unfinished element the most probable one; that of its last part is certain."""
    data: bytes
    at: float
    """When it arrived, in seconds since the request was sent."""
    continues: bool = False
    """Whether an earlier part began the element."""
    is_complete: bool = True
    """Whether the element ends here."""
    size: int = 0
    """Of a complete chunk size, the number of bytes."""


class PartReader:
    """Names the bytes of the response to one request, which is fed in pieces of any size."""

    def __init__(self, method: str) -> None:
        """``method``: that of the request."""
        self.head: ResponseHead | None = None
        """The final head, as soon as it is complete."""
        self.framing: Framing = "none"
        self.is_complete = False
        """Whether the end of the framing arrived."""
        self.problem = ""
        """Why the bytes could not be read further."""
        self.trailers: tuple[tuple[str, str], ...] = ()
        self._reader = ResponseReader(method, MAX_HEAD)
        self._kind: Kind = "status line"  # of the next element
        self._left = 0  # bytes of the current data that have not arrived; UNTIL_CLOSE: no end
        self._line = b""  # the unfinished line, which ``ResponseReader`` bounds
        self._inside = False  # whether the element has begun
        self._parts: list[Part] = []

    def feed(self, data: bytes, at: float) -> list[Part]:
        """The parts of a read that arrived at ``at``; never raises."""
        offset = 0
        while offset < len(data):
            if self.problem or self.is_complete:
                kind: Kind = "unreadable" if self.problem else "excess"
                self._add(kind, data[offset:], at, False)
                break
            try:
                offset = self._take(data, offset, at)
            except HTTPError as error:
                self.problem, self._inside = error.detail.removeprefix(BROKEN), False
        parts, self._parts = self._parts, []
        return parts

    def _take(self, data: bytes, offset: int, at: float) -> int:
        """Read one element, or the rest of it; the offset behind it. HTTPError."""
        if self._kind == "data":
            return self._take_data(data, offset, at)
        end = data.find(b"\n", offset) + 1
        line = data[offset : end or len(data)]
        kind = self._kind_of_line(line)
        found = self._reader.feed(line)
        self._line += line
        size = int(self._digits(), 16) if kind == "chunk size" and end else 0
        if kind == "chunk size" and end and not size:
            kind = "last-chunk"
        self._add(kind, line, at, bool(end), size)
        if end:
            self._after_line(kind, size)
            self._line = b""
        for one in found:
            self._after_head(one) if isinstance(one, ResponseHead) else self._finish(one)
        return offset + len(line)

    def _kind_of_line(self, line: bytes) -> Kind:
        """The kind of a line, of which this is the beginning or the rest."""
        if (self._line or line).startswith(b"\r"):
            ends: dict[Kind, Kind] = {"field": "end of the head", "trailer": "end of the body"}
            return ends.get(self._kind, self._kind)
        return self._kind

    def _digits(self) -> bytes:
        found = _size(self._line)
        assert found is not None
        return found[0]

    def _after_line(self, kind: Kind, size: int) -> None:
        """Set the kind of the element after a complete line. ``size``: of the chunk."""
        if kind == "status line":
            self._kind = "field"
        elif kind == "chunk size":
            self._kind, self._left = "data", size
        elif kind == "last-chunk":
            self._kind = "trailer"
        elif kind == "end of the chunk":
            self._kind = "chunk size"

    def _take_data(self, data: bytes, offset: int, at: float) -> int:
        end = len(data) if self._left == UNTIL_CLOSE else min(offset + self._left, len(data))
        piece = data[offset:end]
        found = self._reader.feed(piece)
        if self._left > 0:
            self._left -= len(piece)
        self._add("data", piece, at, not self._left)
        if not self._left:
            self._kind = "end of the chunk"
        for one in found:
            self._finish(one)
        return end

    def _after_head(self, head: ResponseHead) -> None:
        if head.status < 200:
            self._kind = "status line"
            return
        self.head = head
        self._kind = "data"
        if head.length == CHUNKED:
            self.framing, self._kind = "chunked", "chunk size"
        elif head.length:
            self.framing = "close" if head.length == UNTIL_CLOSE else "length"
            self._left = head.length

    def _finish(self, part: object) -> None:
        if isinstance(part, End):
            self.is_complete, self.trailers = True, part.trailers

    def _add(self, kind: Kind, data: bytes, at: float, is_complete: bool, size: int = 0) -> None:
        self._parts.append(Part(kind, data, at, self._inside, is_complete, size))
        self._inside = not is_complete
