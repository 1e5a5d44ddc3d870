"""Field lines as values: names, lists, dates, and which fields stop at this hop.

Names are kept in lower case, values as str decoded from Latin-1, so that a field that
came in and goes out again is the same bytes (RFC 9110, section 5.5).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate, parsedate

Pairs = Iterable[tuple[str, str]]

TOKEN = r"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
"""A token, RFC 9110, section 5.6.2, as the source of a regular expression."""

_is_token = re.compile(TOKEN).fullmatch
_list_item = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
# The parser of the email package reads them all, and a great deal else.
_is_date = re.compile(
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"  # IMF-fixdate
    r"|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT"  # RFC 850
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}",  # asctime
    re.ASCII,
).fullmatch

HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    )
)
"""Fields that speak of one connection and are never passed on (RFC 9110, section 7.6.1)."""

UNBUFFERED = (("cache-control", "no-cache, no-transform"), ("x-accel-buffering", "no"))
"""Fields of a streamed response: no cache reuses it, and no proxy transforms or buffers it."""


def is_token(text: str) -> bool:
    """Whether ``text`` is a token, as methods and field names must be."""
    return _is_token(text) is not None


def split_list(value: str) -> list[str]:
    """The members of a comma-separated field value, empty ones dropped (RFC 9110, 5.6.1).

    Commas inside quoted strings do not separate.
    """
    if '"' not in value:
        return [part for item in value.split(",") if (part := item.strip(" \t"))]
    return [part for item in _list_item.findall(value) if (part := item.strip(" \t"))]


def connection_options(values: Iterable[str]) -> set[str]:
    """The options in all values of Connection, in lower case (RFC 9110, section 7.6.1).

    Options are tokens, so a quote that opens in one value hides no comma in the next.
    """
    return {option.strip(" \t") for value in values for option in value.lower().split(",")}


def grouped(pairs: Pairs) -> dict[str, list[str]]:
    """The values of each name; names in the order of their first pair, values in theirs."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def content_codings(value: str) -> list[str]:
    """The codings that a Content-Encoding field names (RFC 9110, section 8.4).

    "identity" is none, and neither is "none", which some services send.
    """
    return [coding for coding in split_list(value.lower()) if coding not in ("identity", "none")]


def http_date(seconds: float) -> str:
    """Seconds since 1970 as an IMF-fixdate (RFC 9110, section 5.6.7)."""
    return formatdate(seconds, usegmt=True)


def parse_http_date(text: str) -> float | None:
    """An HTTP date in any of its three forms as seconds since 1970; None if it is none."""
    parts = parsedate(text) if _is_date(text) else None
    try:
        return None if parts is None else datetime(*parts[:6], tzinfo=UTC).timestamp()
    except ValueError:
        return None


def field_value(name: str, value: object) -> str:
    """A field's value as text; a whole number becomes its digits.

    TypeError, which names the field, for anything else: ``None`` would be sent as the word.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"the value of the header field {name!r} is str, not {type(value).__name__}")


def field(name: object, value: object) -> tuple[str, str]:
    """A field line as Headers keep it: the name in lower case. TypeError for what is no text."""
    if isinstance(name, str):
        return name.lower(), field_value(name, value)
    raise TypeError(f"the name of a header field is str, not {type(name).__name__}: {name!r}")


class Headers:
    """Header fields: ordered, repeatable, found whatever the case of their name.

    Reading ``h["name"]`` joins repeated fields with ", " (RFC 9110, section 5.3) and raises
    KeyError when there is none; ``get_all`` keeps them apart, as Set-Cookie needs. A value is
    text, or a whole number; TypeError for any other.
    """

    __slots__ = ("_pairs",)

    def __init__(self, fields: Mapping[str, str] | Pairs | None = None) -> None:
        if not fields:
            self._pairs: list[tuple[str, str]] = []
            return
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        try:
            self._pairs = [
                (name.lower(), value) if type(name) is type(value) is str else field(name, value)
                for name, value in pairs
            ]
        except ValueError:  # these are no pairs
            given = type(fields).__name__
            forms = 'a mapping {"name": "value"} or pairs [("name", "value")]'
            raise TypeError(f"header fields are {forms}, not {given}") from None

    @classmethod
    def of_lower(cls, pairs: list[tuple[str, str]]) -> "Headers":
        """Adopt, without a copy, pairs whose names are in lower case already."""
        headers = cls.__new__(cls)
        headers._pairs = pairs
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of ``name``, repeated fields joined with ", "; else ``default``."""
        values = self.get_all(name)
        if len(values) == 1:
            return values[0]
        return ", ".join(values) if values else default

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name``, in the order of the field lines."""
        name = name.lower()
        return [value for key, value in self._pairs if key == name]

    def append(self, name: str, value: str) -> None:
        """Add a field line, and keep those of the same name."""
        plain = type(name) is type(value) is str
        self._pairs.append((name.lower(), value) if plain else field(name, value))

    def items(self) -> list[tuple[str, str]]:
        """The field lines as ``(lower-case name, value)``, in order. Not a copy."""
        return self._pairs

    def copy(self) -> "Headers":
        """The same fields, to be changed apart."""
        return Headers.of_lower(self._pairs.copy())

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        if name in self:
            del self[name]
        self.append(name, value)

    def __delitem__(self, name: str) -> None:
        name = name.lower()
        self._pairs[:] = [pair for pair in self._pairs if pair[0] != name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"
