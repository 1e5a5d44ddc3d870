"""Where an event stream that passes by stands: between two events, or inside one.

Whoever adds something to a stream that is not his, a heartbeat or a last word, must know. What
stands inside an unfinished event can still become part of it, and its ``id`` could even
make a client that reconnects leave out an event it has never seen.
"""

import re

_split = re.compile(rb"\r\n|\r|\n").split
LONGEST_ID = 4096
"""Bytes of a line that are remembered: no more than its field, if that is a short one."""


class Boundaries:
    """Follows an event stream (WHATWG HTML, section 9.2.6) and keeps next to nothing of it."""

    __slots__ = ("_after_cr", "_begun", "_id", "_inside", "_last_id", "_line")

    def __init__(self) -> None:
        self._line = b""  # the unfinished one, or its beginning
        self._after_cr = self._begun = False
        self._inside = False
        self._id = self._last_id = b""  # of this event so far, and of the last whole one

    @property
    def between(self) -> bool:
        """Whether no event has begun since the last one ended."""
        return not self._inside and not self._line

    def feed(self, data: bytes) -> None:
        """Follow what passes."""
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
            self._inside = False
            self._last_id = self._id
            return
        self._inside = True
        name, _, value = line.partition(b":")
        if name == b"id" and b"\0" not in value and len(line) < LONGEST_ID:
            self._id = value.removeprefix(b" ")

    def way_out(self) -> bytes:
        """What must go before a further event, which an unfinished one then becomes part of.

        A NUL makes the ids and times void that were cut short in the middle; and the id of an
        event that nobody has got whole is taken back.
        """
        if self.between:
            return b""
        out = b"\0\n" if self._line else b""
        return out + b"id: " + self._last_id + b"\n"
