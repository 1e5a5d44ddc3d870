"""When each event of a stream is due and how large it is: pure, and the same for the same knobs.

Each question has random numbers of its own, so that one knob never changes what another gives.
"""

from collections.abc import Iterator
from itertools import islice

from streamserver.lab.target.distributions import factors
from streamserver.lab.target.knobs import Knobs

SECOND = 1_000_000_000
"""Nanoseconds."""


Offset = int | None
"""Nanoseconds from a stream's head to an event; None for one that is due as soon as there is room
for it, and so is never late."""


def due_times(commanded: Knobs) -> Iterator[Offset]:
    """When each event is due, in order.

    Events that are to leave in one chunk or in one write are due when the last of them is.
    """
    times = offsets(commanded, commanded.first_byte_delay, commanded.gap, commanded.count)
    return together(times, commanded.together)


def offsets(commanded: Knobs, first: float, gap: float, count: int) -> Iterator[Offset]:
    """The same for so many events, the first after ``first`` seconds, so many seconds apart on
    average; jitter and bursts are those commanded, and a burst counts as many gaps as events.
    Without a gap only the first is due at a time of its own.

    They are counted from the beginning, and rounded only then, so that they never drift.
    """
    draw = factors(commanded.jitter, commanded.spread, f"gaps {commanded.seed}")
    burst = commanded.burst
    strayed = 0.0
    for seq in range(count):
        if seq and seq % burst == 0:
            strayed += (draw() - 1) * gap * burst
        at = first + seq // burst * burst * gap + strayed
        yield round(at * SECOND) if gap or not seq else None


def together(times: Iterator[Offset], number: int) -> Iterator[Offset]:
    """Of each so many, the last that has a time of its own."""
    return times if number == 1 else _last_of_each(times, number)


def _last_of_each(times: Iterator[Offset], number: int) -> Iterator[Offset]:
    while some := list(islice(times, number)):
        yield from [some[0] if some[-1] is None else some[-1]] * len(some)


def sizes(commanded: Knobs) -> Iterator[int]:
    """Bytes of text of each event, without end."""
    draw = factors(commanded.size_jitter, commanded.size_spread, f"sizes {commanded.seed}")
    while True:
        yield round(commanded.size * draw())
