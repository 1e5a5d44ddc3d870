"""Scanners: they overwrite the secrets in a body that arrives in pieces.

A scanner is a state machine. A state reads ``_data`` from a position on, and returns the position
at which the next state continues. A token that is cut by the end of a piece is kept in ``_tail``
and read again in front of the next piece, so a state sees whole tokens only. State and tail are of
bounded size, and each piece is returned by the call that passes it.

Each byte of a secret is replaced by one byte. Content-Length and the sizes of chunks, events and
lines stay true.
"""

import re
from collections.abc import Callable, Sequence
from os.path import commonprefix
from urllib.parse import unquote_plus

from streamserver.lab.cassettes.secret_names import is_secret

MAX_NAME = 256
"""Bytes; a longer name is not taken for the name of a secret."""
MAX_VALUE = 4096
"""Bytes of a secret that is listed in ``values``."""
MAX_VALUES = 50
MAX_PART_HEAD = 8192
"""Bytes. A part with a longer head has no name, and is taken for a secret."""

# In JSON "&" may be written \u0026.
_parameter = re.compile(rb"(?:[?&]|u0026)([^=&?#\s\"<>\\]{1,128}+)=")
_cut_parameter = re.compile(rb"(?:[?&]|u0026)[^=&?#\s\"<>\\]{0,128}\Z|u(?:0(?:0(?:2)?)?)?\Z")
_LONGEST_CUT = len("u0026") + 128
_end_in_form = re.compile(rb"&")
_end_in_text = re.compile(rb"[&#\s\"'<>\\]")

_END_OF_HEAD = b"\r\n\r\n"
_part_name = re.compile(
    rb'(?im)^content-disposition:[^\r\n]*?[;\s]name=(?:"((?:[^"\\\r\n]++|\\.)*+)|([^;\s]++))'
)
_part_type = re.compile(rb"(?im)^content-type:[ \t]*([^\r\n]*)")
_cut_delimiters = re.compile(rb"(?:\r(?:\n(?:--?)?)?)++")


class Scanner:
    """What the scanners share; a subclass sets ``_state`` and may set an initial ``_tail``."""

    __slots__ = ("_data", "_out", "_state", "_tail", "_value", "values")
    _state: Callable[[int], int]

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._data = self._tail = b""
        self._out: bytearray | None = None
        self._value = bytearray()  # the secret so far

    def feed(self, piece: bytes) -> bytes:
        """The next piece without its secrets, in the same length."""
        tail, self._tail = self._tail, b""
        self._data, self._out = tail + piece, None
        at, end = 0, len(self._data)
        while at < end:
            at = self._state(at)
        return piece if self._out is None else bytes(self._out[len(tail) :])

    def _keep(self, start: int) -> int:
        """Read the token that begins here again, with the next piece."""
        self._tail = self._data[start:]
        return len(self._data)

    def _overwrite(self, start: int, part: bytes) -> None:
        if self._out is None:
            self._out = bytearray(self._data)
        self._out[start : start + len(part)] = part

    def _cover(self, start: int, end: int) -> None:
        """Overwrite these bytes of a secret by asterisks."""
        self._overwrite(start, b"*" * (end - start))
        if len(self._value) <= MAX_VALUE:
            self._value += self._data[start : min(end, start + MAX_VALUE + 1)]

    def _end_value(self) -> None:
        """Add the secret, which is complete, to ``values``."""
        if 0 < len(self._value) <= MAX_VALUE and len(self.values) < MAX_VALUES:
            self.values.append(bytes(self._value))
        self._value.clear()


class ParameterScanner(Scanner):
    """Secrets in ``NAME=VALUE`` after ``?`` or ``&``.

    ``is_form``: the body is ``application/x-www-form-urlencoded`` (WHATWG URL, section 5), so the
    first name follows nothing and a value ends at ``&``. In other text a value ends with the URL.
    """

    __slots__ = ("_end",)

    def __init__(self, is_form: bool) -> None:
        super().__init__()
        self._state = self._names
        self._end = _end_in_form if is_form else _end_in_text
        self._tail = b"&" if is_form else b""

    def feed(self, piece: bytes) -> bytes:
        """The next piece without its secrets, in the same length."""
        is_line = piece.endswith(b"\n") and not self._tail
        if is_line and b"=" not in piece and self._state == self._names:
            return piece  # nearly every event
        return super().feed(piece)

    def _names(self, at: int) -> int:
        for found in _parameter.finditer(self._data, at):
            if is_secret(unquote_plus(found[1].decode("latin-1"))):
                self._state = self._secret
                return found.end()
        cut = _cut_parameter.search(self._data, max(at, len(self._data) - _LONGEST_CUT))
        return self._keep(len(self._data) if cut is None else cut.start())

    def _secret(self, at: int) -> int:
        found = self._end.search(self._data, at)
        end = len(self._data) if found is None else found.start()
        self._cover(at, end)
        if found is not None:
            self._end_value()
            self._state = self._names
        return end


