"""Parameters with a type and a range, from a query or a JSON object.

A parameter is defined once, as a value, and that definition reads it, checks it, and says
in the answer's own words what would have been right:

    COUNT = whole("count", 1, 1000, default=10)
    ...
    n = COUNT.of(request.query)

A query holds only text, which is read strictly: what ``int`` and ``float`` take besides
digits (signs, spaces, underscores, other scripts' digits, "nan") is more often an accident
than a wish. A duration and a size may have a unit there. A JSON object has types of its own:
there a number in quotes is text, and a duration is a number of seconds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamserver.kit import units
from streamserver.kit.nearest import did_you_mean
from streamserver.kit.request import Query, Request
from streamserver.wire.problem import HTTPError

T = TypeVar("T")
_whole = re.compile(r"-?[0-9]{1,18}").fullmatch
_number = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?").fullmatch
_SHOWN = 40
"""Characters of a refused value that the answer repeats."""


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """A parameter as ``whole``, ``size``, ``number``, ``duration``, ``one_of`` and ``text``
    define it."""

    name: str
    allowed: str
    """What it must be, as the end of a sentence: "a whole number from 1 to 1000"."""
    from_text: Callable[[str], object]
    check: Callable[[object], T | None]
    """The value if it is in the range, else None."""
    default: T | None = None
    words: tuple[str, ...] = ()
    """All values there are, where they are words: a refusal names the nearest."""

    def of(self, source: Query | Mapping[str, object]) -> T:
        """The parameter's value in a query or a JSON object, or its default.

        HTTPError 400, which names the parameter and its range, for a value outside it, and
        for one that is missing where there is no default.
        """
        if isinstance(source, Query):
            found = source.get(self.name)
            value = None if found is None else self.from_text(found)
        else:
            value = source.get(self.name)
        if value is not None:
            return self._checked(value)
        if self.default is None:
            raise self._refusal("is missing: it must be " + self.allowed)
        return self.default

    def read(self, text: str) -> T:
        """The value that a text means, wherever it comes from; HTTPError 400 as ``of``."""
        return self._checked(self.from_text(text))

    def _checked(self, value: object) -> T:
        checked = self.check(value)
        if checked is None:
            shown = ascii(value)
            shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
            hint = did_you_mean(value, self.words) if isinstance(value, str) else ""
            raise self._refusal(f"must be {self.allowed}, not {shown}{hint}")
        return checked

    def _refusal(self, sentence: str) -> HTTPError:
        return HTTPError(400, f"{self.name} {sentence}", parameter=self.name, allowed=self.allowed)


def whole(name: str, least: int, most: int, *, default: int | None = None) -> Parameter[int]:
    """A whole number from ``least`` to ``most``."""
    allowed = f"a whole number from {least} to {most}"
    return Parameter(name, allowed, _whole_of, _whole_within(least, most), default)


def size(name: str, least: int, most: int, *, default: int | None = None) -> Parameter[int]:
    """A number of bytes from ``least`` to ``most``."""

    def from_text(text: str) -> object:
        octets = units.size(text)
        return _whole_of(text) if octets is None else octets

    allowed = f"a size from {least} to {most} bytes, as in 1000 or 64KiB"
    return Parameter(name, allowed, from_text, _whole_within(least, most), default)


def number(
    name: str, least: float, most: float, *, default: float | None = None
) -> Parameter[float]:
    """A number from ``least`` to ``most``, with or without a fraction."""
    allowed = f"a number from {least:g} to {most:g}"
    return Parameter(name, allowed, _number_of, _number_within(least, most), default)


def duration(
    name: str, least: float, most: float, *, default: float | None = None
) -> Parameter[float]:
    """A number of seconds from ``least`` to ``most``."""

    def from_text(text: str) -> object:
        seconds = units.duration(text)
        return _number_of(text) if seconds is None else float(seconds)

    allowed = f"a duration from {least:g} to {most:g} seconds, as in 0.5 or 500ms"
    return Parameter(name, allowed, from_text, _number_within(least, most), default)


def one_of(name: str, *words: str, default: str | None = None) -> Parameter[str]:
    """Exactly one of the words."""

    def check(value: object) -> str | None:
        return value if isinstance(value, str) and value in words else None

    return Parameter(name, "one of " + ", ".join(words), _as_it_is, check, default, words)


def text(name: str, least: int, most: int, *, default: str | None = None) -> Parameter[str]:
    """A text of ``least`` to ``most`` characters that UTF-8 can hold.

    JSON can escape half of a surrogate pair, which is no character and cannot be sent.
    """

    def check(value: object) -> str | None:
        if isinstance(value, str) and least <= len(value) <= most:
            return None if _lone_surrogate(value) else value
        return None

    return Parameter(name, f"a text of {least} to {most} characters", _as_it_is, check, default)


_lone_surrogate = re.compile("[\ud800-\udfff]").search


def _as_it_is(text: str) -> object:
    return text


def _whole_of(text: str) -> object:
    return int(text) if _whole(text) else text


def _number_of(text: str) -> object:
    return float(text) if _number(text) else text


def _whole_within(least: int, most: int) -> Callable[[object], int | None]:
    def check(value: object) -> int | None:
        # True is an int to Python, but not to JSON.
        return value if type(value) is int and least <= value <= most else None

    return check


def _number_within(least: float, most: float) -> Callable[[object], float | None]:
    def check(value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if least <= value <= most else None

    return check


async def json_object(request: Request) -> dict[str, object]:
    """The body, a JSON object whose members are parameters; HTTPError 400 if it is none."""
    value = await request.json()
    if not isinstance(value, dict):
        raise HTTPError(400, 'the body must be a JSON object: {"name": value, ...}')
    return value
