"""Field names and values: tokens, lists, dates, the fields of one hop, and ``Headers``.

Names are kept in lower case, values as str decoded from Latin-1, so that a field that is
passed on consists of the same bytes (RFC 9110, section 5.5).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate, parsedate
from typing import Any

Pairs = Iterable[tuple[str, str]]

TOKEN = r"[-!#$%&'*+.^_`|~0-9A-Za-z]++"
"""A token (RFC 9110, section 5.6.2), as the source of a regular expression."""

_is_token = re.compile(TOKEN).fullmatch
_list_item = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
# The email package's parser accepts much more than these.
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
"""Fields of one connection, which are never passed on (RFC 9110, section 7.6.1)."""

# Joined here, so that it is not the same object as an equal literal of a handler: some builds of
# Python keep equal literals once.
_CONTROL = ", ".join(("no-cache", "no-transform"))
UNBUFFERED = (("cache-control", _CONTROL), ("x-accel-buffering", "no"))
"""Fields of a streamed response: caches do not store it, and proxies do not change or hold it."""


def is_token(text: str) -> bool:
    """Whether ``text`` is a token, as methods and field names are."""
    return _is_token(text) is not None


def split_list(value: str) -> list[str]:
    """The members of a comma-separated value, empty ones dropped (RFC 9110, section 5.6.1).

    Commas in quoted strings do not separate.
    """
    items = value.split(",") if '"' not in value else _list_item.findall(value)
    return [part for item in items if (part := item.strip(" \t"))]


def connection_options(values: Iterable[str]) -> set[str]:
    """The options in all values of Connection, in lower case (RFC 9110, section 7.6.1).

    Options are tokens, so quotes have no meaning: an open quote hides no comma.
    """
    return {option.strip(" \t") for value in values for option in value.lower().split(",")}


def grouped(pairs: Pairs) -> dict[str, list[str]]:
    """The values of each name, in order."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def media_type(content_type: str | None) -> str:
    """The media type in a value of Content-Type, in lower case and without its parameters; "" for
    None (RFC 9110, section 8.3.1)."""
    return (content_type or "").partition(";")[0].strip().lower()


def add_vary(headers: "Headers", name: str) -> None:
    """Name a field of the request that selects the response (RFC 9110, section 12.5.5)."""
    names = split_list(headers.get("vary") or "")
    if not {name.lower(), "*"} & {known.lower() for known in names}:
        headers["vary"] = ", ".join([*names, name])


def content_codings(value: str) -> list[str]:
    """The codings in a value of Content-Encoding (RFC 9110, section 8.4).

    "identity" means that there is none; some services send "none" instead.
    """
    return [coding for coding in split_list(value.lower()) if coding not in ("identity", "none")]


def http_date(seconds: float) -> str:
    """Seconds since 1970 as an IMF-fixdate (RFC 9110, section 5.6.7)."""
    return formatdate(seconds, usegmt=True)


def parse_http_date(text: str) -> float | None:
    """An HTTP date in one of its three forms as seconds since 1970; None for anything else."""
    parts = parsedate(text) if _is_date(text) else None
    try:
        return None if parts is None else datetime(*parts[:6], tzinfo=UTC).timestamp()
    except ValueError:
        return None


def field_value(name: str, value: object) -> str:
    """A field's value as text; TypeError for anything but str and int.

    ``None`` in particular would be sent as a word.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"the value of the header field {name!r} is str, not {type(value).__name__}")


def field(name: object, value: object) -> tuple[str, str]:
    """A field with its name in lower case; TypeError for a name or value that is not text."""
    if isinstance(name, str):
        return name.lower(), field_value(name, value)
    raise TypeError(f"the name of a header field is str, not {type(name).__name__}: {name!r}")


class Headers:
    """Header fields: ordered, repeatable, found by a name in any case.

    ``h["name"]`` joins repeated fields with ", " (RFC 9110, section 5.3) and raises KeyError if
    there is none; ``get_all`` keeps them apart, as Set-Cookie requires. A value is str or int;
    TypeError for any other.
    """

    __slots__ = ("_pairs", "are_well_formed")

    def __init__(self, fields: Mapping[str, str] | Pairs | None = None) -> None:
        self.are_well_formed = False
        """Whether all fields have been checked, by a head reader, and need no check when sent."""
        if not fields:
            self._pairs: list[tuple[str, str]] = []
            return
        items = getattr(fields, "items", None)  # isinstance with Mapping takes five times as long
        pairs: Any = fields if items is None else items()
        try:
            self._pairs = [
                (name.lower(), value) if type(name) is type(value) is str else field(name, value)
                for name, value in pairs
            ]
        except ValueError:  # items that are not pairs
            forms = 'a mapping {"name": "value"} or pairs [("name", "value")]'
            raise TypeError(f"header fields are {forms}, not {type(fields).__name__}") from None

    @classmethod
    def of_lower(cls, pairs: list[tuple[str, str]], are_well_formed: bool = False) -> "Headers":
        """Adopt fields whose names are in lower case, without a copy."""
        headers = cls.__new__(cls)
        headers._pairs = pairs
        headers.are_well_formed = are_well_formed
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of ``name``, repeated fields joined with ", "; else ``default``."""
        name = name.lower()
        values = [value for key, value in self._pairs if key == name]
        if not values:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> list[str]:
        """Every value of ``name``, in order."""
        name = name.lower()
        return [value for key, value in self._pairs if key == name]

    def append(self, name: str, value: str) -> None:
        """Add a field, and keep those of the same name."""
        self.are_well_formed = False
        plain = type(name) is type(value) is str
        self._pairs.append((name.lower(), value) if plain else field(name, value))

    def items(self) -> list[tuple[str, str]]:
        """The fields as ``(lower-case name, value)``, in order; not a copy, so only to be read."""
        return self._pairs

    def copy(self) -> "Headers":
        """The same fields in a list of their own."""
        return Headers.of_lower(self._pairs.copy(), self.are_well_formed)

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
