"""Secrets in JSON: a whole document, a document on each line, or events whose data is JSON.

A string before a colon is a name. After the name of a secret, each byte of a string is overwritten
by an asterisk, escapes included, and each digit of a number by a 1; in an array, all of them. In an
object all values are overwritten too if its name is that of a container of secrets
(``credentials``); otherwise (``token``, ``session``) each member is judged by its own name.

The scanner looks for strings only, so text that is not JSON passes. There a quotation mark may have
no partner: a line feed ends a string, except a secret in a document.
"""

import json
import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from streamserver.lab.cassettes.scanners import MAX_NAME, Scanner
from streamserver.lab.cassettes.secret_names import (
    is_secret,
    is_secret_container,
    may_name_secret,
)

MAX_DEPTH = 1000
"""Arrays and objects around a secret. Beyond it, everything that follows is overwritten."""

# A string, whether it ends, and whether a colon follows.
_STRING = rb'"((?:[^"\\\r\n]++|\\[^\r\n]?)*+)(?:(")[%b]*+(:?))?'
_MARKS = rb"[\"{}\[\],:]|[0-9]++"
_rest = re.compile(rb"(?:[^\"\\\r\n]++|\\[^\r\n]?)*+")
_ones = bytes.maketrans(b"0123456789", b"1111111111")
_number = re.compile(rb"[-+.0-9eE]*+")


class Layout(NamedTuple):
    """How JSON is laid out in a body."""

    strings: re.Pattern[bytes]
    """Strings outside secrets, and line feeds where each line is judged by itself."""
    rest: re.Pattern[bytes]
    """The rest of a string that is secret."""
    before_colon: re.Pattern[bytes]
    """Whitespace after a name."""
    before_value: re.Pattern[bytes]
    """Whitespace after the colon."""
    marks: re.Pattern[bytes]
    """In a secret array or object: brackets, digits, and what ends a broken one."""


_strings_in_line = re.compile(rb"\n|" + _STRING % rb" \t")
_space = re.compile(rb"[ \t\r\n]*+")
_space_in_line = re.compile(rb"[ \t]*+")
DOCUMENT = Layout(
    strings=re.compile(_STRING % rb" \t\r\n"),
    rest=re.compile(rb"(?s:[^\"\\]++|\\.?)*+"),
    before_colon=_space,
    before_value=_space,
    marks=re.compile(_MARKS),
)
LINES = Layout(_strings_in_line, _rest, _space_in_line, _space, re.compile(_MARKS + rb"|\n"))
EVENTS = Layout(
    _strings_in_line,
    _rest,
    _space_in_line,
    before_value=re.compile(rb"[ \t\r\n:dat]*+"),  # the next line begins with "data:"
    marks=re.compile(_MARKS + rb"|\n\r?(?:\n|\Z)"),
)


class Kind(Enum):
    """What a name says about its value, or about names in the same line."""

    SECRET = 1
    CONTAINER = 2
    """A secret, and of an object every value."""
    LOGPROBS = 3
    """A ``token`` beside this one is a word of a model."""


@lru_cache(4096)  # a stream repeats its names
def kind_of(name: bytes) -> Kind | None:
    """What a name between quotation marks says; None if nothing."""
    if name == b"logprobs":
        return Kind.LOGPROBS
    text = name.decode("utf-8", "replace")
    if "\\" in text:
        try:
            text = str(json.loads(f'"{text}"'))
        except ValueError:
            return None
    if not is_secret(text):
        return None
    return Kind.CONTAINER if is_secret_container(text) else Kind.SECRET


