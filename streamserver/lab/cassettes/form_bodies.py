"""Secrets in ``application/x-www-form-urlencoded`` (WHATWG URL, section 5), and in the queries of
URLs within other text; both come in pieces."""

import re
from urllib.parse import unquote_plus

from streamserver.lab.cassettes.covering import LONGEST_NAME, Covering
from streamserver.lab.cassettes.names import is_secret

# In JSON "&" may be written \u0026.
_name = re.compile(rb"(?:[?&]|u0026)([^=&?#\s\"<>\\]{1,128}+)=")
_begun = re.compile(rb"(?:[?&]|u0026)[^=&?#\s\"<>\\]{0,128}\Z|u(?:0(?:0(?:2)?)?)?\Z")
_end_in_form = re.compile(rb"&")
_end_in_text = re.compile(rb"[&#\s\"'<>\\]")


class Parameters(Covering):
    """A redactor of each value in ``NAME=VALUE`` behind ``?`` or ``&``.

    ``is_form``: there is nothing else, so the first name has nothing before it, and a value goes up
    to the next ``&``. In other text it ends where a URL does.
    """

    __slots__ = ("_end", "_in_value", "_tail")

    def __init__(self, is_form: bool) -> None:
        super().__init__()
        self._end = _end_in_form if is_form else _end_in_text
        self._tail = b"&" if is_form else b""
        """What was before the piece, if a name may have begun in it."""
        self._in_value = False

    def feed(self, piece: bytes) -> bytes:
        """The next piece without the secrets in it, as long as it was."""
        if b"=" not in piece and piece.endswith(b"\n") and not (self._tail or self._in_value):
            return piece  # as nearly every event
        self._begin(piece)
        at = 0
        while at < len(piece):
            at = self._value(at) if self._in_value else self._names(at)
        return self._covered()

    def _value(self, at: int) -> int:
        found = self._end.search(self._piece, at)
        end = len(self._piece) if found is None else found.start()
        self._cover(at, end)
        if found is not None:
            self._end_value()
            self._in_value = False
        return end

    def _names(self, at: int) -> int:
        """Up to the next value that is secret."""
        tail, self._tail = self._tail, b""
        for found in _name.finditer(tail + self._piece if tail else self._piece, at):
            if is_secret(unquote_plus(found[1].decode("latin-1"))):
                self._in_value = True
                return found.end() - len(tail)
        rest = (tail + self._piece[-LONGEST_NAME:])[-LONGEST_NAME:]
        begun = _begun.search(rest)
        self._tail = b"" if begun is None else rest[begun.start() :]
        return len(self._piece)
