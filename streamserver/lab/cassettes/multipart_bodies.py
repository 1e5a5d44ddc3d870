"""Secrets in ``multipart/form-data`` (RFC 7578) that comes in pieces: the parts of such names."""

import re
from collections.abc import Callable

from streamserver.lab.cassettes.covering import MOST_VALUES, Covering, Redactor
from streamserver.lab.cassettes.names import is_secret

LONGEST_HEAD = 8192
"""Bytes of the head of a part. A part with a longer one has no name, and is taken for a secret."""

_END_OF_HEAD = b"\r\n\r\n"
_part_name = re.compile(
    rb'(?im)^content-disposition:[^\r\n]*?[;\s]name=(?:"((?:[^"\\\r\n]++|\\.)*+)|([^;\s]++))'
)
# The beginnings of delimiters, as many as follow one another. A boundary has no CR, so each begins
# with one, and none within another.
_begun = re.compile(rb"(?:\r(?:\n(?:--?)?)?)++")
_part_type = re.compile(rb"(?im)^content-type:[ \t]*([^\r\n]*)")


class Multipart(Covering):
    """A redactor of parts with this boundary; ``inner`` makes that of a part by its Content-Type,
    for parts which are none of a secret.

    Whatever is the beginning of a delimiter stays in a secret, since the rest may come in the next
    piece: line ends and hyphens, which reveal nothing of the value.
    """

    __slots__ = (
        "_delimiter",
        "_head",
        "_inner",
        "_is_secret",
        "_matched",
        "_part",
        "_step",
    )

    def __init__(self, boundary: bytes, inner: Callable[[str | None], Redactor]) -> None:
        super().__init__()
        self._delimiter = b"\r\n--" + boundary
        self._inner = inner
        self._part: Redactor | None = None
        self._is_secret = False
        self._head = bytearray()
        self._matched = 2  # bytes of a delimiter that have come; before the first is no line
        self._step: Callable[[int], int] = self._content

    def feed(self, piece: bytes) -> bytes:
        """The next piece without the secrets in it, as long as it was."""
        self._begin(piece)
        at = 0
        while at < len(piece):
            at = self._step(at)
        return self._covered()

    def _content(self, at: int) -> int:
        """Up to the end of the next delimiter."""
        piece, delimiter = self._piece, self._delimiter
        if self._matched:
            end = at + _common(piece, at, delimiter, self._matched)
            self._matched += end - at
            if self._matched < len(delimiter):
                self._pass_on(at, end)
                if end < len(piece):
                    self._matched = 0
                return end
        elif (start := piece.find(delimiter, at)) >= 0:
            self._redact(at, start)
            end = start + len(delimiter)
        else:
            self._redact(at, len(piece))
            last = piece.rfind(b"\r", at)
            if last >= 0 and delimiter.startswith(piece[last : last + len(delimiter)]):
                self._matched = len(piece) - last
            return len(piece)
        self._end_value()
        if self._part is not None and not self._is_secret:
            self.values += self._part.values[: MOST_VALUES - len(self.values)]
        self._head.clear()
        self._matched, self._step = 0, self._in_head
        return end

    def _redact(self, start: int, end: int) -> None:
        if not self._is_secret:
            return self._pass_on(start, end)
        for begun in _begun.finditer(self._piece, start, end):
            if start < begun.start():
                self._cover(start, begun.start())
            start = begun.end()
            if begun[0].endswith(b"\r\n--"):
                start += _common(self._piece, start, self._delimiter, 4)
        if start < end:
            self._cover(start, end)

    def _pass_on(self, start: int, end: int) -> None:
        if start < end and self._part is not None and not self._is_secret:
            self._replace(start, self._part.feed(self._piece[start:end]))

    def _in_head(self, at: int) -> int:
        """Up to the end of the head of a part."""
        before = len(self._head)
        self._head += self._piece[at : at + LONGEST_HEAD + 1 - before]
        end = self._head.find(_END_OF_HEAD)
        if self._head.startswith(b"--"):
            self._is_secret, self._part, self._step = False, None, self._content
            return at + len(self._head) - before
        if end < 0 and len(self._head) <= LONGEST_HEAD:
            return len(self._piece)
        self._step = self._content
        self._understand(bytes(self._head[:end]) if end >= 0 else None)
        if end < 0:
            return at + len(self._head) - before
        self._matched = 2  # the line of a delimiter may be the next
        return at + end + len(_END_OF_HEAD) - before

    def _understand(self, head: bytes | None) -> None:
        """What follows this head; None for one that is too long."""
        name = None if head is None else _part_name.search(head)
        said = "" if name is None else (name[1] or name[2] or b"").decode("utf-8", "replace")
        self._is_secret = head is None or is_secret(said)
        found = None if head is None else _part_type.search(head)
        self._part = self._inner(None if found is None else found[1].decode("latin-1"))


def _common(piece: bytes, at: int, delimiter: bytes, matched: int) -> int:
    """How many bytes from ``at`` on are those that follow in the delimiter."""
    rest = delimiter[matched:]
    for count, byte in enumerate(piece[at : at + len(rest)]):
        if byte != rest[count]:
            return count
    return min(len(rest), len(piece) - at)
