"""Parameters with a type and a range, from a query or a JSON object, and the idempotency key.

The definition of a parameter reads it, checks it, and names the allowed values in the error:

    COUNT = whole("count", 1, 1000, default=10)
    ...
    n = COUNT.of(request.query)

The text of a query is read strictly: signs, spaces, underscores, digits of other scripts and
"nan", which ``int`` and ``float`` accept, are mostly mistakes. Durations and sizes may have a unit.
A JSON object has types: there a number in quotes is text, and a duration is a number of seconds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamserver.kit.hints import did_you_mean
from streamserver.kit.request import Query, Request
from streamserver.kit.units import parse_duration, parse_size
from streamserver.wire.problem import HTTPError

T = TypeVar("T")
N = TypeVar("N", int, float)

_SHOWN = 40
"""Characters of a wrong value that the error repeats."""


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """A parameter, as ``whole``, ``size``, ``number``, ``duration``, ``one_of`` or ``text``
    defines it."""

    name: str
    allowed: str
    """The allowed values, as the end of a sentence: "a whole number from 1 to 1000"."""
    parse: Callable[[str], object]
    """Converts the text of a query; None for a text of another form."""
    check: Callable[[object], T | None]
    """Returns an allowed value, and None for any other."""
    default: T | None = None
    words: tuple[str, ...] = ()
    """The allowed values of ``one_of``: an error names the nearest."""

    def of(self, source: Query | Mapping[str, object]) -> T:
        """The value in a query or a JSON object, or the default.

        HTTPError 400 for a value that is not allowed, and for none without a default.
        """
        value = source.get(self.name)
        if value is not None:
            return self.read(str(value)) if isinstance(source, Query) else self._checked(value)
        if self.default is None:
            raise self._error("is missing: it must be " + self.allowed)
        return self.default

    def read(self, text: str) -> T:
        """The value of a text from elsewhere; HTTPError 400 if it is not allowed."""
        value = self.parse(text)
        return self._checked(text if value is None else value)

    def _checked(self, value: object) -> T:
        checked = self.check(value)
        if checked is None:
            shown = ascii(value)
            shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
            hint = did_you_mean(value, self.words) if isinstance(value, str) else ""
            raise self._error(f"must be {self.allowed}, not {shown}{hint}")
        return checked

    def _error(self, sentence: str) -> HTTPError:
        return HTTPError(400, f"{self.name} {sentence}", parameter=self.name, allowed=self.allowed)


def whole(name: str, least: int, most: int, *, default: int | None = None) -> Parameter[int]:
    """A whole number from ``least`` to ``most``."""
    allowed = f"a whole number from {least} to {most}"
    return Parameter(name, allowed, _parse_whole, _within(int, least, most), default)


def size(name: str, least: int, most: int, *, default: int | None = None) -> Parameter[int]:
    """A number of bytes from ``least`` to ``most``."""
    allowed = f"a size from {least} to {most} bytes, as in 1000 or 64KiB"
    return Parameter(name, allowed, parse_size, _within(int, least, most), default)


def number(
    name: str, least: float, most: float, *, default: float | None = None
) -> Parameter[float]:
    """A number from ``least`` to ``most``, with or without a fraction."""
    allowed = f"a number from {least:g} to {most:g}"
    return Parameter(name, allowed, _parse_number, _within(float, least, most), default)


def duration(
    name: str, least: float, most: float, *, default: float | None = None
) -> Parameter[float]:
    """A number of seconds from ``least`` to ``most``."""
    allowed = f"a duration from {least:g} to {most:g} seconds, as in 0.5 or 500ms"
    return Parameter(name, allowed, _parse_seconds, _within(float, least, most), default)


def one_of(name: str, *words: str, default: str | None = None) -> Parameter[str]:
    """Exactly one of the words."""

    def check(value: object) -> str | None:
        return value if isinstance(value, str) and value in words else None

    return Parameter(name, "one of " + ", ".join(words), str, check, default, words)


def text(name: str, least: int, most: int, *, default: str | None = None) -> Parameter[str]:
    """A text of ``least`` to ``most`` characters that can be encoded as UTF-8: JSON can escape half
    of a surrogate pair."""

    def check(value: object) -> str | None:
        if isinstance(value, str) and least <= len(value) <= most:
            return None if _lone_surrogate(value) else value
        return None

    return Parameter(name, f"a text of {least} to {most} characters", str, check, default)


_is_whole = re.compile(r"-?[0-9]{1,18}").fullmatch
_is_number = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?").fullmatch
_lone_surrogate = re.compile("[\ud800-\udfff]").search


def _parse_whole(text: str) -> int | None:
    return int(text) if _is_whole(text) else None


def _parse_number(text: str) -> float | None:
    return float(text) if _is_number(text) else None


def _parse_seconds(text: str) -> float | None:
    seconds = parse_duration(text)
    return None if seconds is None else float(seconds)


def _within(kind: type[N], least: float, most: float) -> Callable[[object], N | None]:
    def check(value: object) -> N | None:
        # By `type`: True is an int in Python, but not in JSON.
        if type(value) is int or (kind is float and type(value) is float):
            return kind(value) if least <= value <= most else None
        return None

    return check


async def json_object(request: Request) -> dict[str, object]:
    """The body, a JSON object whose members are parameters; HTTPError 400 for any other body."""
    value = await request.json()
    if not isinstance(value, dict):
        raise HTTPError(400, 'the body must be a JSON object: {"name": value, ...}')
    return value


FIELD = "Idempotency-Key"
KEYS = 'a string of 1 to 255 printable ASCII characters in quotes, as in "8e03978e-40d5"'

# A String (RFC 9651, section 3.3.3), or without quotes, as several widespread services define it.
_is_key = re.compile(
    r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"'
    r"|([-!#$%&'*+./:=^_`|~0-9A-Za-z]{1,255})"
).fullmatch


def idempotency_key(request: Request) -> str | None:
    """The field Idempotency-Key (draft-ietf-httpapi-idempotency-key-header, section 2).

    A client that received no response repeats its request with the same key; the server performs
    the request once. HTTPError 400 for a value that is no key.
    """
    value = request.headers.get(FIELD)
    if value is None:
        return None
    if (match := _is_key(value)) is None:
        detail = f"{FIELD} must be {KEYS}, not {value[:40]!a}"
        raise HTTPError(400, detail, parameter=FIELD, allowed=KEYS)
    return match[2] or re.sub(r'\\(["\\])', r"\1", match[1])