class JSONScanner(Scanner):
    """Overwrites the secrets in JSON of this layout."""

    __slots__ = ("_has_logprobs", "_is_container", "_is_value", "_layout", "_name", "_nesting")

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._state = self._text
        self._layout = layout
        self._name = b""  # the string before ``_colon``
        self._has_logprobs = False  # named in the current line, or in the document
        self._is_container = False
        self._nesting = bytearray()  # the open brackets around a secret
        self._is_value = False  # whether a string is a secret, and no name

    def feed(self, piece: bytes) -> bytes:
        """The next piece without its secrets, in the same length."""
        is_line = piece.endswith(b"\n") and not self._tail
        if is_line and self._state == self._text and not may_name_secret(piece):
            if self._layout is not DOCUMENT:
                self._has_logprobs = False
                return piece  # nearly every event
            if b"logprobs" not in piece:
                return piece
        return super().feed(piece)

    # Outside secrets

    def _text(self, at: int) -> int:
        for found in self._layout.strings.finditer(self._data, at):
            if found[3]:
                if self._names_secret(found[1]):
                    self._state = self._start
                    return found.end()
            elif found[1] is None:
                self._has_logprobs = False
            elif found.end() == len(self._data):
                if found[2]:
                    self._state, self._name = self._colon, found[1][: MAX_NAME + 1]
                elif len(found[1]) <= MAX_NAME:
                    return self._keep(found.start())
                else:
                    self._state, self._is_value = self._string, False
                    return found.start(1)
        return len(self._data)

    def _colon(self, at: int) -> int:
        """After a string that ended with the last piece: a name, if a colon follows."""
        at = _end(self._layout.before_colon, self._data, at)
        following = self._data[at : at + 1]
        if following:
            is_secret = following == b":" and self._names_secret(self._name)
            self._state = self._start if is_secret else self._text
        return at + (following == b":")

    def _names_secret(self, name: bytes) -> bool:
        kind = kind_of(name) if len(name) <= MAX_NAME else None
        if kind is None:
            return False
        if kind is Kind.LOGPROBS:
            self._has_logprobs = True
            return False
        self._is_container = kind is Kind.CONTAINER
        return not (self._has_logprobs and name == b"token")

    # At a secret

    def _start(self, at: int) -> int:
        """After the colon."""
        at = _end(self._layout.before_value, self._data, at)
        first = self._data[at : at + 1]
        if first == b'"':
            self._state, self._is_value = self._string, True
            return at + 1
        if first and first in b"[{":
            self._state = self._container
        elif first:
            self._state = self._digits if first in b"-0123456789" else self._text
        return at

    def _string(self, at: int) -> int:
        """The rest of a string: a secret, a name in a secret, or one too long for a name."""
        end = _end(self._layout.rest if self._is_value else _rest, self._data, at)
        is_cut = end == len(self._data)
        read = self._data[at:end]
        # An escape that is cut is read again.
        cut = end - (len(read) - len(read.rstrip(b"\\"))) % 2 if is_cut else end
        if self._is_value:
            self._cover(at, cut)
            self._overwrite(cut, b"*" * (end - cut))
        if is_cut:
            return self._keep(cut)
        self._end_value()
        self._state = self._container if self._nesting else self._text
        return end + 1 if self._data[end] == 0x22 else end

    def _digits(self, at: int) -> int:
        end = _end(_number, self._data, at)
        self._cover_digits(at, end)
        if end < len(self._data):
            self._state = self._text
        return end

    def _container(self, at: int) -> int:
        """In a secret array or object."""
        for found in self._layout.marks.finditer(self._data, at):
            mark = found[0]
            if mark.isdigit():
                if self._is_value:
                    self._cover_digits(*found.span())
            elif mark == b'"':
                self._state = self._string
                return found.end()
            elif self._layout is EVENTS and mark in (b"\n", b"\n\r"):
                return self._keep(found.start())
            elif self._leaves(mark):
                self._nesting.clear()
                self._state = self._text
                return found.start() if mark.startswith(b"\n") else found.end()
        return len(self._data)

    def _leaves(self, mark: bytes) -> bool:
        """Whether a secret array or object ends at this mark: at its last bracket, at an object
        whose members are judged by their own names, or where it is broken off."""
        if mark in b":,":
            self._is_value = mark == b":" or self._nesting.endswith(b"[")
        elif mark == b"[" or (mark == b"{" and self._is_container):
            if len(self._nesting) <= MAX_DEPTH:
                self._nesting += mark
            self._is_value = mark == b"["
        elif mark in b"]}":
            if len(self._nesting) <= MAX_DEPTH:
                del self._nesting[-1:]
            self._is_value = False
            return not self._nesting
        else:
            return True
        return False

    def _cover_digits(self, start: int, end: int) -> None:
        """Overwrite a number by another one; in JSON a number must not begin with two zeros."""
        self._overwrite(start, self._data[start:end].translate(_ones))


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    assert found is not None  # it may be empty
    return found.end()
