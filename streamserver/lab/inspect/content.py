r"""The parts of a body's data: the lines of an event stream, or JSON lines.

A part of data is cut into parts of its lines, and none of its bytes is held. A line that chunks or
reads cut is several parts, of which all but the first have ``continues``.

    id: 7\n       event field            : beat\n      comment
    \n            blank line             {"n":1}\n     line
"""

import re

from streamserver.lab.client.request import LINE_TYPES
from streamserver.lab.inspect.parts import Kind, Part
from streamserver.wire.sse import BOM, MEDIA_TYPE

_event_line = re.compile(rb"[^\r\n]*+(?:(\r\n?|\n)|\Z)")
_json_line = re.compile(rb"[^\n]*+(?:(\n)|\Z)")


class LineSplitter:
    """Cuts the data of a body whose parts are fed in order."""

    def __init__(self, media_type: str) -> None:
        """``media_type``: without parameters, in lower case. The data of most types stays whole."""
        self._line = None
        if media_type == MEDIA_TYPE:
            self._line = _event_line
        elif media_type in LINE_TYPES:
            self._line = _json_line
        self._bom = b"" if self._line is _event_line else None
        """What has arrived of a byte order mark; None behind it."""
        self._kind: Kind = "line"  # of the last line
        self._inside = False  # whether it is unfinished
        self._after_cr = False  # an LF that comes next is the second half of a CRLF

    def split(self, part: Part) -> list[Part]:
        """The part, or the parts of its lines; their bytes are those of the part."""
        if self._line is None or not part.data:
            return [part]
        parts: list[Part] = []
        data, at = part.data, self._take_bom(part, parts)
        if self._after_cr and data.startswith(b"\n", at):
            parts.append(Part(self._kind, b"\n", part.at, True))
            at += 1
        self._after_cr = False
        while at < len(data):
            line = self._line.match(data, at)
            assert line is not None
            if not self._inside:
                self._kind = self._kind_of(line[0])
            parts.append(Part(self._kind, line[0], part.at, self._inside, bool(line[1])))
            self._inside, self._after_cr = not line[1], line[1] == b"\r"
            at = line.end()
        return parts

    def _kind_of(self, line: bytes) -> Kind:
        if self._line is _json_line:
            return "line"
        if line[0] in b"\r\n":
            return "blank line"
        return "comment" if line.startswith(b":") else "event field"

    def _take_bom(self, part: Part, parts: list[Part]) -> int:
        """Read a byte order mark at the start of an event stream; the offset behind it."""
        if self._bom is None:
            return 0
        piece = part.data[: len(BOM) - len(self._bom)]
        found = self._bom + piece
        if not BOM.startswith(found):
            # The bytes of an earlier part were the beginning of a line.
            self._inside, self._kind = bool(self._bom), "event field"
            self._bom = None
            return 0
        parts.append(Part("byte order mark", piece, part.at, bool(self._bom), found == BOM))
        self._bom = None if found == BOM else found
        return len(piece)
