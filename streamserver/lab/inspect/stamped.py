"""Delays of single events, from the stamps of the lab's target (``lab/stamps.py``).

A stamp says when its event was sent, on the clock that all processes of a machine share: the delay
on the way is exact. Stamps that lie outside the exchange belong to another clock or to a recorded
stream, and say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from streamserver.lab.inspect.recording import Message
from streamserver.lab.stamps import read_stamp

SECOND = 1_000_000_000
_CLOCK_ERROR = 0.05
"""Seconds: the request may be on its way before ``sent_at`` is read."""


class Delay(NamedTuple):
    """An event with a stamp. Times are in seconds since the request was sent."""

    sent: float
    at: float
    """When it arrived."""

    @property
    def delay(self) -> float:
        """Seconds on the way."""
        return self.at - self.sent


@dataclass(frozen=True, slots=True)
class Delays:
    """The events of one message that have a stamp."""

    events: Sequence[Delay]

    @property
    def span(self) -> float:
        """Seconds from the sending of the first event to that of the last one."""
        return self.events[-1].sent - self.events[0].sent

    def median(self) -> float:
        """The delay that half of the events exceed."""
        return sorted(one.delay for one in self.events)[len(self.events) // 2]

    def longest(self) -> float:
        """The longest delay."""
        return max(one.delay for one in self.events)

    def held(self, bound: float) -> int:
        """The number of events whose delay exceeds ``bound``."""
        return sum(one.delay > bound for one in self.events)

    def unpushed(self) -> int:
        """The number of events that arrived before the next one was sent, so that nothing else
        can have pushed them out of a buffer."""
        return sum(one.at < following.sent for one, following in pairwise(self.events))


def read_delays(message: Message) -> Delays | None:
    """The delays of the events; None where most have no stamp that can be compared."""
    begin = message.recording.sent_at
    events = message.events
    found = []
    for one in events:
        stamp = read_stamp(one.event.data) if isinstance(one.event.data, str) else None
        if stamp is not None:
            found.append(Delay((stamp.sent - begin) / SECOND, one.at))
    error = _CLOCK_ERROR + message.recording.stalled
    if len(found) < 2 or 2 * len(found) < len(events):
        return None
    if any(one.sent < -error or one.delay < -error for one in found):
        return None
    return Delays(found)
