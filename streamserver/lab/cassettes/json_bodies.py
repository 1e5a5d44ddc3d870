"""Secrets in JSON that comes in pieces: a whole document, a document on each line, or events whose
data is JSON.

A string before a colon is a name. Where it names a secret, what follows is overwritten: a string by
as many asterisks as its text has bytes, escapes included, and each digit of a number by a 1; of an
array all that is in it. Of an object all, too, if the name can only mean secrets (``credentials``);
else (``token``, ``session``) its members are judged by their own names.

Only strings are looked for, whatever stands around them, so text that is no JSON passes. There a
quotation mark may have no partner: a line feed ends a string, unless it is a secret of a document.
"""

import json
import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache

from streamserver.lab.cassettes.covering import LONGEST_NAME, Covering
from streamserver.lab.cassettes.names import is_secret, is_secret_throughout, may_name_secrets

DEEPEST = 1000
"""Arrays and objects in each other, of which all is secret; beyond, all that follows is."""


class Layout(Enum):
    """How JSON stands in a body."""

    DOCUMENT = "document"
    LINES = "lines"
    EVENTS = "events"


class Kind(Enum):
    """What a name says of its value."""

    PLAIN = 0
    SECRET = 1
    SECRET_THROUGHOUT = 2


_string = re.compile(rb'"((?:[^"\\\r\n]++|\\[^\r\n]?)*+)(?:(")[ \t]*+(:?))?')
_document_string = re.compile(rb'"((?:[^"\\\r\n]++|\\[^\r\n]?)*+)(?:(")[ \t\r\n]*+(:?))?')
_rest = re.compile(rb"(?:[^\"\\\r\n]++|\\[^\r\n]?)*+")
_document_rest = re.compile(rb"(?s:[^\"\\]++|\\.?)*+")
_space = re.compile(rb"[ \t]*+")
_document_space = re.compile(rb"[ \t\r\n]*+")
_event_space = re.compile(rb"[ \t\r\n:dat]*+")  # the next line of the same data begins with "data:"
_number = re.compile(rb"[-+.0-9eE]*+")
_inside = re.compile(rb"[\"{}\[\],:\n]|[0-9]++")


@lru_cache(4096)  # a stream repeats its names
def kind_of(name: bytes) -> Kind:
    """What a name says that stands between quotation marks."""
    text = name.decode("utf-8", "replace")
    if "\\" in text:
        try:
            text = str(json.loads(f'"{text}"'))
        except ValueError:
            return Kind.PLAIN
    if not is_secret(text):
        return Kind.PLAIN
    return Kind.SECRET_THROUGHOUT if is_secret_throughout(text) else Kind.SECRET


