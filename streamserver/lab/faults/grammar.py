"""Faults as a request writes them, in the query or in ``X-Lab-Fault``. Pure.

    fault=truncate@event:5        fault=stall@event:3:2.5        fault=rst@byte:?
    fault=unfinished:10           fault=length_over:100          fault=garbage@event:2-8:64
    fault=error@event:5           fault=error@event:5:openrouter

A fault has a name, a position in the body if its kind has one (default: the end), and a value if
its kind takes one. A position is a number, a range from which the seed selects, or ``?`` for the
default range.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from streamserver.kit.params import Parameter, duration, one_of, size, whole
from streamserver.wire.problem import HTTPError

MAX_FAULTS = 8
"""Of one response."""
MAX_POSITION = 1_000_000_000
MAX_SECONDS = 300.0
"""The duration of a fault that has none of its own."""
DEFAULT_BYTES = 1000
"""The range of ``byte:?``."""

SERVICES = ("openai", "vllm", "openrouter")
"""Whose forms an error in band may have, where an interface has several."""
UNITS = ("event", "line", "chunk", "byte", "end")
"""What a position counts. An event ends with an empty line, as server-sent events do; a chunk is a
piece of the body that is not empty; ``end`` is behind all of them."""
_ENDS = {"event": re.compile(rb"\n\r?\n|\r\r"), "line": re.compile(rb"\n")}
_LONGEST = 2
"""Bytes of such an end that may be at the end of a piece."""


@dataclass(frozen=True, slots=True)
class Position:
    """Behind the first ``count`` of a unit."""

    unit: str
    count: int = 0
    in_json_lines: bool = False
    """Whether each line is an event."""

    def __str__(self) -> str:
        return self.unit if self.unit == "end" else f"{self.unit}:{self.count}"


END = Position("end")


class PositionFinder:
    """Finds a position in a stream, wherever the stream is cut into pieces."""

    __slots__ = ("_ends", "_left", "_tail", "_unit")

    def __init__(self, position: Position) -> None:
        is_line = position.in_json_lines and position.unit == "event"
        self._unit = "line" if is_line else position.unit
        self._left = position.count
        self._ends = _ENDS.get(self._unit)
        self._tail = b""

    @property
    def is_reached(self) -> bool:
        """Whether the position is behind what was fed; never for ``END``."""
        return not self._left and self._unit != "end"

    def feed(self, piece: bytes) -> int:
        """The bytes of the next piece that come before the position, unless it is reached."""
        if self._ends is not None:
            return self._count_ends(self._ends, piece)
        if self._unit == "byte":
            size = min(self._left, len(piece))
            self._left -= size
            return size
        if self._unit == "chunk":
            self._left -= bool(piece)
        return len(piece)

    def _count_ends(self, ends: re.Pattern[bytes], piece: bytes) -> int:
        data, at = self._tail + piece, 0
        for found in ends.finditer(data):
            at = found.end()
            self._left -= 1
            if not self._left:
                return at - len(self._tail)
        self._tail = data[at:][-_LONGEST:]
        return len(piece)


class Kind(NamedTuple):
    """What a fault of some name does, and what it may have."""

    about: str
    has_position: bool
    value: Parameter[Any] | None = None
    needs_value: bool = False


_seconds = duration("fault {}:SECONDS", 0, MAX_SECONDS)
_bytes = size("fault {}:BYTES", 1, 65536)
_length = size("fault {}:BYTES", 0, MAX_POSITION)
_service = one_of("fault {}:SERVICE", *SERVICES)

KINDS = {
    "truncate": Kind("close the connection within the body", True),
    "rst": Kind("reset the connection", True),
    "stall": Kind("send nothing for a time; by default until the client leaves", True, _seconds),
    "garbage": Kind("insert bytes that are no text, and an empty line", True, _bytes),
    "bad_chunk": Kind("send a chunk with an invalid size, and close", True),
    "error": Kind("report an error in the stream, and end it", True, _service),
    "unfinished": Kind("send no end of the body, and close after a time", False, _seconds),
    "slow_close": Kind("close the connection some time after the end", False, _seconds),
    "length": Kind("announce a Content-Length of BYTES", False, _length, needs_value=True),
    "length_over": Kind("announce a Content-Length that is too large", False, _bytes),
    "length_under": Kind("announce a Content-Length that is too small", False, _bytes),
    "half_head": Kind("send a part of the head, by default half, and close", False, _bytes),
}


def syntax(name: str) -> str:
    """How a fault is written, with all that it may have."""
    kind = KINDS[name]
    value = kind.value.name.removeprefix("fault {}") if kind.value else ""
    return name + "@UNIT:NUMBER" * kind.has_position + value


_NAME = one_of("fault", *KINDS)
_range = re.compile(r"([0-9]{1,10})-([0-9]{1,10})").fullmatch


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a selected position."""

    name: str
    position: Position = END
    value: float | None = None
    service: str = ""
    """Whose form an error in band has."""

    def __str__(self) -> str:
        position = f"@{self.position}" if KINDS[self.name].has_position else ""
        value = "" if self.value is None else f":{self.value:.12g}"
        return f"{self.name}{position}{value}" + (f":{self.service}" if self.service else "")

    @property
    def is_ending(self) -> bool:
        """Whether it changes the head or the end of the response. A response has one such fault."""
        return not KINDS[self.name].has_position

    @property
    def is_break(self) -> bool:
        """Whether the response ends at its position."""
        return self.name in ("truncate", "rst", "bad_chunk")

    @property
    def needs_open_end(self) -> bool:
        """Whether it has no effect, or another one, in a body with a Content-Length."""
        at_end = self.name in ("truncate", "rst") and self.position == END
        return at_end or self.name in ("garbage", "bad_chunk", "error", "unfinished")


