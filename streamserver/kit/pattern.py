"""Which paths a route means: ``/jobs/{id:int}/log``.

A path is matched before it is decoded. "%2F" is a slash that belongs to a segment's text, and
were it decoded first it would cut the segment in two (RFC 3986, section 2.2). But there is
more than one way to encode the same text, so a path is brought into one form first, segment
by segment, and that form is what patterns are made of.

A segment is plain text or one parameter, and only the last may reach over slashes. So a
match is linear in the length of the path, whatever a client sends.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

_PLAIN = "".join(c for c in map(chr, range(0x21, 0x7F)) if c not in "%/")
"""What need not be encoded: all that may stand in a target, but for what has a meaning here."""


def canonical(path: str) -> str:
    """The one form of a raw path in which equal segments are equal text; slashes stay put."""
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
"""What a parameter may be: how its text looks and what it becomes; the most particular first."""

_RANKS = {name: rank for rank, name in enumerate(TYPES, 1)}
_parameter = re.compile(r"\{(\w+)(?::(\w+))?\}").fullmatch

Shape = tuple[tuple[int, str], ...]


class Pattern:
    """A path with parameters in braces: ``{name}`` or ``{name:type}``, each a whole segment.

    Types: ``str`` (the default) is a segment that is not empty; ``int`` up to 18 digits;
    ``float`` digits with or without a fraction; ``uuid``; ``path`` the rest of the path,
    which is not empty, and so the last segment. Text is written decoded ("/café"), and a
    slash at the end counts: "/jobs" and "/jobs/" are two paths.

    ValueError for a path that does not begin with "/" or breaks these rules.
    """

    __slots__ = ("_converters", "_fullmatch", "names", "shape", "text")

    def __init__(self, text: str) -> None:
        if not text.startswith("/") or "?" in text or "#" in text:
            raise ValueError(f'a path begins with "/" and has no "?" and no "#": {text!r}')
        self.text = text
        self.names: tuple[str, ...] = ()
        self._converters: tuple[Callable[[str], Any], ...] = ()
        segments = [self._segment(segment) for segment in text.split("/")[1:]]
        if "path" in [of_type for rank, of_type in self._ranks(segments)[:-1] if rank]:
            raise ValueError(f"a parameter of type path takes all the rest, so be it last: {text}")
        self.shape: Shape = self._ranks(segments)
        """What orders patterns: text before parameters, and those by type. Equal shapes match
        the same paths."""
        source = "".join(["/" + source for _, _, source in segments])
        self._fullmatch = re.compile(source).fullmatch

    @property
    def path(self) -> str | None:
        """The only path that it matches, in canonical form; None if it has parameters."""
        return None if self.names else "".join(["/" + _encode(text) for _, text in self.shape])

    def match(self, path: str) -> dict[str, Any] | None:
        """The parameters in a canonical path, decoded and converted; None where it differs."""
        match = self._fullmatch(path)
        if match is None:
            return None
        values = zip(self.names, self._converters, match.groups(), strict=True)
        return {name: convert(value) for name, convert, value in values}

    @staticmethod
    def _ranks(segments: list[tuple[int, str, str]]) -> Shape:
        return tuple([(rank, text) for rank, text, _ in segments])

    def _segment(self, segment: str) -> tuple[int, str, str]:
        """A segment's rank, its text or type, and its regular expression."""
        if "{" not in segment and "}" not in segment:
            return 0, segment, re.escape(_encode(segment))
        found = _parameter(segment)
        name, of_type = (found[1], found[2] or "str") if found else ("", "")
        if of_type not in TYPES:
            types = ", ".join(TYPES)
            raise ValueError(f"a parameter is {{name}} or {{name:type}} of {types}: {segment!r}")
        if name in self.names:
            raise ValueError(f"{self.text} has two parameters called {name}")
        source, converter = TYPES[of_type]
        self.names += (name,)
        self._converters += (converter,)
        return _RANKS[of_type], of_type, f"({source})"