class JSONBody(Covering):
    """A redactor of JSON in this layout."""

    __slots__ = (
        "_escaped",
        "_has_tokens",
        "_is_outside",
        "_is_value",
        "_kind",
        "_layout",
        "_line",
        "_name",
        "_nesting",
        "_step",
        "_tokens_at",
    )

    def __init__(self, layout: Layout = Layout.DOCUMENT) -> None:
        super().__init__()
        self._layout = layout
        self._step: Callable[[int], int] = self._text
        self._is_outside = True
        self._name = bytearray()  # of a string that is not whole, as far as it may be a secret's
        self._escaped = False  # whether the next byte of a string is behind a backslash
        self._kind = Kind.PLAIN
        self._nesting = bytearray()  # brackets that are open around a secret
        self._line = -1  # where a line begins that continues a secret
        self._is_value = False  # whether a string there would be one, and no name
        self._has_tokens = False  # whether "logprobs" was named in this line, or in the document
        self._tokens_at = 0  # up to where that is known

    def feed(self, piece: bytes) -> bytes:
        """The next piece without the secrets in it, as long as it was."""
        if self._is_outside and piece.endswith(b"\n") and not may_name_secrets(piece):
            if self._layout is not Layout.DOCUMENT:
                self._has_tokens = False
                return piece  # as nearly every event
            if b"logprobs" not in piece:
                return piece
        self._begin(piece)
        at = 0
        while at < len(piece):
            at = self._step(at)
        self._is_outside = self._step == self._text
        if self._has_tokens:
            self._is_same_line(len(piece))
            self._tokens_at = 0
        return self._covered()

    # Outside of secrets. Each step takes the position in the piece, and returns the next.

    def _text(self, at: int) -> int:
        piece, is_document = self._piece, self._layout is Layout.DOCUMENT
        for found in (_document_string if is_document else _string).finditer(piece, at):
            if found[3]:
                if self._names_secret(found[1], found.end()):
                    return found.end()
            elif found.end() == len(piece):
                self._name = bytearray(found[1][: LONGEST_NAME + 1])
                self._escaped = not found[2] and _ends_escaped(found[1])
                self._step = self._colon if found[2] else self._begun
        return len(piece)

    def _begun(self, at: int) -> int:
        """In a string that began in an earlier piece."""
        end = self._end_of_string(at, _rest)
        if len(self._name) <= LONGEST_NAME:
            self._name += self._piece[at:end][: LONGEST_NAME + 1]
        if end == len(self._piece):
            return end
        self._step = self._colon if self._piece[end] == 0x22 else self._text
        return end + 1

    def _colon(self, at: int) -> int:
        """Behind a string, which is a name if a colon follows."""
        space = _document_space if self._layout is Layout.DOCUMENT else _space
        end = _end(space, self._piece, at)
        if end == len(self._piece):
            return end
        self._step = self._text
        if self._piece[end] != 0x3A:
            return end
        self._names_secret(bytes(self._name), end + 1)
        return end + 1

    def _names_secret(self, name: bytes, at: int) -> bool:
        """Whether a secret follows behind this name, at this place; then it is next."""
        kind = kind_of(name) if len(name) <= LONGEST_NAME else Kind.PLAIN
        if kind is Kind.PLAIN:
            if name == b"logprobs":
                self._has_tokens, self._tokens_at = True, at
            return False
        if name == b"token" and self._has_tokens and self._is_same_line(at):
            return False  # beside its probability a token is a word of a model
        self._kind, self._step = kind, self._value
        return True

    def _is_same_line(self, at: int) -> bool:
        """Whether "logprobs" was named in the current line; if not, forget that it was named."""
        if self._layout is not Layout.DOCUMENT:
            self._has_tokens = self._piece.find(b"\n", self._tokens_at, at) < 0
        self._tokens_at = at
        return self._has_tokens

    # At a secret

    def _value(self, at: int) -> int:
        """Behind the colon."""
        space = _event_space if self._layout is Layout.EVENTS else _document_space
        end = _end(space, self._piece, at)
        if end == len(self._piece):
            return end
        first = self._piece[end : end + 1]
        self._escaped = False
        if first == b'"':
            self._step = self._secret
            return end + 1
        if first in b"[{":
            self._step = self._container
        else:
            self._step = self._digits if first in b"-0123456789" else self._text
        return end

    def _secret(self, at: int) -> int:
        is_document = self._layout is Layout.DOCUMENT
        end = self._end_of_string(at, _document_rest if is_document else _rest)
        self._cover(at, end)
        if end == len(self._piece):
            return end
        self._end_value()
        self._step = self._container if self._nesting else self._text
        return end + 1

    def _digits(self, at: int) -> int:
        end = _end(_number, self._piece, at)
        self._cover_digits(at, end)
        if end < len(self._piece):
            self._step = self._text
        return end

    def _container(self, at: int) -> int:
        """In an array or an object, all of which is secret."""
        for found in _inside.finditer(self._piece, at):
            mark = found[0]
            if mark.isdigit():
                if self._is_value:
                    self._cover_digits(*found.span())
            elif mark == b'"':
                self._step = self._secret if self._is_value else self._member
                self._escaped = False
                return found.end()
            elif self._leaves(mark, found.start()):
                self._nesting.clear()
                self._line = -1
                self._step = self._text
                return found.end()
        is_empty = self._line >= 0 and not self._piece[self._line : self._line + 2].strip(b"\r")
        self._line = 0 if is_empty else -1
        return len(self._piece)

    def _leaves(self, mark: bytes, at: int) -> bool:
        """Whether what is secret ends here: with its last bracket, at an object whose members are
        judged by their own names, or since it is broken off."""
        if mark in b":,":
            self._is_value = mark == b":" or self._nesting.endswith(b"[")
        elif mark == b"[" or (mark == b"{" and self._kind is Kind.SECRET_THROUGHOUT):
            if len(self._nesting) <= DEEPEST:
                self._nesting += mark
            self._is_value = mark == b"["
        elif mark in b"]}":
            if len(self._nesting) <= DEEPEST:
                del self._nesting[-1:]
            self._is_value = False
            return not self._nesting
        elif mark == b"{":
            return True
        else:
            is_empty = self._line >= 0 and self._piece[self._line : at] in (b"", b"\r")
            self._line = at + 1
            return self._layout is Layout.LINES or (self._layout is Layout.EVENTS and is_empty)
        return False

    def _member(self, at: int) -> int:
        """In a name within a secret object."""
        end = self._end_of_string(at, _rest)
        if end < len(self._piece):
            self._step = self._container
        return end + 1

    def _end_of_string(self, at: int, rest: re.Pattern[bytes]) -> int:
        """Where the text of a string ends that began earlier."""
        begin = min(at + self._escaped, len(self._piece))
        end = _end(rest, self._piece, begin)
        if end == len(self._piece):
            self._escaped = _ends_escaped(self._piece[begin:end])
        return end


def _end(pattern: re.Pattern[bytes], piece: bytes, at: int) -> int:
    found = pattern.match(piece, at)
    assert found is not None  # it may be empty
    return found.end()


def _ends_escaped(text: bytes) -> bool:
    """Whether a string that begins here, and is cut, is cut behind a backslash."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1