def parse_faults(texts: Sequence[str], seed: int, count: int = 10) -> list[Fault]:
    """The faults in these texts, of which each has one or several, separated by commas.

    ``count``: events of the stream, the range of ``event:?``. HTTPError 400 for a wrong fault.
    """
    faults = [one.strip() for text in texts for one in text.split(",")]
    if len(faults) > MAX_FAULTS:
        raise refusal("fault", f"at most {MAX_FAULTS} of them", f"{len(faults)} of them")
    # A generator for each: the position of a fault does not depend on the other faults.
    return [_parse(one, Random(f"{seed} {n}"), count) for n, one in enumerate(faults)]


def _parse(text: str, random: Random, count: int) -> Fault:
    head, *values = text.split(":")
    name, at, unit = head.partition("@")
    kind = KINDS[_NAME.read(name)]
    position = END
    if at:
        if not kind.has_position:
            raise refusal(f"fault {name}", "without a position", f"@{unit}")
        position = _parse_position(name, unit, values, random, count)
    if len(values) > (kind.value is not None):
        raise refusal(f"fault {name}", f"of the form {syntax(name)}", text)
    if kind.value is None or not (values or kind.needs_value):
        return Fault(name, position)
    parameter = replace(kind.value, name=kind.value.name.format(name))
    value = parameter.read("".join(values))
    if kind.value is _service:
        return Fault(name, position, service=value)
    return Fault(name, position, value)


def _parse_position(
    name: str, unit: str, values: list[str], random: Random, count: int
) -> Position:
    if one_of(f"fault {name}@", *UNITS).read(unit) == "end":
        return END
    text = values.pop(0) if values else ""
    if text == "?":
        return Position(unit, random.randrange(DEFAULT_BYTES if unit == "byte" else max(count, 1)))
    if (found := _range(text)) and int(found[1]) <= int(found[2]) <= MAX_POSITION:
        return Position(unit, random.randint(int(found[1]), int(found[2])))
    number = (size if unit == "byte" else whole)(f"fault {name}@{unit}:NUMBER", 0, MAX_POSITION)
    allowed = f"{number.allowed}, a range such as 2-8, or ?"
    return Position(unit, replace(number, allowed=allowed).read(text))


def refusal(name: str, allowed: str, given: str) -> HTTPError:
    """The 400 for a part of a fault that is not what is allowed."""
    detail = f"{name} must be {allowed}, not {given[:40]!a}"
    return HTTPError(400, detail, parameter=name, allowed=allowed)
