"""Paths with parameters: ``/jobs/{id:int}/log``.

A path is matched before it is decoded: "%2F" belongs to the text of a segment, and decoded too
early it would divide the segment (RFC 3986, section 2.2). The same text has several encodings, so
each segment is first brought into one form, in which patterns are written too.

A segment is text or one parameter, and only the last can contain slashes. Therefore a match takes
time linear in the length of the path.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

_PLAIN = "".join(c for c in map(chr, range(0x21, 0x7F)) if c not in "%/")
"""Characters that are not encoded: those allowed in a target, except for "%" and "/"."""


def canonical(path: str) -> str:
    """The form of a raw path in which equal segments are equal text; slashes are kept."""
    if "%" not in path:
        return path
    return "/".join([_encode(unquote(segment)) for segment in path.split("/")])


def _encode(text: str) -> str:
    return quote(text, safe=_PLAIN)


TYPES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "int": (r"[0-9]{1,18}", int),
    "float": (r"[0-9]{1,15}(?:\.[0-9]{1,15})?", float),
    "uuid": (r"(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", UUID),
    "str": (r"[^/]+", unquote),
    "path": (r".+", unquote),
}
"""The types of parameters, the most specific first: a regular expression and a converter."""

_RANKS = {name: rank for rank, name in enumerate(TYPES, 1)}
_parameter = re.compile(r"\{(\w+)(?::(\w+))?\}").fullmatch

Shape = tuple[tuple[int, str], ...]


class Pattern:
    """A path in which a segment may be a parameter: ``{name}`` or ``{name:type}``.

    Types: ``str`` (the default), a segment that is not empty; ``int``, up to 18 digits; ``float``,
    digits with or without a fraction; ``uuid``; ``path``, the rest of the path, not empty. Text is
    written decoded ("/café"). A slash at the end counts: "/jobs" and "/jobs/" are two paths.

    ValueError for a path that does not begin with "/" or breaks these rules.
    """

    __slots__ = ("_converters", "_fullmatch", "names", "path", "shape", "text")

    def __init__(self, text: str) -> None:
        if not text.startswith("/") or "?" in text or "#" in text:
            raise ValueError(f'a path begins with "/" and has no "?" and no "#": {text!r}')
        self.text = text
        self.names: tuple[str, ...] = ()
        self._converters: tuple[Callable[[str], Any], ...] = ()
        segments = [self._segment(segment) for segment in text.split("/")[1:]]
        self.shape: Shape = tuple([(rank, text) for rank, text, _ in segments])
        """Orders patterns: text before parameters, and those by type. Equal shapes match the
        same paths."""
        if any(rank == _RANKS["path"] for rank, _ in self.shape[:-1]):
            raise ValueError(f"a parameter of type path must be the last segment: {text}")
        source = "".join(["/" + source for _, _, source in segments])
        self._fullmatch = re.compile(source).fullmatch
        canonical_text = "".join(["/" + _encode(text) for _, text in self.shape])
        self.path = None if self.names else canonical_text
        """The only path that matches, in canonical form; None if there are parameters."""

    def match(self, path: str) -> dict[str, Any] | None:
        """The parameters of a canonical path, decoded and converted; None if it does not match."""
        match = self._fullmatch(path)
        if match is None:
            return None
        values = zip(self.names, self._converters, match.groups(), strict=True)
        return {name: convert(value) for name, convert, value in values}

    def _segment(self, segment: str) -> tuple[int, str, str]:
        """A segment's rank, its text or type, and its regular expression."""
        if "{" not in segment and "}" not in segment:
            return 0, segment, re.escape(_encode(segment))
        found = _parameter(segment)
        name, type_name = (found[1], found[2] or "str") if found else ("", "")
        if type_name not in TYPES:
            types = ", ".join(TYPES)
            raise ValueError(f"a parameter is {{name}} or {{name:type}} of {types}: {segment!r}")
        if name in self.names:
            raise ValueError(f"{self.text} has two parameters called {name}")
        source, converter = TYPES[type_name]
        self.names += (name,)
        self._converters += (converter,)
        return _RANKS[type_name], type_name, f"({source})"