class BodyRedactor:
    """Overwrites the secrets in a body that arrives in pieces, with scanners one after the other;
    ``choose`` returns them once it gets the first byte that is no space."""

    __slots__ = ("_choose", "_scanners")

    def __init__(
        self,
        scanners: Sequence[Scanner],
        choose: Callable[[bytes], Sequence[Scanner]] | None = None,
    ) -> None:
        self._scanners = scanners
        self._choose = choose

    @property
    def values(self) -> list[bytes]:
        """The secrets that were overwritten: the first ones, and no long one."""
        return [value for scanner in self._scanners for value in scanner.values]

    def feed(self, piece: bytes) -> bytes:
        """The next piece without its secrets, in the same length."""
        if self._choose is not None:
            rest = piece.lstrip()
            if not rest:
                return piece
            self._scanners, self._choose = self._choose(rest[:1]), None
            return piece[: -len(rest)] + self.feed(rest)
        for scanner in self._scanners:
            piece = scanner.feed(piece)
        return piece


class MultipartScanner(Scanner):
    """Secrets in ``multipart/form-data`` (RFC 7578): parts with the name of a secret.

    ``redactor_of`` makes the redactor of any other part from its Content-Type. Bytes with which a
    delimiter begins are never overwritten, since the rest of it may be in the next piece: a line
    end and hyphens, which are not secret.
    """

    __slots__ = ("_delimiter", "_is_secret", "_line_end", "_part", "_redactor_of")

    def __init__(self, boundary: bytes, redactor_of: Callable[[str | None], BodyRedactor]) -> None:
        super().__init__()
        self._state = self._content
        self._delimiter = b"\r\n--" + boundary
        self._redactor_of = redactor_of
        self._part: BodyRedactor | None = None
        self._is_secret = False
        # The line end before a content is not part of it, but may be part of a delimiter.
        self._tail, self._line_end = b"\r\n", 2

    def _content(self, at: int) -> int:
        data, delimiter = self._data, self._delimiter
        if (start := data.find(delimiter, at)) >= 0:
            self._redact(at, start)
            self._end_part()
            self._state = self._head
            return start + len(delimiter)
        # A boundary has no CR, so only the last CR can begin a delimiter that is cut.
        last = data.rfind(b"\r", at)
        is_cut = last >= 0 and delimiter.startswith(data[last : last + len(delimiter)])
        end = last if is_cut else len(data)
        self._redact(at, end)
        return self._keep(end)

    def _redact(self, at: int, end: int) -> None:
        if at == end:
            return
        start, self._line_end = at + self._line_end, 0
        if self._is_secret:
            self._cover(start, end)
        elif self._part is not None:
            self._overwrite(start, self._part.feed(self._data[start:end]))
        else:
            return
        for cut in _cut_delimiters.finditer(self._data, at, end):
            stop = cut.end()
            if cut[0].endswith(b"\r\n--"):
                rest = self._delimiter[4:]
                following = self._data[stop : stop + len(rest)]
                stop += len(commonprefix([rest, following]))  # noqa: RUF071 - of bytes
            self._overwrite(cut.start(), self._data[cut.start() : min(stop, end)])

    def _end_part(self) -> None:
        self._end_value()
        if self._part is not None:
            self.values += self._part.values[: MAX_VALUES - len(self.values)]

    def _head(self, at: int) -> int:
        """The head of a part, or the end of the last delimiter."""
        head = self._data[at : at + MAX_PART_HEAD + 1]
        self._part, self._is_secret, self._line_end = None, False, 0
        if head.startswith(b"--"):
            self._state = self._content
            return at + 2
        end = head.find(_END_OF_HEAD)
        if end < 0 and len(head) <= MAX_PART_HEAD:
            return self._keep(at)
        self._state = self._content
        if end < 0:
            self._is_secret = True
            return at + len(head)
        head = head[:end]
        if name := _part_name.search(head):
            text = name[1] or name[2] or b""
            self._is_secret = is_secret(text.decode("utf-8", "replace"))
        if not self._is_secret:
            media = _part_type.search(head)
            self._part = self._redactor_of(None if media is None else media[1].decode("latin-1"))
        self._line_end = 2
        return at + end + 2
