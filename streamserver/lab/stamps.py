"""The stamp in an event of the target: its number, when it was due, and when it was sent.

Times are those of two clocks. The monotonic one (``time.monotonic_ns``) is shared by the processes
of a machine and never steps: with it the lab's client computes the delay of each event. The wall
clock is for clients on other machines. The text has a fixed width, padded with spaces, which JSON
allows between its tokens: a stamp never changes the size of an event, and reading it does not take
a JSON parser.
"""

import re
from typing import NamedTuple

_MONOTONIC = '"seq":%8d,"due":%19d,"sent":%19d'
_WALL = ',"due_wall":%19d,"sent_wall":%19d'
_FORM = _MONOTONIC + _WALL
_START = '"seq":'
_pattern = re.compile(
    _MONOTONIC.replace("%8d", " *([0-9]{1,8})").replace("%19d", " *([0-9]{1,19})")
    + _WALL.replace("%19d", " *[0-9]{1,19}")
)
_match = _pattern.match


class Stamp(NamedTuple):
    """A parsed stamp; times are in ns of ``time.monotonic_ns`` on the target's machine."""

    seq: int
    """The event's number in its stream, from 0."""
    due: int
    sent: int

    @property
    def late(self) -> int:
        """How late the target sent the event."""
        return self.sent - self.due


def write_stamp(seq: int, due: int, sent: int, wall: int) -> str:
    """A stamp as members of a JSON object; ``wall``: the wall clock at the time of sending."""
    return _FORM % (seq, due, sent, wall - sent + due, wall)


def read_stamp(data: str) -> Stamp | None:
    """The first stamp in the data of an event; None if there is none."""
    at = data.find(_START)
    found = _match(data, at) if at >= 0 else None
    if found is None:
        return None
    seq, due, sent = found.groups()
    return Stamp(int(seq), int(due), int(sent))


def without_times(data: str) -> str:
    """The data with its first stamp reduced to the number of the event, for comparison of two
    streams of the same command."""
    return _pattern.sub(r'"seq":\1', data, count=1)
