"""What an event of the target says of itself: its number, when it was due, when it was sent.

Both are told by two clocks. The monotonic one (``time.monotonic_ns``) is the same for all
processes of a machine, and knows no steps: by it a client on the same machine has the delay of
each event to the microsecond. The wall clock is for clients elsewhere. The text has a fixed width,
padded with spaces, as JSON allows between its tokens; so a stamp never changes the size of an
event, and whoever reads a million of them need not parse JSON.
"""

import re
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, overload

_FORM = '"seq":%8d,"due":%19d,"sent":%19d,"due_wall":%19d,"sent_wall":%19d'
_WIDTH = len(_FORM % (0, 0, 0, 0, 0))
_START = '"seq":'
_pattern = re.compile(_FORM.replace("%8d", " *([0-9]{1,8})").replace("%19d", " *([0-9]{1,19})"))
_read = _pattern.match


class Stamp(NamedTuple):
    """A stamp as a client reads it; all times are in nanoseconds."""

    seq: int
    """The event's number in its stream, from 0."""
    due: int
    sent: int
    """By ``time.monotonic_ns`` of the target's machine."""
    due_wall: int
    sent_wall: int
    """Since 1970."""

    @property
    def late(self) -> int:
        """How late the target was with this event."""
        return self.sent - self.due


class Stamps(Sequence[Stamp]):
    """Stamps in the room of their numbers: as tuples they would take seven times as much."""

    __slots__ = ("_numbers",)

    def __init__(self, stamps: Iterable[Stamp] = ()) -> None:
        self._numbers = array("q")
        self.extend(stamps)

    def extend(self, stamps: Iterable[Stamp]) -> None:
        """Keep further ones."""
        for stamp in stamps:
            self._numbers.extend(stamp)

    def __len__(self) -> int:
        return len(self._numbers) // len(Stamp._fields)

    @overload
    def __getitem__(self, at: int) -> Stamp: ...

    @overload
    def __getitem__(self, at: slice) -> list[Stamp]: ...

    def __getitem__(self, at: int | slice) -> Stamp | list[Stamp]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        start = range(len(self))[at] * len(Stamp._fields)
        return Stamp._make(self._numbers[start : start + len(Stamp._fields)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]  # it changes


def write_stamp(seq: int, due: int, sent: int, wall: int) -> str:
    """The members of a JSON object that tell of an event; ``wall``: the wall clock when sent."""
    return _FORM % (seq, due, sent, wall - sent + due, wall)


def read_stamp(data: str) -> Stamp | None:
    """The first stamp in the data of an event, wherever it stands; None if there is none."""
    at = data.find(_START)
    if at < 0 or len(data) - at < _WIDTH:
        return None
    found = _read(data, at)
    return found and Stamp._make(map(int, found.groups()))


def without_times(data: str) -> str:
    """The data with its first stamp reduced to the number of the event: what two streams that were
    commanded alike have in common."""
    return _pattern.sub(r'"seq":\1', data, count=1)
