"""The position of a relayed event stream: between two events, or inside one.

A relay that adds an event or a comment to a stream has to know it. Whatever is added inside an
unfinished event becomes part of it, and the ``id`` of that event could make a client that
reconnects skip an event that it has never received.
"""

import re

_split = re.compile(rb"\r\n|\r|\n").split
LONGEST_ID = 4096
"""Bytes of a line that are remembered: no more than its field, if that is a short one."""


class Boundaries:
    """Follows an event stream (WHATWG HTML, section 9.2.6) and keeps next to nothing of it."""

    __slots__ = ("_after_cr", "_begun", "_has_data", "_id", "_inside", "_last_id", "_line")

    def __init__(self) -> None:
        self._line = b""  # the unfinished one, or its beginning
        self._after_cr = self._begun = False
        self._inside = self._has_data = False
        self._id = self._last_id = b""  # of this event so far, and of the last whole one

    @property
    def between(self) -> bool:
        """Whether no event has begun since the last one ended."""
        return not self._inside and not self._line

    def feed(self, data: bytes) -> None:
        """Follow what passes."""
        if (
            data.endswith(b"\n\n")
            and self._begun
            and not (self._inside or self._line)
            and b"\nid" not in data
            and b"\r" not in data
            and not data.startswith(b"id")
        ):
            return  # whole events without an id, of which most streams consist
        if self._after_cr and data.startswith(b"\n"):  # the other half of a CRLF
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        *ended, rest = _split(data)
        if ended:
            ended[0] = self._line + ended[0]
            self._line = rest[:LONGEST_ID]
            for line in ended:
                self._end(line)
        else:
            self._line = (self._line + rest)[:LONGEST_ID]

    def _end(self, line: bytes) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            self._inside = self._has_data = False
            self._last_id = self._id
            return
        self._inside = True
        name, _, value = line.partition(b":")
        if name == b"data":
            self._has_data = True
        elif name == b"id" and b"\0" not in value and len(line) < LONGEST_ID:
            self._id = value.removeprefix(b" ")

    def end_event(self) -> bytes:
        """End the unfinished event, if there is one, so that another can follow.

        Its data is not whole, so its type becomes ``incomplete``, for which no client listens. A
        NUL invalidates an id or a time that was cut in the middle, and the id is set back to that
        of the last whole event.
        """
        if self.between:
            return b""
        out = b""
        if self._line:
            out = b"\0\n"
            self._end(self._line + b"\0")
            self._line = b""
        out += b"id: " + self._last_id + b"\n"
        if self._has_data:
            out += b"event: incomplete\n"
        self._id = self._last_id
        self._end(b"")
        return out + b"\n"
