"""Where in a stream something shall happen: behind so many events, lines, chunks or bytes.

Events and lines are found in the bytes themselves, so a place is the same wherever the stream was
cut into pieces, and a piece that goes beyond it is cut there. Pure.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, get_args

Unit = Literal["event", "line", "chunk", "byte", "end"]
"""What is counted: events as server-sent events have them, blocks with an empty line behind them;
lines; pieces of whatever size, as the body gives them; bytes. ``end`` is behind all of them."""

UNITS: tuple[Unit, ...] = get_args(Unit)

_ENDS = {"event": re.compile(rb"\n\r?\n|\r\r"), "line": re.compile(rb"\n")}
_LONGEST = 2
"""Bytes that the beginning of such an end may have."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the first ``count`` of a unit: ``event(3)``, ``byte(1000)``, ``END``."""

    unit: Unit
    count: int = 0
    of_lines: bool = False
    """Whether the stream is one of JSON lines, in which each line is an event."""

    def __str__(self) -> str:
        return self.unit if self.unit == "end" else f"{self.unit}:{self.count}"

    def in_lines(self) -> "Place":
        """The same place in a stream of JSON lines."""
        return replace(self, of_lines=self.unit == "event")


END = Place("end")


def event(count: int) -> Place:
    """Behind so many events; comments count too."""
    return Place("event", count)


def line(count: int) -> Place:
    """Behind so many lines."""
    return Place("line", count)


def chunk(count: int) -> Place:
    """Behind so many pieces of the body."""
    return Place("chunk", count)


def byte(count: int) -> Place:
    """Behind so many bytes."""
    return Place("byte", count)


class Finder:
    """Finds a place in the pieces of one stream."""

    __slots__ = ("_ends", "_left", "_tail", "_unit")

    def __init__(self, place: Place) -> None:
        self._unit = place.unit
        self._left = place.count
        self._ends = _ENDS.get("line" if place.of_lines else place.unit)
        self._tail = b""

    @property
    def reached(self) -> bool:
        """Whether the place is behind what was fed; never so for ``END``."""
        return not self._left and self._unit != "end"

    def feed(self, piece: bytes) -> int:
        """How many bytes of the next piece come before the place; not once it is reached."""
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
